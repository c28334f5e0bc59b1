"""The question to the client's user: what will be done, by names, in our own words. Only a plain yes is one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    ElicitRequest,
    ElicitRequestedSchema,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from pydantic import ValidationError

from cvm_async._words import some_vpses
from cvm_async.fleet.plan import PlannedStep, Step
from cvm_async.fleet.rollout import Rollout
from cvm_async.mcp.calls import Call
from cvm_async.mcp.power.plans import HeldPlan
from cvm_async.mcp.problems import NothingDone
from cvm_async.mcp.texts import SENTENCE, plain, told
from cvm_async.models import PowerState

__all__ = ["KEY", "Question", "ask", "check_can_ask", "how", "in_a_round", "question_of", "refused"]

KEY: Final = "confirmation"
"""What the question is called in a round of calls."""

TYPED_ABOVE: Final = 50
"""VPSes: above that their number is to be typed, as on the command line; more than a person has in mind at a yes."""
_NAMED: Final = 50
"""VPSes that the question names; the others are counted by node."""


@frozen
class Question:
    """What the user is asked, and what counts as a yes.

    Attributes:
        message: What they read.
        field: What they fill in.
        schema: How.
        yes: What must be in there.
    """

    message: str
    field: str
    schema: ElicitRequestedSchema
    yes: bool | int

    @property
    def request(self) -> ElicitRequest:
        """The question as the protocol has it."""
        return ElicitRequest(params=ElicitRequestFormParams(message=self.message, requested_schema=self.schema))

    def refusal_of(self, answer: ElicitResult | None) -> str | None:
        """Tell why an answer is no yes; None where it is one."""
        if answer is None:
            return "the client gave no answer to the question"
        if answer.action != "accept":
            return "the user declined" if answer.action == "decline" else "the user dismissed the question"
        given: Mapping[str, object] = answer.content or {}
        # One form, one field: what came is not what was shown where there is another.
        agreed = set(given) == {self.field} and type(given[self.field]) is type(self.yes)
        if not agreed or given[self.field] != self.yes:
            return "the answer is not the confirmation that was asked for"
        return None


def question_of(held: HeldPlan) -> Question:
    """Give the question about a plan. Nothing in it is anybody's words but ours, names apart."""
    plan = held.plan
    count, verb = len(plan.to_do), plan.verb.value
    those = "this VPS" if count == 1 else f"these {some_vpses(count)}"
    message = "\n".join(_lines(held))
    if count > TYPED_ABOVE:
        number = {"type": "integer", "title": f"Type {count} to {verb} {those}"}
        return Question(message, "number", _form("number", number), count)
    confirm = {"type": "boolean", "title": f"{verb.capitalize()} {those}", "default": False}
    return Question(message, "confirm", _form("confirm", confirm), yes=True)


def how(rollout: Rollout, *, wait: bool) -> str:
    """Say how a plan is gone about."""
    batch = rollout.batch[0] if rollout.batch else None
    told_of = [
        f"at most {rollout.max_concurrency} at once" if rollout.max_concurrency else "as many at once as is usual",
        *([f"at most {rollout.per_node} on one host node"] if rollout.per_node else []),
        *([f"{batch} at a time, {rollout.pause:g} s between"] if batch else []),
        "whatever fails" if rollout.max_failures is None else f"ends when more than {rollout.max_failures} have failed",
        *(["each waited for until its state shows it"] if wait else []),
    ]
    return "; ".join(told_of)


def check_can_ask(call: Call) -> None:
    """See that the client can ask its user.

    Raises:
        ToolProblem: It cannot: then nothing is ever done.
    """
    if call.can_ask:
        return
    why = "this client cannot ask its user (it does not declare elicitation)"
    raise NothingDone("cannot_ask", why, "Tell the user; they can do it with the command line, cvm-async.")


def in_a_round(question: Question, held: HeldPlan) -> InputRequiredResult:
    """Give the question as the answer to a call."""
    return InputRequiredResult(input_requests={KEY: question.request}, request_state=held.question)


async def ask(call: Call, question: Question, seconds: float) -> ElicitResult:
    """Ask the user now, as earlier versions of the protocol have it, and give the answer.

    Raises:
        ToolProblem: No answer came in time, or none that can be understood.
    """
    related = ServerMessageMetadata(related_request_id=call.context.request_id)
    try:
        return await call.context.session.send_request(
            question.request, ElicitResult, request_read_timeout_seconds=max(seconds, 0.001), metadata=related
        )
    except MCPError as error:
        raise refused(f"the user could not be asked: {told(error.message, SENTENCE)}") from None
    except ValidationError:
        raise refused("the client's answer to the question cannot be understood") from None


def refused(why: str) -> NothingDone:
    """Give what a tool says where nobody agreed."""
    return NothingDone("not_confirmed", why, "Ask the user what they want instead.")


def _form(name: str, shape: Mapping[str, object]) -> ElicitRequestedSchema:
    return {"type": "object", "properties": {name: dict(shape)}, "required": [name]}


def _lines(held: HeldPlan) -> list[str]:
    plan = held.plan
    panels = ", ".join(dict.fromkeys(plain(step.panel) for step in plan.to_do))
    named, rest = plan.to_do[:_NAMED], plan.to_do[_NAMED:]
    cannot, left = len(plan.of(Step.CANNOT)), len(plan.of(Step.LEAVE))
    return [
        f"{plan.verb.value.capitalize()} {some_vpses(len(plan.to_do))} on {panels}?",
        "",
        *map(_line, named),
        *([f"and {len(rest):,} more: {_by_node(rest)}"] if rest else []),
        "",
        *([f"Left alone, as wanted already: {left:,}"] if left else []),
        *([f"Cannot be {plan.verb.row.past}: {cannot:,}"] if cannot else []),
        f"How: {how(held.rollout, wait=held.wait)}.",
        "An assistant proposes this; nothing has been done yet. Names are as the panel has them.",
    ]


def _line(step: PlannedStep) -> str:
    node = "" if step.vps.node is None else f", node {step.vps.node}"
    starts = ", which this starts" if step.step is Step.RESTART and step.reason == PowerState.STOPPED else ""
    where = f"id {step.vps.id}{node} of {plain(step.panel)}"
    return f"- “{plain(step.vps.hostname)}” ({where}), {plain(step.reason)}{starts}"


def _by_node(steps: Sequence[PlannedStep]) -> str:
    nodes = Counter((step.panel, step.vps.node) for step in steps)
    places = [
        f"{count:,} on {'a node not told' if node is None else f'node {node}'} of {plain(panel)}"
        for (panel, node), count in nodes.most_common(_NAMED)
    ]
    others = f", and others on {len(nodes) - _NAMED:,} more nodes" if len(nodes) > _NAMED else ""
    return ", ".join(places) + others
