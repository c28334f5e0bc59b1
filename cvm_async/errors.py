"""One tree of errors, split by what a caller can do about each; nothing else but cancellation leaves a verb.

An error is a plain value as the models are: it pickles and copies with all its attributes, names the call
and the VPS, and holds no token and no object of the HTTP library. `str` of it is one sentence that a person
can act on and that is safe to print. `FleetError` stands with the report that it carries.
"""

import copy
import re
from typing import ClassVar, TypedDict, TypeVar, Unpack

from cvm_async.models import Problem, Vps, VpsStatus

E = TypeVar("E", bound="CvmError")

_PLAIN_NAME = re.compile(r"[\w.-]{1,64}")
"""What a hostname looks like, and no address does: only that is quoted to a chat's users."""
_ID = re.compile(r"[0-9]{1,19}")
_SUGGESTION = re.compile(r"(.*) \(([0-9]+)\)(?: on .*)?")
_LISTED = 5
"""VPSes of one name that a sentence lists."""

__all__ = [
    "ActionFailedError",
    "AmbiguousNameError",
    "AuthenticationError",
    "ConfigurationError",
    "CvmError",
    "DecodeError",
    "MissingExtraError",
    "NameNotFoundError",
    "NoAnswerError",
    "NodeUnreachableError",
    "NotPossibleError",
    "NotSentError",
    "NotSupportedError",
    "PanelError",
    "PermissionDeniedError",
    "Problem",
    "RateLimitedError",
    "SessionClosedError",
    "VpsNotFoundError",
    "WaitTimeoutError",
]


class About(TypedDict, total=False):
    """What every error may say of the call it is about; `CvmError` tells what each means."""

    method: str | None
    path: str | None
    vps_id: int | None
    attempts: int


class _Refusal(About, total=False):
    errors: tuple[str, ...]
    retry_after: float | None


