"""What a client can do, by what it says, and in which version of the protocol."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from mcp.types import (
    CallToolRequestParams,
    ClientCapabilities,
    CreateMessageResult,
    ElicitationCapability,
    ElicitResult,
    FormElicitationCapability,
    TextContent,
    UrlElicitationCapability,
)

from cvm_async.mcp.calls import Call


def call(version: str = "2026-07-28", capabilities: ClientCapabilities | None = None, **params: object) -> Call:
    context = SimpleNamespace(protocol_version=version, session=SimpleNamespace(client_capabilities=capabilities))
    return Call(cast("Any", context), CallToolRequestParams(name="tool", **cast("Any", params)))


@pytest.mark.parametrize(("version", "in_rounds"), [("2025-06-18", False), ("2025-11-25", False), ("2026-07-28", True)])
def test_questions_are_rounds_of_calls_in_newer_versions(version: str, in_rounds: bool) -> None:  # noqa: FBT001
    assert call(version).in_rounds is in_rounds
    assert call(version, request_state="x").is_second_round is in_rounds


@pytest.mark.parametrize(
    ("capabilities", "can_ask"),
    [
        (None, False),
        (ClientCapabilities(), False),
        (ClientCapabilities(elicitation=ElicitationCapability()), True),
        (ClientCapabilities(elicitation=ElicitationCapability(form=FormElicitationCapability())), True),
        (ClientCapabilities(elicitation=ElicitationCapability(url=UrlElicitationCapability())), False),
    ],
    ids=["nothing", "no elicitation", "of no kind", "forms", "pages alone"],
)
def test_a_client_can_ask_where_it_shows_forms(capabilities: ClientCapabilities | None, can_ask: bool) -> None:  # noqa: FBT001
    assert call(capabilities=capabilities).can_ask is can_ask


def test_only_an_answer_of_the_right_kind_is_one() -> None:
    yes = ElicitResult(action="accept")
    other = CreateMessageResult(role="assistant", content=TextContent(text="yes"), model="m")
    given = call(input_responses={"ours": yes, "theirs": other})
    assert given.is_second_round
    assert given.response("ours") == yes
    assert given.response("theirs") is None
    assert given.response("nobodys") is None
    assert call().response("ours") is None
