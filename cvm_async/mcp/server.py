"""The server that assistants talk to, whatever carries the messages."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
)

from cvm_async._account.account import loop_time
from cvm_async._version import __version__
from cvm_async.fleet.joint import Lister
from cvm_async.mcp.calls import Call
from cvm_async.mcp.power.acting import Acting
from cvm_async.mcp.power.plans import PATIENCE, PlanStore
from cvm_async.mcp.power.running import GRACE, Runs
from cvm_async.mcp.reading import Reading
from cvm_async.mcp.targets import Panels
from cvm_async.mcp.texts import NOTE, told
from cvm_async.mcp.tools import Tools, acting_tools, reading_tools
from cvm_async.runs.store import RunStore

__all__ = ["assistant_server"]

_NAME: Final = "cvm-async"

_LOOKING: Final = "This server can only look; it cannot start, stop or restart anything."
_ACTING: Final = (
    "To start, stop or restart VPSes make a plan with plan_power, show it to the user, and call apply_plan: the user "
    "is asked by this server and must agree. Act only on what the user asked for."
)


@asynccontextmanager
async def assistant_server(
    sessions: Sequence[Lister],
    *,
    allow_power: bool = False,
    runs: Callable[[], RunStore] | None = None,
    patience: float = PATIENCE,
    clock: Callable[[], float] = loop_time,
    grace: float = GRACE,
) -> AsyncGenerator[Server[Any]]:
    """Give a server with tools for the VPSes of some sessions, to be served by any transport of the SDK.

    When the block is left, nothing new begins, and actions that are under way have some time to end.

    Args:
        sessions: At least one; their names are what tools call the panels.
        allow_power: Whether there are tools that start, stop and restart.
        runs: Gives where runs over several VPSes are kept; None: nowhere.
        patience: Seconds from a plan to the user's consent.
        clock: Tells the time for that, in seconds.
        grace: Seconds that what is under way has to end.
    """
    panels = Panels(sessions)
    begun = Runs(runs, grace=grace)
    acting = acting_tools(Acting(panels, PlanStore(patience=patience, clock=clock), begun)) if allow_power else ()
    tools = Tools((*reading_tools(Reading(panels)), *acting))

    async def list_tools(_: ServerRequestContext[Any, Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=tools.told)

    async def call_tool(
        context: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        return await tools.call(Call(context, params))

    server: Server[Any] = Server(
        _NAME,
        version=__version__,
        title="VPSes on CVM panels",
        instructions=_instructions(panels, allow_power=allow_power),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=tools.schema,
    )
    # What comes back with the answer to a question is what went out with it, for the same call.
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(ttl=patience), default_audience=_NAME))
    try:
        yield server
    finally:
        await begun.wind_down()


def _instructions(panels: Panels, *, allow_power: bool) -> str:
    names = ", ".join(told(name) for name in panels.names)
    return " ".join((f"VPSes on CVM panels: {names}.", NOTE, _ACTING if allow_power else _LOOKING))