class CvmError(Exception):
    """The root of everything this library raises."""

    kind: ClassVar[str] = "error"
    """Which error it is, in a word that stays: for programs, also where no Python class can go."""
    _for_users: ClassVar[str] = "That did not work; whoever runs this can find out why."

    def __init__(
        self,
        message: str,
        *,
        method: str | None = None,
        path: str | None = None,
        vps_id: int | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.method = method
        """The HTTP method of the call, None where the error belongs to no call."""
        self.path = path
        """The path of the call below the panel's address."""
        self.vps_id = vps_id
        """The id of the VPS it was about; None where it was about none."""
        self.attempts = attempts
        """How many times the call was tried, 0 where it never was."""

    # The base of `FleetError`, `BaseExceptionGroup`, has a `message` of the same meaning that can't be set.
    @property
    def message(self) -> str:
        """What happened, without the call it happened to."""
        return str(self.args[0])

    def __str__(self) -> str:
        vps = "" if self.vps_id is None else f"VPS {self.vps_id}"
        call = " ".join(part for part in (self.method, self.path) if part)
        attempts = f"{self.attempts} attempts" if self.attempts > 1 else ""
        where = ", ".join(part for part in (vps, call, attempts) if part)
        return f"{self.message} ({where})" if where else self.message

    @property
    def user_message(self) -> str:
        """What happened, in a sentence for a chat's users: without an address, a token or a word of the panel's.

        `str` of the error is for whoever runs the program.
        """
        return self._for_users

    def also(self, path: str) -> None:
        """Say that the same was asked at another path, too; for the parts of this library."""
        # Where `args` are set, and no base of a subclass has a say: `OSError` has other arguments.
        Exception.__init__(self, f"{self.message}; asked at {path}, too")

    # The default would call `__init__` with `args` alone, which lacks what is given by keyword. `args` is
    # among the state because `OSError`, a base of `WaitTimeoutError`, sets it only in its own `__init__`.
    def __reduce__(self) -> tuple[object, ...]:
        return _revive, (type(self), self.args), {**self.__dict__, "args": self.args}


def _revive(kind: type[CvmError], args: tuple[object, ...]) -> CvmError:
    return kind.__new__(kind, *args)


def own(error: E) -> E:
    """Give the same error as an object of its own: where one comes to several, none of them writes into another's.

    It has no traceback, and so keeps no frames alive.
    """
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


def _sentence(said: str, method: str | None) -> str:
    """Give what is said of a call, and of what a power action may have done."""
    if method == "GET":
        return f"{said}; try again later."
    return f"{said}: what was asked for may or may not have been done, so look before you try again."


def _called(hostname: str, vps_id: int) -> str:
    return f"{hostname} ({vps_id})" if _PLAIN_NAME.fullmatch(hostname) else f"VPS {vps_id}"


class ConfigurationError(CvmError, ValueError):
    """What was given can't be used: a bad URL, an empty token, a VPS id that is no positive number."""

    kind: ClassVar[str] = "configuration"
    _for_users = "That cannot be used, or this is not set up right; whoever runs this can find out why."


class MissingExtraError(ConfigurationError, ModuleNotFoundError):
    """A package is not installed that an option needs; the message says how to install it, and `name` which it is."""

    kind: ClassVar[str] = "missing_extra"

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name: str | None = name
        """The package that is missing."""

    # `ImportError` keeps the name beside the attributes.
    def __reduce__(self) -> tuple[object, ...]:
        return _revive_missing, (str(self.args[0]), self.name)


def _revive_missing(message: str, name: str) -> MissingExtraError:
    return MissingExtraError(message, name=name)


class SessionClosedError(CvmError):
    """The session is closed, or was closed while this call waited for its turn or for a state."""

    kind: ClassVar[str] = "session_closed"
    _for_users = "This is shutting down; try again later."


class NotSentError(CvmError):
    """The panel never saw the request: it is always safe to repeat."""

    kind: ClassVar[str] = "not_sent"
    _for_users = "The panel never got the request, so nothing was done; try again later."

    def __init__(self, message: str, *, may_pass: bool = True, **about: Unpack[About]) -> None:
        super().__init__(message, **about)
        self.may_pass = may_pass
        """Whether repeating it may help by itself. It does not where the panel's certificate is not trusted."""


class NotPossibleError(NotSentError):
    """A VPS is in a state that a customer cannot bring it out of, such as suspended: nothing was sent for it."""

    kind: ClassVar[str] = "not_possible"
    _for_users = "That cannot be done to a VPS in its state; nothing was done."

    def __init__(self, message: str, *, last: VpsStatus | None = None, **about: Unpack[About]) -> None:
        super().__init__(message, may_pass=False, **about)
        self.last = last
        """The status that was seen."""

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        return self._for_users if self.last is None else f"It is {self.last.state}, so that cannot be done."


class NoAnswerError(CvmError):
    """The request was sent, and no answer came that could be the panel's: whether an action was carried out is unknown.

    After a start, stop or restart that is also what the page of a proxy, a firewall or a login means, and a panel that
    broke without a word.
    """

    kind: ClassVar[str] = "no_answer"
    _for_users = "No answer came from the panel"

    def __init__(
        self,
        message: str,
        *,
        timed_out: bool = False,
        **about: Unpack[About],
    ) -> None:
        super().__init__(message, **about)
        self.timed_out = timed_out
        """Whether that is because the panel was silent for too long."""

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        return _sentence(self._for_users, self.method)


class NotSupportedError(CvmError):
    """The panel does not have what was asked for: nodes, templates and reinstall came with a later revision of its API.

    Also where a state is waited for that the panel never tells.
    """

    kind: ClassVar[str] = "not_supported"
    _for_users = "This panel does not offer that; nothing was done."

    def __init__(self, message: str, *, revision: str | None = None, **about: Unpack[About]) -> None:
        super().__init__(message, **about)
        self.revision = revision
        """The revision that was seen, "2012" or "2013"; None where that is not known. It is no number."""


class PanelError(CvmError):
    """The panel, or something in front of it, answered no.

    A class of its own has only what the panel itself says, but for `RateLimitedError`. Anything else that answers a
    list or a status is a plain `PanelError` with the status code and no `errors`: a proxy's page says nothing of a VPS.
    """

    kind: ClassVar[str] = "panel"
    _for_users = "The panel, or something in front of it, answered with an error; whoever runs this can find out why."

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        errors: tuple[str, ...] = (),
        retry_after: float | None = None,
        **about: Unpack[About],
    ) -> None:
        super().__init__(message, **about)
        self.status_code = status_code
        """The HTTP status; 200 where the panel sent its errors with that."""
        self.errors = errors
        """The panel's own sentences, raw; empty where it gave none."""
        self.retry_after = retry_after
        """Seconds that the answer asks to wait, None where it does not ask."""


class AuthenticationError(PanelError):
    """The panel does not know the token pair."""

    kind: ClassVar[str] = "authentication"
    _for_users = "The panel does not know the credentials of this program; whoever runs it has to look."


class PermissionDeniedError(PanelError):
    """The token pair has no access to this API."""

    kind: ClassVar[str] = "permission_denied"
    _for_users = "This program is not allowed to do that on the panel; whoever runs it has to look."


class VpsNotFoundError(PanelError):
    """There is no such VPS, or it is another user's.

    `status_code` is what came, and some panels say it with a 200. Who answers a request of their own goes by the class,
    or by `kind`, and says 404.
    """

    kind: ClassVar[str] = "vps_not_found"
    _for_users = "There is no such VPS, or it is another user's."


