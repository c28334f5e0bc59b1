"""Resources, outcomes and reports in words, for terminals and chats: pure, so that any of them can show it its own way.

Every text that came from a panel is made safe here: whatever takes it from here on may print it.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from cvm_async._api.verbs import past_of
from cvm_async._figures import state_word
from cvm_async._safe_text import safe_text
from cvm_async._words import counted
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.summary import error_word
from cvm_async.models import PowerState, Vps, VpsStatus

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_NAMED = 8
"""VPSes that a line about many names: more are not read."""
_CHAT_LINES = 10
"""Lines of trouble that fit a chat message beside its summary."""

_HOSTNAME_PARTS = re.compile("([0-9]+)")

# What a person looks for comes first. A state that is good news, or none, comes last.
_FAILED_RANK = 0
_RANKS = {
    PowerState.UNKNOWN: 1,
    PowerState.SUSPENDED: 2,
    PowerState.TERMINATED: 3,
    PowerState.STOPPED: 4,
    PowerState.RUNNING: 5,
}


def outcome_word(outcome: Outcome[object], verb: str) -> str:
    """Give what came of a verb for one VPS, in a word or two."""
    if outcome.error is not None:
        return error_word(outcome.error)
    return state_word(outcome.value) if isinstance(outcome.value, VpsStatus) else past_of(verb)


def reasons(outcomes: Iterable[Outcome[object]]) -> list[str]:
    """Say why VPSes failed or were skipped, a line for each reason, the commonest first: readable with thousands."""
    return alike(
        (outcome.error.message, outcome.panel, outcome.vps) for outcome in outcomes if outcome.error is not None
    )


def unread(outcomes: Iterable[Outcome[object]]) -> list[str]:
    """Say which figures of statuses could not be read, a line for each, the commonest first."""
    return alike(
        (str(problem), outcome.panel, outcome.vps)
        for outcome in outcomes
        if isinstance(outcome.value, VpsStatus)
        for problem in outcome.value.problems
    )


def by_node(vpses: Iterable[Vps]) -> list[str]:
    """Give VPSes by node, a line each: ``3 on node 1: web-001 (1), …``."""
    groups = grouped(sorted(vpses, key=place), node_name)
    return [f"{len(group):,} on {_on(node)}: {names(group)}" for node, group in groups.items()]


def chat(report: FleetReport[object], lines: int = _CHAT_LINES) -> str:
    """Give a report as a chat message: the summary, then at most so many lines of reasons."""
    why = reasons(report)
    more = [f"… and {counted(len(why) - lines, 'other reason')}"] if len(why) > lines else []
    return "\n".join([safe_text(report.summary()), *why[:lines], *more])


def trouble_first(outcomes: Iterable[Outcome[T]]) -> list[Outcome[T]]:
    """Give outcomes in the order a person looks: what failed, then unknown, suspended, terminated, stopped, running.

    Within these by panel, node and hostname.
    """
    return sorted(outcomes, key=lambda outcome: (_rank(outcome), natural(outcome.panel), place(outcome.vps)))


def place(vps: Vps) -> tuple[int, list[tuple[int, str]], int]:
    """Give a sort key: by node, then by hostname as people count, then by id."""
    return (-1 if vps.node is None else vps.node, natural(vps.hostname), vps.id)


def natural(text: str) -> list[tuple[int, str]]:
    """Give a sort key that puts web-9 before web-10: a run of digits counts by its length first, and as text then."""
    return list(_parts(text))


def node_name(vps: Vps) -> str:
    """Give a VPS's node; nothing where the panel does not say."""
    return "" if vps.node is None else str(vps.node)


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Give items by what the key makes of them, in order of first appearance."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def alike(said: Iterable[tuple[str, str, Vps]]) -> list[str]:
    """Give what is said of VPSes on panels, a line for each that is the same, the commonest first."""
    same: dict[str, list[tuple[str, int]]] = {}
    for words, panel, vps in said:
        same.setdefault(safe_text(words), []).append((panel, vps.id))
    ranked = sorted(same.items(), key=lambda item: -len(item[1]))
    several = len({panel for some in same.values() for panel, _ in some}) > 1
    return [f"{len(some):,} x {words} ({_some(some, several=several)})" for words, some in ranked]


def _rank(outcome: Outcome[object]) -> int:
    if outcome.error is not None:
        return _FAILED_RANK
    status = outcome.value
    return _RANKS[status.state if isinstance(status, VpsStatus) else PowerState.RUNNING]


def _on(node: str) -> str:
    return f"node {node}" if node else "a node that the panel does not name"


def names(vpses: Sequence[Vps]) -> str:
    """Give VPSes by name and id, at most eight of them."""
    named = ", ".join(f"{safe_text(vps.hostname)} ({vps.id})" for vps in vpses[:_NAMED])
    return f"{named} and {len(vpses) - _NAMED:,} more" if len(vpses) > _NAMED else named


def _some(places: Sequence[tuple[str, int]], *, several: bool) -> str:
    """Name some VPSes, by their panels too where there are several: an id of one is another VPS on another."""
    ordered = sorted((panel if several else "", vps_id) for panel, vps_id in places)
    named = (f"{vps_id} on {safe_text(panel)}" if several else str(vps_id) for panel, vps_id in ordered[:_NAMED])
    more = f" and {len(ordered) - _NAMED:,} more" if len(ordered) > _NAMED else ""
    return f"VPS {', '.join(named)}{more}"


def _parts(text: str) -> Iterator[tuple[int, str]]:
    for index, part in enumerate(_HOSTNAME_PARTS.split(text)):
        # Splitting by a pattern with a group makes every second part a match of it.
        digits = part.lstrip("0") if index % 2 else ""
        yield (len(digits), digits) if index % 2 else (0, part.lower())
