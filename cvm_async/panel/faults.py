"""What can go wrong with one call or with one node, as values that say it and do nothing.

Each fault on a call happens **before** the panel does anything, or, with `after_action=True`, once everything
has
been carried out and only the answer is missing: the second is what leaves a caller with an unknown outcome.
"""

from collections.abc import Mapping
from typing import Literal

import attrs

from cvm_async.panel import wire
from cvm_async.panel.hosts.world import Verb


@attrs.frozen(kw_only=True)
class Answer:
    """Something else is answered than the panel would have said.

    Args:
        status: the HTTP status. body: the bytes, as they are. headers: further headers, or a `content-type`
            in place of the panel's `text/html; charset=UTF-8`.
        after_action: whether the call is carried out first.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)
    after_action: bool = False


@attrs.frozen(kw_only=True)
class Hang:
    """No answer ever comes, and a worker is occupied; until the faults are cleared, when the call goes on."""

    after_action: bool = False


@attrs.frozen(kw_only=True)
class Reset:
    """The connection is reset (RST) without a byte of an answer."""

    after_action: bool = False


@attrs.frozen(kw_only=True)
class Cut:
    """The call is carried out, and the connection closed in the middle of the answer's body.

    Args:
        keep: how many bytes of the body still come; None for half of it. A body that is not longer comes
            without its last byte.
    """

    keep: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    # A body has begun only once there is something to answer.
    after_action: Literal[True] = attrs.field(default=True, init=False)


Fault = Answer | Hang | Reset | Cut


def bad_gateway(*, after_action: bool = False) -> Answer:
    """Return the 502 of a proxy in front of the panel."""
    return Answer(status=502, body=wire.proxy_page(502, "Bad Gateway"), after_action=after_action)


def gateway_timeout(*, after_action: bool = False) -> Answer:
    """Return the 504 of a proxy in front of the panel."""
    return Answer(status=504, body=wire.proxy_page(504, "Gateway Time-out"), after_action=after_action)


def too_many_requests(*, retry_after: str | None = None) -> Answer:
    """Return a proxy's 429; `retry_after` is the header's text, seconds or a date."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Answer(status=429, body=wire.proxy_page(429, "Too Many Requests"), headers=headers)


def redirect(location: str, *, status: int = 302) -> Answer:
    """Return an answer that sends the caller elsewhere, where no token should follow."""
    return Answer(status=status, body=wire.proxy_page(status, "Found"), headers={"location": location})


def database_down() -> Answer:
    """Return what a panel says whose database is down: a sentence, with 200."""
    return Answer(body=b"Could not connect to the database.")


def uncaught(*, after_action: bool = False) -> Answer:
    """Return a 500 with an empty body, as of an exception that nobody catches.

    For a list it is what one VPS gives whose node row is missing; with `after_action=True`, after a start, what comes
    of one that outlasts PHP's patience with the node, and was done.
    """
    return Answer(status=500, after_action=after_action)


def unencodable_list() -> Answer:
    """Return a 200 with an empty body, for a list: a hostname on it is not UTF-8, and `json_encode` gave up."""
    return Answer()


def garbage(*, after_action: bool = False) -> Answer:
    """Return a 200 whose body is neither text nor JSON."""
    return Answer(body=b'\x1f\x8b\x00\xff\xfe{"response":\xc3\x28', after_action=after_action)


@attrs.define(eq=False)
class Injection:
    """A fault and the calls that it is meant for; what `inject` returns, to be asked how often it struck.

    Args:
        fault: what happens.
        verb: to which calls; None for all.
        vps: for which VPS; None for all.
        node: for which host node's VPSes; None for all.
        skip: how many such calls pass first.
        times: how many are struck then; None for all.
    """

    fault: Fault
    verb: Verb | None
    vps: int | None
    node: int | None
    skip: int
    times: int | None
    struck: int = attrs.field(default=0, init=False)

    @property
    def is_spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.times is not None and self.struck >= self.times

    def strikes(self, verb: Verb | None, vps: int | None, node: int | None) -> bool:
        """Tell whether this call is struck, and count it."""
        if self.is_spent:
            return False
        for wanted, found in ((self.verb, verb), (self.vps, vps), (self.node, node)):
            if wanted is not None and wanted != found:
                return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True


@attrs.frozen
class Hung:
    """A node whose command daemon does not answer: neither do calls to its VPSes."""


@attrs.frozen
class Wedged:
    """A node whose daemon answers nothing of use, or refuses the session's key: every VPS on it seems to be stopped.

    A power action comes to nothing there, and ends in an exception that nobody catches.
    """


UnreachableAnswer = Literal["uncaught", "empty", "503", "unknown"]

# How a panel that can't reach a node answers a status, and how a power action. An uncaught exception is a 500 with an
# empty body, or, where PHP shows diagnostics, a 200 with a fatal error in HTML.
UNREACHABLE_ANSWERS: Mapping[
    UnreachableAnswer, tuple[Literal["uncaught", "503", "unknown"], Literal["uncaught", "503"]]
] = {
    # As seen on a running panel; of power actions only the documentation speaks.
    "uncaught": ("uncaught", "503"),
    "empty": ("uncaught", "uncaught"),
    # As documented: 503 with an error.
    "503": ("503", "503"),
    # As documented for a status: 200, and its word is `unknown`.
    "unknown": ("unknown", "503"),
}


@attrs.frozen
class Unreachable:
    """A node that the panel can't connect to.

    Args:
        after: seconds until the panel gives up, a worker being occupied.
        answer: how it says so, see `UNREACHABLE_ANSWERS`.
    """

    after: float
    answer: UnreachableAnswer


NodeTrouble = Hung | Unreachable | Wedged