class NameNotFoundError(VpsNotFoundError, KeyError):
    """No VPS of the account, or of the fleet, has this name or id.

    The library's own word on a list that the panel gave; `status_code` is 404, as the panel's word would have it.
    """

    def __init__(self, message: str, *, name: str | int, similar: tuple[str, ...] = (), **about: Unpack[About]) -> None:
        super().__init__(message, status_code=404, **about)
        self.name = name
        """The name or id that was looked for."""
        self.similar = similar
        """VPSes that were perhaps meant, as ``web1.example.net (7)``, safe to print; empty where none is close."""

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        if isinstance(self.name, int) or _ID.fullmatch(self.name.strip()):
            return f"No VPS has the id {self.name}."
        who = f"No VPS is called {self.name}" if _PLAIN_NAME.fullmatch(self.name) else "No VPS has that name"
        meant = [_called(*_parted(each)) for each in self.similar if _SUGGESTION.fullmatch(each)]
        return f"{who}; did you mean {' or '.join(meant)}?" if meant else f"{who}."


def _parted(suggestion: str) -> tuple[str, int]:
    """Give the hostname and the id of a VPS that was perhaps meant, and no panel's name."""
    hostname, vps_id = _SUGGESTION.findall(suggestion)[0]
    return hostname, int(vps_id)


class AmbiguousNameError(CvmError, LookupError):
    """Several VPSes have this name: nothing was chosen. No `KeyError`, because it does not say that none is there."""

    kind: ClassVar[str] = "ambiguous_name"
    _for_users = "That may be several VPSes; give the id."

    def __init__(self, message: str, *, name: str | int, matches: tuple[Vps, ...], **about: Unpack[About]) -> None:
        super().__init__(message, **about)
        self.name = name
        """The name or id that was looked for."""
        self.matches = matches
        """All that it may mean."""

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        listed = ", ".join(_called(vps.hostname, vps.id) for vps in self.matches[:_LISTED])
        more = f" and {len(self.matches) - _LISTED:,} more" if len(self.matches) > _LISTED else ""
        return f"{self._for_users[:-1]}: {listed}{more}." if listed else self._for_users


class ActionFailedError(PanelError):
    """A start, stop or restart failed; starting what runs and stopping what is stopped are failures too."""

    kind: ClassVar[str] = "action_failed"
    _for_users = "The panel could not do that; the VPS may be in the wanted state already."


class NodeUnreachableError(PanelError):
    """The panel could not reach the host node of the VPS, and did nothing.

    Also raised, without a call, for a node that did not answer lately.
    """

    kind: ClassVar[str] = "node_unreachable"
    _for_users = "The machine that the VPS runs on cannot be reached right now; nothing was done."

    def __init__(
        self, message: str, *, status_code: int = 503, may_be_panel: bool = False, **refusal: Unpack[_Refusal]
    ) -> None:
        super().__init__(message, status_code=status_code, **refusal)
        self.may_be_panel = may_be_panel
        """Whether it may as well be the panel that does not answer: calls for the node are out, and none came back."""


class RateLimitedError(PanelError):
    """The panel or something in front of it has had too many calls, and did nothing.

    `retry_after` says when to come back, if the answer said so.
    """

    kind: ClassVar[str] = "rate_limited"
    _for_users = "The panel has too much to do right now, and did nothing; try again"

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        return f"{self._for_users} {'later' if self.retry_after is None else f'in {self.retry_after:,.0f} s'}."


class DecodeError(CvmError):
    """An answer that is not what the API documents.

    After a start, stop or restart it means that something answered with a 2xx that can't be read: the
    action may have been carried out.
    """

    kind: ClassVar[str] = "decode"
    _for_users = "The panel's answer cannot be read"

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[Problem, ...] = (),
        excerpt: str = "",
        **about: Unpack[About],
    ) -> None:
        super().__init__(message, **about)
        self.problems = problems
        """Where something is wrong, and what; at most some hundreds."""
        self.excerpt = excerpt
        """How the answer begins, at most 200 characters, safe to print."""

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        return _sentence(self._for_users, self.method)


class WaitTimeoutError(CvmError, TimeoutError):
    """The state that was waited for did not come in time, can no longer come, or could not be seen.

    From a start, stop or restart with `wait` it means that the action itself is done.
    """

    kind: ClassVar[str] = "wait_timeout"
    _for_users = "The VPS was not seen in the wanted state in time"

    def __init__(
        self,
        message: str,
        *,
        last: VpsStatus | None = None,
        **about: Unpack[About],
    ) -> None:
        super().__init__(message, **about)
        self.last = last
        """The last status seen, None where there was none."""

    @property
    def user_message(self) -> str:
        """What happened, for a chat's users; see `CvmError.user_message`."""
        return f"{self._for_users}{'' if self.last is None else f': it was last seen {self.last.state}'}."
