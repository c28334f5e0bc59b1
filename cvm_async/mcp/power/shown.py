"""What the tools that act answer: the plan, and what became of it."""

from typing import Literal

from pydantic import Field

from cvm_async.mcp.answers import Answer, Count, Part, ToolError

__all__ = ["PlanShown", "PlannedVps", "RunTold", "VpsOutcome"]


class PlannedVps(Part):
    """What a plan does about one VPS, or why it can do nothing."""

    panel: str
    id: int
    hostname: str
    node: int | None = None
    now: str = Field(description="Its state when the plan was made, or why that could not be read.")


class PlanShown(Answer):
    """A plan; nothing has been done."""

    plan_id: str | None = Field(default=None, description="Names the plan; left out where there is nothing to do.")
    action: Literal["start", "stop", "restart"]
    summary: str
    how: str = Field(description="How it will be gone about.")
    to_do: list[PlannedVps]
    more_to_do: str | None = None
    cannot: list[PlannedVps] | None = Field(default=None, description="VPSes that nothing can be done about, and why.")
    more_cannot: str | None = None
    left_alone: Count = Field(description="VPSes that are as wanted already.")
    expires_in_seconds: Count | None = None
    next_step: str
    problems: list[str] | None = Field(default=None, description="What of the panels' lists cannot be read.")


class VpsOutcome(Part):
    """What came of the action for one VPS."""

    panel: str
    id: int
    hostname: str
    node: int | None = None
    result: str = Field(description="changed, unchanged, not possible, failed, skipped or unknown.")
    error: ToolError | None = None


class RunTold(Answer):
    """What became of a plan."""

    plan_id: str
    stage: Literal["open", "asked", "agreed", "withdrawn", "applying", "over"]
    what: str = Field(description="What that means.")
    done: int | None = Field(default=None, description="VPSes that are done with, while it is being applied.")
    of: int | None = Field(default=None, description="VPSes to act on.")
    summary: str | None = None
    results: dict[str, int] | None = Field(default=None, description="How many VPSes have which result.")
    outcomes: list[VpsOutcome] | None = Field(default=None, description="Those that went wrong first.")
    more: str | None = None
    run_id: str | None = Field(
        default=None, description="Of the run in the journal of the machine; a person sees it by `cvm-async runs`."
    )
