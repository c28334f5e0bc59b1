"""One tree of errors, split by what a caller can do about each; nothing else but cancellation leaves a verb.

An error is a plain value as the models are: it pickles and copies with all its attributes, names the call
and the VPS, and holds no token and no object of the HTTP library. `str` of it is one sentence that a person
can act on and that is safe to print. `FleetError` stands with the report that it carries.
"""

import copy
from typing import ClassVar, TypedDict, TypeVar, Unpack

from cvm_async.models import Problem, Vps, VpsStatus

E = TypeVar("E", bound="CvmError")

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


class ConfigurationError(CvmError, ValueError):
    """What was given can't be used: a bad URL, an empty token, a VPS id that is no positive number."""

    kind: ClassVar[str] = "configuration"


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


class NotSentError(CvmError):
    """The panel never saw the request: it is always safe to repeat."""

    kind: ClassVar[str] = "not_sent"

    def __init__(self, message: str, *, may_pass: bool = True, **about: Unpack[About]) -> None:
        super().__init__(message, **about)
        self.may_pass = may_pass
        """Whether repeating it may help by itself. It does not where the panel's certificate is not trusted."""


class NotPossibleError(NotSentError):
    """A VPS is in a state that a customer cannot bring it out of, such as suspended: nothing was sent for it."""

    kind: ClassVar[str] = "not_possible"

    def __init__(self, message: str, *, last: VpsStatus | None = None, **about: Unpack[About]) -> None:
        super().__init__(message, may_pass=False, **about)
        self.last = last
        """The status that was seen."""


class NoAnswerError(CvmError):
    """The request was sent, and no answer came that could be the panel's: whether an action was carried out is unknown.

    After a start, stop or restart that is also what the page of a proxy, a firewall or a login means, and a panel that
    broke without a word.
    """

    kind: ClassVar[str] = "no_answer"

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


class PanelError(CvmError):
    """The panel, or something in front of it, answered no.

    A class of its own has only what the panel itself says, but for `RateLimitedError`. Anything else that answers a
    list or a status is a plain `PanelError` with the status code and no `errors`: a proxy's page says nothing of a VPS.
    """

    kind: ClassVar[str] = "panel"

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


class PermissionDeniedError(PanelError):
    """The token pair has no access to this API."""

    kind: ClassVar[str] = "permission_denied"


class VpsNotFoundError(PanelError):
    """There is no such VPS, or it is another user's.

    `status_code` is what came, and some panels say it with a 200. Who answers a request of their own goes by the class,
    or by `kind`, and says 404.
    """

    kind: ClassVar[str] = "vps_not_found"


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


class AmbiguousNameError(CvmError, LookupError):
    """Several VPSes have this name: nothing was chosen. No `KeyError`, because it does not say that none is there."""

    kind: ClassVar[str] = "ambiguous_name"

    def __init__(self, message: str, *, name: str | int, matches: tuple[Vps, ...], **about: Unpack[About]) -> None:
        super().__init__(message, **about)
        self.name = name
        """The name or id that was looked for."""
        self.matches = matches
        """All that it may mean."""


class ActionFailedError(PanelError):
    """A start, stop or restart failed; starting what runs and stopping what is stopped are failures too."""

    kind: ClassVar[str] = "action_failed"


class NodeUnreachableError(PanelError):
    """The panel could not reach the host node of the VPS, and did nothing.

    Also raised, without a call, for a node that did not answer lately.
    """

    kind: ClassVar[str] = "node_unreachable"

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


class DecodeError(CvmError):
    """An answer that is not what the API documents.

    After a start, stop or restart it means that something answered with a 2xx that can't be read: the
    action may have been carried out.
    """

    kind: ClassVar[str] = "decode"

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


class WaitTimeoutError(CvmError, TimeoutError):
    """The state that was waited for did not come in time, can no longer come, or could not be seen.

    From a start, stop or restart with `wait` it means that the action itself is done.
    """

    kind: ClassVar[str] = "wait_timeout"

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
