"""What a panel notes of the requests that arrived, and how many of them there were at one instant."""

import itertools
import math
from collections.abc import Iterable

import attrs

from cvm_async.panel.hosts.world import Verb


@attrs.define(eq=False)
class RequestRecord:
    """One request that arrived, whatever became of it.

    Attributes:
        method, path: as they came, the path without its query.
        verb, vps, node: what they mean to the panel; None where they mean nothing.
        is_later: whether it was asked as the API's later revision has it.
        cookie_sent: whether the caller sent the panel's session cookie.
        started, ended: instants of the panel's clock; `ended` is None while the panel is at it. A caller that
            goes away does not end a request.
        begun: when a worker took it; None where none did, or not yet.
        status: what was answered, or None where nothing was, or not yet.
    """

    method: str
    path: str
    verb: Verb | None
    vps: int | None
    node: int | None
    cookie_sent: bool
    started: float
    ended: float | None = None
    status: int | None = None
    begun: float | None = None
    is_later: bool = False


def most_at_once(spans: Iterable[tuple[float, float | None]], since: float = -math.inf) -> int:
    """Return the most spans that were open at one instant; one without an end still is."""
    edges: list[tuple[float, int]] = []
    for begin, end in spans:
        if end is None:
            edges.append((max(begin, since), 1))
        elif end > since:
            edges += ((max(begin, since), 1), (end, -1))
    # At one and the same instant, what ends makes room for what begins.
    return max(itertools.accumulate((step for _, step in sorted(edges)), initial=0))
