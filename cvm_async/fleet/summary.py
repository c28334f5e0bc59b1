"""Outcomes in one line that a person reads at a glance: good ones by state, then what went wrong and where."""

from collections import Counter
from collections.abc import Iterable, Sequence

from cvm_async._api.verbs import past_of
from cvm_async._safe_text import safe_text
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    VpsNotFoundError,
    WaitTimeoutError,
)
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import VpsStatus

_WORDS: dict[type[CvmError], str] = {
    NodeUnreachableError: "unreachable",
    NoAnswerError: "without an answer",
    NotSentError: "not sent",
    ActionFailedError: "failed",
    WaitTimeoutError: "not there in time",
    VpsNotFoundError: "not found",
    AuthenticationError: "refused: the tokens are not known",
    PermissionDeniedError: "refused: the tokens have no access",
    RateLimitedError: "refused: too many calls",
    DecodeError: "not understood",
}

_NODES_NAMED = 3


def counts(outcomes: Sequence[Outcome[object]], verb: str) -> str:
    """Give ``950 running, 41 stopped, 9 unreachable on node 7 (6 of them skipped)``."""
    return ", ".join([*_good(outcomes, verb), *_bad(outcomes)]) or "no VPSes"


def error_word(error: CvmError) -> str:
    """Give the kind of an error in a word or two."""
    return _WORDS.get(type(error), "failed")


def _good(outcomes: Iterable[Outcome[object]], verb: str) -> list[str]:
    words = Counter(
        outcome.value.state.value if isinstance(outcome.value, VpsStatus) else past_of(verb)
        for outcome in outcomes
        if outcome.ok
    )
    return [f"{count:,} {word}" for word, count in words.most_common()]


def _bad(outcomes: Sequence[Outcome[object]]) -> list[str]:
    several = len({outcome.panel for outcome in outcomes}) > 1
    groups: dict[str, list[Outcome[object]]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            groups.setdefault(error_word(outcome.error), []).append(outcome)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [f"{len(group):,} {word}{_where(group, several=several)}{_skipped(group)}" for word, group in ranked]


def _where(group: Sequence[Outcome[object]], *, several: bool) -> str:
    """Tell which nodes, and of which panel where the run went over several: node 7 of one is not node 7 of another."""
    panels = sorted({outcome.panel for outcome in group})
    if len(panels) > 1:
        return f" on {len(panels)} panels"
    nodes = sorted({outcome.vps.node for outcome in group if outcome.vps.node is not None})
    panel = safe_text(panels[0]) if several else ""
    if not nodes:
        return f" on {panel}" if panel else ""
    of = f" of {panel}" if panel else ""
    if len(nodes) > _NODES_NAMED:
        return f" on {len(nodes)} nodes{of}"
    return f" on node{'s' if len(nodes) > 1 else ''} {', '.join(map(str, nodes))}{of}"


def _skipped(group: Sequence[Outcome[object]]) -> str:
    skipped = sum(outcome.skipped for outcome in group)
    if not skipped:
        return ""
    return " (skipped)" if skipped == len(group) else f" ({skipped:,} of them skipped)"
