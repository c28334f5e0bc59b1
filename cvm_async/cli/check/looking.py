"""What one look at a panel tells: a list, and where that leaves the revision open a status besides."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from attrs import define, evolve, field, frozen

import cvm_async
from cvm_async._api import calls
from cvm_async._api.verbs import RUNNING, Revision, Verb
from cvm_async._profiles.authority import trusting
from cvm_async._profiles.choice import Access
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.cli.check.certificate import valid_until
from cvm_async.errors import AuthenticationError, CvmError, NotSentError, PanelError, PermissionDeniedError
from cvm_async.session import own_client

Tokens: TypeAlias = Literal["accepted", "not accepted", "no access"]

_HTTPS_PORT: Final = 443
_SHOWN: Final = 60
"""Characters of PHP's diagnostics that are told."""
_HALF_A_SECOND: Final = 0.5
"""What an HTTP date leaves out on average."""


@frozen(kw_only=True)
class Certificate:
    """A panel's certificate.

    Attributes:
        until: When it ends.
        days: Days until then; below 0 where it has ended.
        is_trusted: Whether the session trusts it; None where that is not known.
    """

    until: datetime
    days: int
    is_trusted: bool | None

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {"until": self.until.isoformat(), "days_left": self.days, "trusted": self.is_trusted}


@frozen(kw_only=True)
class PanelCheck:
    """What one look at a panel told.

    Attributes:
        panel: What it is called.
        url: Its address.
        error: Why its list could not be read; None where it could.
        revision: The revision of its API, "2012" or "2013"; None where that is not known.
        tokens: What it says of the tokens; None where it said nothing.
        vpses: VPSes of the account; None where its list could not be read.
        clock_skew: Seconds that its clock is ahead of this machine's, below 0 where behind; None where it does not say.
        latency: Seconds from a request to the head of its answer; None where none came.
        diagnostics: How PHP's diagnostics before its answers begin; None where there are none.
        certificate: That of an https address; None where there is none, or none could be had.
    """

    panel: str
    url: str
    error: CvmError | None = None
    revision: str | None = None
    tokens: Tokens | None = None
    vpses: int | None = None
    clock_skew: float | None = None
    latency: float | None = None
    diagnostics: str | None = None
    certificate: Certificate | None = None

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {
            "panel": self.panel,
            "url": self.url,
            "ok": self.error is None,
            "revision": self.revision,
            "tokens": self.tokens,
            "vpses": self.vpses,
            "clock_skew": None if self.clock_skew is None else round(self.clock_skew, 1),
            "latency": None if self.latency is None else round(self.latency, 3),
            "php_diagnostics": self.diagnostics,
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
            "error": None if self.error is None else str(self.error),
            "error_kind": None if self.error is None else self.error.kind,
        }


@define
class _Heard:
    """What went over the wire last, as the client's hooks saw it."""

    began: float = 0.0
    latency: float | None = None
    skew: float | None = None
    status: int = 0
    body: bytes = field(default=b"", repr=False)

    async def asked(self, _: Any) -> None:  # noqa: ANN401 - the HTTP library's, which is not known here
        self.began = time.perf_counter()

    async def answered(self, response: Any) -> None:  # noqa: ANN401 - likewise
        self.latency = time.perf_counter() - self.began
        self.skew = _skew(response.headers.get("date", ""), self.latency)
        self.status, self.body = response.status_code, await response.aread()

    def diagnostics(self, secrets: tuple[str, ...]) -> str | None:
        """Give how PHP's diagnostics before the last answer begin, without what may not be shown."""
        told = None
        with suppress(CvmError):
            told = calls.list_vpses().read(self.status, self.body).diagnostics
        for secret in secrets:
            told = None if told is None else told.replace(secret, "…")
        return None if told is None else excerpt(told, _SHOWN)


async def look_at(access: Access) -> PanelCheck:
    """Look at a panel; what goes wrong is in what is given."""
    ways = access.ways
    access = evolve(access, ways=evolve(ways, api=ways.api or "auto", retry=cvm_async.Retry(attempts=1)))
    found = PanelCheck(panel=ways.name or (urlsplit(access.url).hostname or access.url), url=_shown(access.url))
    try:
        client = own_client(ways.limits, verify=True if ways.ca_file is None else trusting(ways.ca_file))
    except CvmError as error:
        return evolve(found, error=error)
    heard = _Heard()
    client.event_hooks = {"request": [heard.asked], "response": [heard.answered]}
    async with client:
        try:
            session = cvm_async.CvmSession.with_access(access, client=client)
        except CvmError as error:
            return evolve(found, error=error)
        async with session:
            found = await _asked(evolve(found, panel=session.name, url=session.url), session, heard, access)
    return evolve(found, certificate=await _certificate(found, ways.timeouts.connect))


async def _asked(found: PanelCheck, session: "cvm_async.CvmSession", heard: _Heard, access: Access) -> PanelCheck:
    secrets = access.private_token.reveal(), access.public_token.reveal()
    try:
        vpses = await session.list_vpses()
    except CvmError as error:
        return evolve(
            found,
            error=error,
            tokens=_said_of_tokens(error),
            latency=heard.latency,
            clock_skew=heard.skew,
            revision=_revision_by(error) or session.revision,
        )
    found = evolve(
        found,
        vpses=len(vpses),
        tokens="accepted",
        latency=heard.latency,
        clock_skew=heard.skew,
        diagnostics=heard.diagnostics(secrets),
    )
    if session.revision is None and vpses:
        # Its list fits both; a status tells, whatever it is.
        await asyncio.gather(session.status(vpses[0]), return_exceptions=True)
    return evolve(found, revision=session.revision)


def _revision_by(error: CvmError) -> str | None:
    """Give the revision that a refusal of the tokens shows: a panel has it where it has the path."""
    is_of_panel = isinstance(error, (AuthenticationError, PermissionDeniedError))
    return str(Revision.LATER) if is_of_panel and error.path == RUNNING.path(Verb.LIST) else None


def _said_of_tokens(error: CvmError) -> Tokens | None:
    if isinstance(error, AuthenticationError):
        return "not accepted"
    return "no access" if isinstance(error, PermissionDeniedError) else None


async def _certificate(found: PanelCheck, within: float) -> Certificate | None:
    address = urlsplit(found.url)
    if address.scheme != "https" or not address.hostname:
        return None
    until = await valid_until(address.hostname, address.port or _HTTPS_PORT, within)
    if until is None:
        return None
    refused = isinstance(found.error, NotSentError) and not found.error.may_pass
    answered = found.error is None or isinstance(found.error, PanelError) or found.latency is not None
    return Certificate(
        until=until,
        days=(until - datetime.now(UTC)).days,
        is_trusted=True if answered else (False if refused else None),
    )


def _skew(date: str, latency: float) -> float | None:
    """Give how far a server's clock is ahead: it wrote its date in the midst of the call, and cut it to a second."""
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return None
    return told.timestamp() + _HALF_A_SECOND - (time.time() - latency / 2)


def _shown(url: str) -> str:
    return "…" if "@" in url else safe_text(url)
