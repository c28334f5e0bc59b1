"""Outcomes in one line that a person reads at a glance: good ones by state, then what went wrong and where."""

from collections import Counter
from collections.abc import Iterable, Sequence
from http import HTTPStatus

from cvm_async._api.verbs import acts, past_of
from cvm_async._safe_text import safe_text
from cvm_async._tables import Line, what_it_uses
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotPossibleError,
    NotSentError,
    PanelError,
    PermissionDeniedError,
    RateLimitedError,
    VpsNotFoundError,
    WaitTimeoutError,
)
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.result import ACTING, Result, result_of
from cvm_async.models import VpsStatus

_WORDS: dict[type[CvmError], str] = {
    NodeUnreachableError: "unreachable",
    NoAnswerError: "without an answer",
    NotSentError: "not sent",
    NotPossibleError: "not possible",
    ActionFailedError: "failed",
    WaitTimeoutError: "not there in time",
    VpsNotFoundError: "not found",
    AuthenticationError: "refused: the tokens are not known",
    PermissionDeniedError: "refused: the tokens have no access",
    RateLimitedError: "refused: too many calls",
    DecodeError: "not understood",
}

_OF_THE_PANEL = (AuthenticationError, PermissionDeniedError, RateLimitedError)
"""Errors that have nothing to do with a host node."""

_NODES_NAMED = 3


def counts(outcomes: Sequence[Outcome[object]], verb: str) -> str:
    """Give the line: by state for a verb that looks, by result for one that acts.

    ``950 running, 41 stopped, 9 unreachable on node 7 (6 of them skipped)``, or ``2 changed (started), 22 unchanged
    (running), 3 failed (unreachable on node 7)``. Where all were changed, the verb says it: ``24 started``.
    """
    told = _by_result(outcomes, verb) if acts(verb) else [*_good(outcomes, verb), *_bad(outcomes)]
    return ", ".join(told) or "no VPSes"


def as_line(outcome: Outcome[object], verb: str) -> Line:
    """Give an outcome as a line of a table."""
    how, result = how_word(outcome, verb), result_of(outcome, verb)
    return Line(
        panel=outcome.panel,
        vps=outcome.vps,
        word=f"{result} ({how})" if acts(verb) and how else how or result,
        figures=what_it_uses(outcome.vps, outcome.value),
        note="" if outcome.error is None else outcome.error.message,
        trouble=not outcome.ok,
    )


def how_word(outcome: Outcome[object], verb: str) -> str:
    """Give what is to be said of a result besides: what was done to the VPS, how it is, or why it is not as wanted."""
    result = result_of(outcome, verb)
    if result is Result.CHANGED:
        return past_of(verb)
    if outcome.error is None:
        return outcome.value.state.value if isinstance(outcome.value, VpsStatus) else "as wanted"
    if isinstance(outcome.error, NotPossibleError):
        return "" if outcome.error.last is None else outcome.error.last.state.value
    if result is Result.SKIPPED and type(outcome.error) is NotSentError:
        return "not begun"
    word = error_word(outcome.error)
    return "" if word == result else word


def error_word(error: CvmError) -> str:
    """Give the kind of an error in a word or two."""
    if type(error) is PanelError:
        return "refused" if error.errors else f"without the panel's word ({error.status_code})"
    return _WORDS.get(type(error), "failed")


def _by_result(outcomes: Sequence[Outcome[object]], verb: str) -> list[str]:
    several = len({outcome.panel for outcome in outcomes}) > 1
    groups: dict[Result, list[Outcome[object]]] = {}
    for outcome in outcomes:
        groups.setdefault(result_of(outcome, verb), []).append(outcome)
    if groups.keys() == {Result.CHANGED}:
        return _good(outcomes, verb)
    return [
        f"{len(groups[result]):,} {result}{_details(groups[result], verb, several=several)}"
        for result in ACTING
        if result in groups
    ]


def _details(group: Sequence[Outcome[object]], verb: str, *, several: bool) -> str:
    """Give what else there is to say of those with one result, in brackets; with their number where it is not one."""
    kinds: dict[str, list[Outcome[object]]] = {}
    for outcome in group:
        kinds.setdefault(how_word(outcome, verb), []).append(outcome)
    ranked = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    told = [_detail(word, of, several=several, count=len(kinds) > 1) for word, of in ranked]
    return f" ({', '.join(told)})" if any(told) else ""


def _is_of_a_node(outcome: Outcome[object]) -> bool:
    """Tell whether its node may have to do with what came of it: not where nothing was tried, or is to be done."""
    return outcome.error is not None and not (outcome.skipped and isinstance(outcome.error, NotSentError))


def _detail(word: str, of: Sequence[Outcome[object]], *, several: bool, count: bool) -> str:
    where = _where(of, several=several) if any(_is_of_a_node(outcome) for outcome in of) else ""
    return " ".join(part for part in (f"{len(of):,}" if count else "", word, where.strip()) if part)


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
    nodes = sorted({outcome.vps.node for outcome in group if outcome.vps.node is not None and _may_be_its(outcome)})
    panel = safe_text(panels[0]) if several else ""
    if not nodes:
        return f" on {panel}" if panel else ""
    of = f" of {panel}" if panel else ""
    if len(nodes) > _NODES_NAMED:
        return f" on {len(nodes)} nodes{of}"
    return f" on node{'s' if len(nodes) > 1 else ''} {', '.join(map(str, nodes))}{of}"


def _may_be_its(outcome: Outcome[object]) -> bool:
    """Tell whether a failure may have to do with the VPS's host node: not what was said in front of all of them."""
    if isinstance(outcome.error, _OF_THE_PANEL):
        return False
    # A node that is lost makes some panels break off so, without a word.
    broke = HTTPStatus.INTERNAL_SERVER_ERROR
    return type(outcome.error) is not PanelError or bool(outcome.error.errors) or outcome.error.status_code == broke


def _skipped(group: Sequence[Outcome[object]]) -> str:
    skipped = sum(outcome.skipped for outcome in group)
    if not skipped:
        return ""
    return " (skipped)" if skipped == len(group) else f" ({skipped:,} of them skipped)"
