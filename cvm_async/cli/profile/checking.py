"""`profile check`: does the panel let these tokens in? One call tells, and no more than one is made."""

import asyncio
from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

import cvm_async
from cvm_async._profiles.choice import Access, resolved
from cvm_async._profiles.environment import Environment
from cvm_async._profiles.file import ProfileFile
from cvm_async._profiles.profile import profile_of
from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import Exit, of_error
from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.cli.profile.told import shown_url
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import ConfigurationError, CvmError
from cvm_async.models import JSON_VERSION


@frozen
class Checked:
    """What came of one call.

    Attributes:
        name: Of which profile.
        url: The panel's address; None where the profile does not tell.
        vpses: VPSes of the account; None where the call failed.
        error: Why it failed.
        elapsed: Seconds that it took.
    """

    name: str
    url: str | None
    vpses: int | None = None
    error: CvmError | None = None
    elapsed: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {
            "name": self.name,
            "ok": self.error is None,
            "url": self.url,
            "vpses": self.vpses,
            "error": None if self.error is None else str(self.error),
            "error_type": None if self.error is None else type(self.error).__name__,
            "elapsed": round(self.elapsed, 3),
        }


async def check_profiles(terminal: Terminal, file: ProfileFile, names: Sequence[str]) -> Exit:
    """Check profiles side by side, print what came of it, and give the exit status.

    Raises:
        ConfigurationError: There is no profile of one of these names.
    """
    for name in names:
        file.table(name)
    with terminal.interruptible():
        # One after the other: a person may have to type a passphrase for each.
        accesses = [_access(file, name) for name in names]
    checked = await asyncio.gather(*map(_checked, names, accesses))
    terminal.table(_grid(checked))
    terminal.say(*(f"{safe_text(each.name)}: {each.error}" for each in checked if each.error is not None))
    terminal.emit({"version": JSON_VERSION, "profiles": [each.to_dict() for each in checked]})
    return _exit(checked)


def _access(file: ProfileFile, name: str) -> Access | ConfigurationError:
    try:
        profile = profile_of(file, name)
        given = Environment.of()
        # Only what the profile leaves to the environment.
        given = evolve(
            given,
            url="",
            public_token=given.public_token if profile.public_token is None else None,
            private_token=given.private_token if profile.private_token is None else None,
        )
        return resolved(profile, given)
    except ConfigurationError as error:
        return error


async def _checked(name: str, access: Access | ConfigurationError) -> Checked:
    if isinstance(access, ConfigurationError):
        return Checked(name, None, error=access)
    clock = asyncio.get_running_loop().time
    url, begun = shown_url(access.url), clock()
    once = evolve(access, ways=evolve(access.ways, retry=cvm_async.Retry(attempts=1)))
    try:
        async with cvm_async.CvmSession.with_access(once) as session:
            vpses = await session.list_vpses()
    except CvmError as error:
        return Checked(name, url, error=error, elapsed=clock() - begun)
    return Checked(name, url, len(vpses), elapsed=clock() - begun)


def _grid(checked: Iterable[Checked]) -> Grid:
    columns = (
        Column("RESULT", toned=True),
        Column("PROFILE", uncut=20, least=len("PROFILE")),
        Column("PANEL", uncut=30, least=len("https://a.b")),
        Column("VPSES", right=True, leaves=2),
        Column("TOOK", right=True, leaves=1),
    )
    return Grid(columns, tuple(map(_row, checked)))


def _row(each: Checked) -> Row:
    vpses = "" if each.vpses is None else f"{each.vpses:,}"
    word, tone = ("ok", Tone.GOOD) if each.error is None else ("failed", Tone.TROUBLE)
    return Row((word, safe_text(each.name), each.url or "", vpses, f"{each.elapsed:.1f} s"), tone)


def _exit(checked: Sequence[Checked]) -> Exit:
    failed = [of_error(each.error) for each in checked if each.error is not None]
    if len({*failed}) == 1 and len(failed) == len(checked):
        return failed[0]
    if len(failed) == len(checked) > 0:
        return Exit.FAILED
    return Exit.PARTLY if failed else Exit.DONE
