"""An assistant and its user, in this process: the SDK's client on our server, on simulated panels without sockets."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Literal, TypeAlias, cast

import pytest
from attrs import define, field
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult, ErrorData
from panels import session_on

from cvm_async.fleet.joint import Lister
from cvm_async.mcp import assistant_server
from cvm_async.mcp.power.plans import PATIENCE
from cvm_async.mcp.power.running import GRACE
from cvm_async.panel import PanelApp
from cvm_async.runs.store import RunStore

Era: TypeAlias = Literal["legacy", "auto"]
"""How questions are asked: by a request of the server's, or by a round of calls."""

Said: TypeAlias = ElicitResult | ErrorData
Says: TypeAlias = Callable[[str], Awaitable[Said]]
"""What the user says to a question."""

ERAS: tuple[Era, ...] = ("legacy", "auto")
YES: Mapping[str, bool] = {"confirm": True}


@define
class Assistant:
    """A client of the server, and what its user was asked."""

    client: Client
    asked: list[ElicitRequestFormParams] = field(factory=list[ElicitRequestFormParams])
    told: list[tuple[float, float | None]] = field(factory=list[tuple[float, float | None]])

    async def call(self, tool: str, **arguments: object) -> CallToolResult:
        async def note(progress: float, total: float | None, message: str | None) -> None:
            assert message is not None
            self.told.append((progress, total))

        return await self.client.call_tool(tool, dict(arguments), progress_callback=note)

    async def value(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool that does what it is asked."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, result.structured_content
        return cast("dict[str, Any]", result.structured_content)

    async def problem(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool that does not."""
        result = await self.call(tool, **arguments)
        assert result.is_error, result.structured_content
        return cast("dict[str, Any]", result.structured_content)

    async def plan(self, **asked: object) -> str:
        return cast("str", (await self.value("plan_power", **asked))["plan_id"])


def says(action: Literal["accept", "decline", "cancel"], content: Mapping[str, object] | None = None) -> Says:
    async def say(_: str) -> Said:
        return ElicitResult(action=action, content=cast("Any", content))

    return say


yes = says("accept", YES)


@asynccontextmanager
async def assistant(
    *apps: PanelApp | Lister,
    user: Says | None = yes,
    era: Era = "auto",
    allow_power: bool = True,
    patience: float = PATIENCE,
    runs: Callable[[], RunStore] | None = None,
    grace: float = GRACE,
) -> AsyncGenerator[Assistant]:
    """Give an assistant whose user says this; None: a client that cannot ask."""
    async with AsyncExitStack() as stack:
        stack.enter_context(_schemas_checked_once())
        sessions = [await _session(stack, app, place) for place, app in enumerate(apps)]
        server = await stack.enter_async_context(
            assistant_server(sessions, allow_power=allow_power, patience=patience, runs=runs, grace=grace)
        )

        async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> Said:
            assert context is not None
            assert isinstance(params, ElicitRequestFormParams)
            here.asked.append(params)
            assert user is not None
            return await user(params.message)

        client = Client(server, mode=era, elicitation_callback=None if user is None else ask)
        here = Assistant(await stack.enter_async_context(client))
        yield here


_CHECKED: set[str] = set()


@contextmanager
def _schemas_checked_once() -> Generator[None]:
    """Check a tool's schema once for all tests: each client would check the same ones anew, most of a test's time."""
    check = Draft202012Validator.check_schema

    def once(schema: Mapping[str, object]) -> None:
        text = json.dumps(schema)
        if text not in _CHECKED:
            check(schema)
            _CHECKED.add(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draft202012Validator, "check_schema", once)
        yield


async def _session(stack: AsyncExitStack, app: PanelApp | Lister, place: int) -> Lister:
    if not isinstance(app, PanelApp):
        return app
    name = ("work", "home")[place]
    return await stack.enter_async_context(session_on(app, url=f"https://{name}.example", name=name))


def ids(values: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return [(value["panel"], value["id"]) for value in values]
