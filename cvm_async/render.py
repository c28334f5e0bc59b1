"""Resources, outcomes and reports as text for terminals and chats: pure, so that any of them can show it its own way.

Units: what the panel calls megabytes of memory and disk are mebibytes (OpenVZ counts both in units of 1,024 bytes), so
they show in MiB and GiB, powers of 1,024. Traffic is sold by the decimal gigabyte, and shows in MB and GB, powers of
1,000.

Every text that came from a panel is made safe here: whatever takes it from here on may print it.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from cvm_async._api.verbs import past_of
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.summary import error_word
from cvm_async.models import CombinedTraffic, PowerState, Traffic, Vps, VpsStatus
from cvm_async.settings import MEBIBYTE

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_HALF = 0.5
_ONE_DECIMAL_BELOW = 9.95
"""Figures below it get a decimal: 1.5 GiB and 15 GiB are precise enough for the eye."""
_NAMED = 8
"""VPSes that a line about many names: more are not read."""
_WORD = 20
"""Characters of a panel's own word for a state: longer than any sensible one."""
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


def size(amount: int) -> str:
    """Give bytes of memory or disk: ``412 MiB``, ``1.5 GiB``."""
    return _scaled(amount, 1024, _BINARY)


def allowance(megabytes: int | None) -> str:
    """Give memory or disk that a VPS has: ``512 MiB``; nothing where the panel does not say."""
    return "" if megabytes is None else size(megabytes * MEBIBYTE)


def traffic_size(amount: int) -> str:
    """Give bytes of traffic: ``17 MB``, ``1.2 TB``."""
    return _scaled(amount, 1000, _DECIMAL)


def usage(used: int | None, megabytes: int | None) -> str:
    """Give bytes used of what a VPS has: ``412 MiB  81%``; nothing where the panel does not say."""
    if used is None:
        return ""
    return f"{size(used)} {100 * used // (megabytes * MEBIBYTE):>3}%" if megabytes else size(used)


def traffic_usage(traffic: Traffic | None) -> str:
    """Give traffic used, both directions together, of the limit where there is one: ``1.2 TB of 2.0 TB``.

    What is used shows as ``?`` where the panel tells the limit alone.
    """
    if traffic is None:
        return ""
    used = None if traffic.total_used is None else traffic_size(traffic.total_used)
    limit = _limit(traffic)
    return used or "" if limit is None else f"{used or '?'} of {traffic_size(limit)}"


def state_word(status: VpsStatus) -> str:
    """Give a state in a word; the panel's own where it is none that the API documents."""
    if status.state is not PowerState.UNKNOWN or status.state_text == PowerState.UNKNOWN:
        return status.state.value
    return f"unknown: {excerpt(status.state_text, _WORD)}"


def outcome_word(outcome: Outcome[object], verb: str) -> str:
    """Give what came of a verb for one VPS, in a word or two."""
    if outcome.error is not None:
        return error_word(outcome.error)
    return state_word(outcome.value) if isinstance(outcome.value, VpsStatus) else past_of(verb)


def reasons(outcomes: Iterable[Outcome[object]]) -> list[str]:
    """Say why VPSes failed or were skipped, a line for each reason, the commonest first: readable with thousands."""
    return _alike((outcome.error.message, outcome) for outcome in outcomes if outcome.error is not None)


def unread(outcomes: Iterable[Outcome[object]]) -> list[str]:
    """Say which figures of statuses could not be read, a line for each, the commonest first."""
    return _alike(
        (str(problem), outcome)
        for outcome in outcomes
        if isinstance(outcome.value, VpsStatus)
        for problem in outcome.value.problems
    )


def by_node(vpses: Iterable[Vps]) -> list[str]:
    """Give VPSes by node, a line each: ``3 on node 1: web-001 (1), …``."""
    groups = grouped(sorted(vpses, key=place), node_name)
    return [f"{len(group):,} on {_on(node)}: {_names(group)}" for node, group in groups.items()]


def chat(report: FleetReport[object], lines: int = _CHAT_LINES) -> str:
    """Give a report as a chat message: the summary, then at most so many lines of reasons."""
    why = reasons(report)
    more = [f"… and {len(why) - lines:,} other reasons"] if len(why) > lines else []
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


def _alike(said: Iterable[tuple[str, Outcome[object]]]) -> list[str]:
    alike: dict[str, list[Outcome[object]]] = {}
    for words, outcome in said:
        alike.setdefault(safe_text(words), []).append(outcome)
    ranked = sorted(alike.items(), key=lambda item: -len(item[1]))
    several = len({outcome.panel for some in alike.values() for outcome in some}) > 1
    return [f"{len(some):,} x {words} ({_some(some, several=several)})" for words, some in ranked]


def _rank(outcome: Outcome[object]) -> int:
    if outcome.error is not None:
        return _FAILED_RANK
    status = outcome.value
    return _RANKS[status.state if isinstance(status, VpsStatus) else PowerState.RUNNING]


def _limit(traffic: Traffic) -> int | None:
    if isinstance(traffic, CombinedTraffic):
        return traffic.limit
    return None if traffic.in_limit is None or traffic.out_limit is None else traffic.in_limit + traffic.out_limit


def _on(node: str) -> str:
    return f"node {node}" if node else "a node that the panel does not name"


def _names(vpses: Sequence[Vps]) -> str:
    names = ", ".join(f"{safe_text(vps.hostname)} ({vps.id})" for vps in vpses[:_NAMED])
    return f"{names} and {len(vpses) - _NAMED:,} more" if len(vpses) > _NAMED else names


def _some(outcomes: Sequence[Outcome[object]], *, several: bool) -> str:
    """Name some VPSes, by their panels too where there are several: an id of one is another VPS on another."""
    ordered = sorted((outcome.panel if several else "", outcome.vps.id) for outcome in outcomes)
    named = (f"{vps_id} on {safe_text(panel)}" if several else str(vps_id) for panel, vps_id in ordered[:_NAMED])
    more = f" and {len(ordered) - _NAMED:,} more" if len(ordered) > _NAMED else ""
    return f"VPS {', '.join(named)}{more}"


def _parts(text: str) -> Iterator[tuple[int, str]]:
    for index, part in enumerate(_HOSTNAME_PARTS.split(text)):
        # Splitting by a pattern with a group makes every second part a match of it.
        digits = part.lstrip("0") if index % 2 else ""
        yield (len(digits), digits) if index % 2 else (0, part.lower())


def _scaled(amount: int, step: int, units: Sequence[str]) -> str:
    figure, unit = float(amount), 0
    # What would round up to a whole step shows in the next unit.
    while figure >= step - _HALF and unit < len(units) - 1:
        figure /= step
        unit += 1
    decimals = 1 if unit and figure < _ONE_DECIMAL_BELOW else 0
    return f"{figure:,.{decimals}f} {units[unit]}"
