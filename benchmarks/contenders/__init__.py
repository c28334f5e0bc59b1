"""The contenders as a table; each is imported only in the process that runs it."""

from importlib import import_module
from typing import cast

from attrs import frozen

from benchmarks.job import Contend


@frozen
class Contender:
    """One way to poll a fleet.

    Attributes:
        key: Its name on the command line.
        label: Its name in tables.
        where: The function that opens it, as `module:name` below this package.
        sniffio: Whether it has sniffio installed: our package brings it along, a fresh httpx does not.
        endures: Whether it is given more time than the others, and one round: it fails late, and each time alike.
    """

    key: str
    label: str
    where: str
    sniffio: bool = True
    endures: bool = False

    def load(self) -> Contend:
        """Give its function."""
        module, name = self.where.split(":")
        return cast("Contend", getattr(import_module(f"{__name__}.{module}"), name))


DEFAULT = "httpx-semaphore"
"""What all others are compared with."""

CONTENDERS = {
    contender.key: contender
    for contender in (
        Contender("httpx-gather", "httpx, gather (no sniffio)", "httpx_plain:gathered", sniffio=False, endures=True),
        Contender("httpx-semaphore", "httpx, semaphore (no sniffio)", "httpx_plain:with_semaphore", sniffio=False),
        Contender("httpx-sniffio", "httpx, semaphore (sniffio installed)", "httpx_plain:with_semaphore"),
        Contender("aiometer", "httpx, aiometer (no sniffio)", "aiometer_httpx:metered", sniffio=False),
        Contender("httpx-limits", "httpx, limits raised (no sniffio)", "httpx_plain:with_limits_raised", sniffio=False),
        Contender("httpx2", "httpx2, semaphore", "httpx2_plain:with_semaphore", sniffio=False),
        Contender("httpx-aiohttp", "httpx-aiohttp, semaphore", "httpx_over_aiohttp:with_semaphore", sniffio=False),
        Contender("aiohttp", "aiohttp, semaphore", "aiohttp_plain:with_semaphore"),
        Contender("aiohttp-models", "aiohttp, semaphore, into attrs objects", "aiohttp_plain:into_models"),
        Contender("niquests", "niquests, semaphore", "niquests_plain:with_semaphore"),
        Contender("pyreqwest", "pyreqwest, semaphore", "pyreqwest_plain:with_semaphore"),
        Contender("floor", "the floor: a protocol by hand", "floor:by_hand"),
        Contender("lanes-bare", "lane_client on h11, bare, semaphore", "ours:lanes_bare"),
        Contender("fast-bare", "fast_client, bare, semaphore", "ours:fast_bare"),
        Contender("session-lanes", "CvmSession over lane_client on h11", "ours:session_over_lanes"),
        Contender("session-fast", "CvmSession over fast_client", "ours:session_over_fast"),
    )
}
KNOWING = Contender("aiohttp-no-jar", "aiohttp, semaphore, DummyCookieJar", "aiohttp_plain:without_jar")
"""For the panel alone: who knows of the lock can do this."""
EVERY = {**CONTENDERS, KNOWING.key: KNOWING}
