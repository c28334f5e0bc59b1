"""What clients are told of the tools; and however a call ends, it is an answer without a traceback."""

import json
from typing import Any, cast

import jsonschema
import pytest
from assistants import ERAS, Era, assistant
from mcp.shared.exceptions import MCPError
from panels import fleet_of
from virtual_time import virtual

from cvm_async.mcp.reading import Reading
from cvm_async.panel import Answer, PanelApp

LOOKING = ["list_vpses", "find_vps", "vps_status", "fleet_summary", "changes_since"]
ACTING = ["plan_power", "apply_plan", "plan_result"]


def app() -> PanelApp:
    return PanelApp(vpses=fleet_of(1))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("allow_power", [False, True])
@virtual
async def test_tools_that_act_are_there_only_where_allowed(era: Era, allow_power: bool) -> None:  # noqa: FBT001
    panel = app()
    async with assistant(panel, era=era, allow_power=allow_power) as here:
        tools = (await here.client.list_tools()).tools
        assert [tool.name for tool in tools] == [*LOOKING, *(ACTING if allow_power else [])]
        if not allow_power:
            for name in ACTING:
                with pytest.raises(MCPError, match="there is no tool"):
                    await here.call(name, action="stop", all=True, plan_id="x")
    assert not panel.actions


@virtual
async def test_a_client_knows_what_each_tool_may_do_and_what_it_takes_and_gives() -> None:
    async with assistant(app()) as here:
        for tool in (await here.client.list_tools()).tools:
            assert tool.annotations is not None
            acts = tool.name == "apply_plan"
            assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (not acts, acts)
            assert tool.description
            assert tool.title
            for schema in (tool.input_schema, cast("dict[str, Any]", tool.output_schema)):
                jsonschema.Draft202012Validator.check_schema(schema)
                assert schema["type"] == "object"
                assert schema["additionalProperties"] is False


@virtual
async def test_all_tools_together_fit_a_context() -> None:
    async with assistant(app()) as here:
        assert len((await here.client.list_tools()).model_dump_json()) < 35_000


@virtual
async def test_a_result_is_given_as_text_too() -> None:
    async with assistant(app()) as here:
        result = await here.call("list_vpses")
        (content,) = result.content
        assert json.loads(content.text) == result.structured_content  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


@pytest.mark.parametrize("name", ["stop", "list", "", "\x1b[2J\n"])
@virtual
async def test_a_tool_that_is_none_is_an_error_of_the_protocol(name: str) -> None:
    async with assistant(app()) as here:
        with pytest.raises(MCPError) as refused:
            await here.call(name)
        assert "\x1b" not in str(refused.value)


WRONG: dict[str, dict[str, Any]] = {
    "unknown": {"secret\x1b": "hunter2"},
    "of another type": {"offset": "many"},
    "too small": {"offset": -1},
    "too large": {"limit": 10**6},
    "too long": {"match": "x" * 10_000},
    "too many": {"names": ["a"] * 1_000},
    "several": {f"x{number}": 1 for number in range(50)},
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
@virtual
async def test_wrong_arguments_are_named_and_not_repeated(arguments: dict[str, Any]) -> None:
    async with assistant(app()) as here:
        problem = await here.problem("list_vpses", **arguments)
        assert problem["kind"] == "arguments"
        assert len(problem["message"]) <= 300
        assert not set(problem["message"]) & {"\x1b", "\n"}
        assert "hunter2" not in problem["message"]


@virtual
async def test_an_error_of_the_panels_is_an_answer_with_what_to_do() -> None:
    panel = app()
    panel.private_token = "another"
    async with assistant(panel) as here:
        panel.private_token = "yet another"
        problem = await here.problem("list_vpses")
        assert sorted(problem) == ["kind", "message", "what_to_do"]
        assert problem["kind"] == "authentication"
        assert "Traceback" not in problem["message"]
        assert "another" not in json.dumps(problem)


@virtual
async def test_an_error_while_looking_is_an_answer_too() -> None:
    panel = app()
    async with assistant(panel) as here:
        await here.value("changes_since")
        panel.inject(Answer(status=401, body=b'{"errors":["No valid API token pair was specified."]}'), times=None)
        assert (await here.problem("changes_since"))["kind"] == "authentication"


@virtual
async def test_a_fault_of_ours_is_told_as_one_and_its_text_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        message = "inner words"
        raise RuntimeError(message)

    monkeypatch.setattr(Reading, "list_vpses", fail)
    async with assistant(app()) as here:
        problem = await here.problem("list_vpses")
        assert problem["kind"] == "internal"
        assert "inner words" not in json.dumps(problem)
        assert "the tool list_vpses failed of a fault in this program" in caplog.text
