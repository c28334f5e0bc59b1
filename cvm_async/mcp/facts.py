"""What the library knows, as parts of answers: every text from the panel goes through `told` here."""

from collections import Counter
from collections.abc import Iterable, Sequence

from cvm_async import render
from cvm_async.errors import CvmError
from cvm_async.fleet.outcome import Outcome
from cvm_async.mcp.answers import NodeSummary, NoticedChange, ToolError, TrafficUse, VpsFacts, VpsState
from cvm_async.mcp.problems import problem_of
from cvm_async.mcp.texts import SENTENCE, told
from cvm_async.models import PowerState, Problem, Vps, VpsStatus
from cvm_async.watch.events import Change, NodeChange, VpsChange
from cvm_async.watch.snapshot import Reading

__all__ = ["by_node", "changes", "error", "facts", "more", "problems", "states", "status", "trouble"]

_PROBLEMS = 10
"""Problems of one list, or of one VPS, that are told; more tell a model no more."""


def facts(panel: str, vps: Vps) -> VpsFacts:
    """Give what a VPS is."""
    return VpsFacts(
        panel=told(panel),
        id=vps.id,
        hostname=told(vps.hostname),
        node=vps.node,
        ram_mb=vps.guaranteed_ram,
        burst_ram_mb=vps.burstable_ram,
        disk_mb=vps.disk_space,
        cpus=vps.cpu_count,
        traffic=_traffic(Reading(panel=panel, vps=vps)),
        unread=problems(vps.problems),
    )


def status(outcome: Outcome[VpsStatus]) -> VpsState:
    """Give what a VPS does, or why that could not be read."""
    vps, found = outcome.vps, outcome.value
    named = VpsState(panel=told(outcome.panel), id=vps.id, hostname=told(vps.hostname), node=vps.node)
    if found is None:
        return named.model_copy(update={"error": None if outcome.error is None else error(outcome.error)})
    return VpsState(
        panel=named.panel,
        id=named.id,
        hostname=named.hostname,
        node=named.node,
        state=found.state.value,
        state_text=None if found.state_text == found.state.value else told(found.state_text),
        ram_used_bytes=found.ram_used,
        disk_used_bytes=found.disk_used,
        traffic=_traffic(Reading(panel=outcome.panel, vps=vps, status=found)),
    )


def error(of: CvmError) -> ToolError:
    """Give why something could not be done."""
    problem = problem_of(of)
    return ToolError(kind=problem.kind, message=str(problem), what_to_do=problem.advice)


def trouble(outcomes: Iterable[Outcome[VpsStatus]]) -> list[Outcome[VpsStatus]]:
    """Give what does not run or could not be read, the worst first."""
    ordered = render.trouble_first(outcomes)
    return [each for each in ordered if each.value is None or each.value.state is not PowerState.RUNNING]


def states(statuses: Iterable[VpsStatus | None]) -> dict[str, int]:
    """Give how many are in which state, the commonest first."""
    return dict(Counter(each.state.value for each in statuses if each is not None).most_common())


def by_node(outcomes: Iterable[Outcome[VpsStatus]]) -> list[NodeSummary]:
    """Give how the VPSes of each host node are, those with most trouble first."""
    groups = render.grouped(outcomes, lambda outcome: (outcome.panel, outcome.vps.node))
    nodes = [_node(panel, node, group) for (panel, node), group in groups.items()]
    return sorted(nodes, key=lambda each: (-each.not_read, each.states.get("running", 0) - each.vpses))


def changes(of: Sequence[Change]) -> Iterable[NoticedChange]:
    """Give changes, a line each."""
    for change in of:
        yield NoticedChange(
            kind=change.kind,
            what=told(str(change), SENTENCE),
            panel=told(change.panel),
            id=change.vps.id if isinstance(change, VpsChange) else None,
            node=change.node if isinstance(change, NodeChange) else None,
        )


def problems(of: Sequence[Problem]) -> list[str] | None:
    """Give what could not be read, the first of it; None where there is nothing."""
    rest = more(len(of) - _PROBLEMS)
    return [*(told(str(problem), SENTENCE) for problem in of[:_PROBLEMS]), *([rest] if rest else [])] or None


def more(count: int) -> str | None:
    """Give ``and 37 more``; None where there are none."""
    return f"and {count:,} more" if count > 0 else None


def _node(panel: str, node: int | None, group: Sequence[Outcome[VpsStatus]]) -> NodeSummary:
    return NodeSummary(
        panel=told(panel),
        node=node,
        vpses=len(group),
        states=states(each.value for each in group),
        not_read=sum(each.value is None for each in group),
    )


def _traffic(reading: Reading) -> list[TrafficUse] | None:
    uses = reading.traffic
    told_of = [TrafficUse(direction=use.direction, used_bytes=use.used, limit_bytes=use.limit or None) for use in uses]
    return told_of or None
