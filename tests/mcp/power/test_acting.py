"""Nothing is done that the user did not agree to; what they agreed to is done once."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from assistants import ERAS, YES, Assistant, Era, Said, Says, assistant, ids, says
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, ElicitResult, ErrorData, InputRequiredResult, InputResponses
from panels import fleet_of
from virtual_time import virtual

from cvm_async.panel import Answer, PanelApp, SimulatedVps

each_era = pytest.mark.parametrize("era", ERAS)


def app_of(*nodes: int) -> PanelApp:
    return PanelApp(vpses=fleet_of(*nodes))


@each_era
@virtual
async def test_a_plan_is_carried_out_once_its_user_agreed(era: Era) -> None:
    app = app_of(1, 2, 2)
    async with assistant(app, era=era) as here:
        plan = await here.value("plan_power", action="stop", names=["vps1", 3])
        assert ids(plan["to_do"]) == [("work", 1), ("work", 3)]
        assert not app.actions
        done = await here.value("apply_plan", plan_id=plan["plan_id"])
        assert done["stage"] == "over"
        assert done["results"] == {"changed": 2}
        assert sorted(app.actions) == [(1, "stop"), (3, "stop")]
        assert len(here.asked) == 1


# Every way not to agree: what the user, or the client, says.
NO: dict[str, Says] = {
    "declined": says("decline"),
    "dismissed": says("cancel"),
    "declined, with the yes in it": says("decline", YES),
    "accepted, with a no": says("accept", {"confirm": False}),
    "accepted, with nothing": says("accept"),
    "accepted, with an empty form": says("accept", {}),
    "accepted, another field": says("accept", {"confirmed": True}),
    "accepted, one field too many": says("accept", {**YES, "all": True}),
    "accepted, a word": says("accept", {"confirm": "true"}),
    "accepted, a number": says("accept", {"confirm": 1}),
    "accepted, nothing in the field": says("accept", {"confirm": None}),
    "the number of VPSes": says("accept", {"number": 2}),
}


@pytest.mark.parametrize("user", NO.values(), ids=NO)
@each_era
@virtual
async def test_whatever_is_no_plain_yes_does_nothing_for_good(user: Says, era: Era) -> None:
    app = app_of(1, 2)
    async with assistant(app, user=user, era=era) as here:
        plan_id = await here.plan(action="stop", all=True)
        problem = await here.problem("apply_plan", plan_id=plan_id)
        assert problem["kind"] == "not_confirmed"
        assert problem["message"].endswith("; nothing was done")
        # Nobody is asked again, either.
        assert (await here.problem("apply_plan", plan_id=plan_id))["kind"] == "plan_withdrawn"
        assert len(here.asked) == 1
        assert (await here.value("plan_result", plan_id=plan_id))["stage"] == "withdrawn"
    assert not app.actions


@each_era
@virtual
async def test_a_client_that_cannot_ask_does_nothing_and_another_one_still_may(era: Era) -> None:
    app = app_of(1)
    async with assistant(app, user=None, era=era) as here:
        plan_id = await here.plan(action="stop", names=["vps1"])
        assert (await here.problem("apply_plan", plan_id=plan_id))["kind"] == "cannot_ask"
        assert (await here.value("plan_result", plan_id=plan_id))["stage"] == "open"
    assert not app.actions


@each_era
@virtual
async def test_a_client_whose_asking_fails_does_nothing(era: Era) -> None:
    async def fail(_: str) -> Said:
        return ErrorData(code=-1, message="no screen\n\x1b[2J")

    app = app_of(1)
    async with assistant(app, user=fail, era=era) as here:
        plan_id = await here.plan(action="stop", names=["vps1"])
        if era == "auto":
            # Such a client gives up by itself, and asks no more of us.
            with pytest.raises(MCPError):
                await here.call("apply_plan", plan_id=plan_id)
        else:
            problem = await here.problem("apply_plan", plan_id=plan_id)
            assert problem["message"] == "the user could not be asked: no screen \ufffd[2J; nothing was done"
        assert (await here.problem("apply_plan", plan_id=plan_id))["kind"] in {"plan_withdrawn", "plan_asked"}
    assert not app.actions


@virtual
async def test_an_answer_that_is_none_of_the_protocols_does_nothing() -> None:
    async def babble(_: str) -> Said:
        return ElicitResult.model_construct(action="yes!")  # pyright: ignore[reportArgumentType]

    app = app_of(1)
    async with assistant(app, user=babble, era="legacy") as here:
        problem = await here.problem("apply_plan", plan_id=await here.plan(action="stop", names=["vps1"]))
        assert problem["kind"] == "not_confirmed"
    assert not app.actions


@each_era
@virtual
async def test_a_user_who_answers_too_late_has_not_agreed(era: Era) -> None:
    async def slow(_: str) -> Said:
        await asyncio.sleep(301)
        return ElicitResult(action="accept", content=dict(YES))

    app = app_of(1)
    async with assistant(app, user=slow, era=era) as here:
        plan_id = await here.plan(action="stop", names=["vps1"])
        problem = await here.problem("apply_plan", plan_id=plan_id)
        assert problem["kind"] == ("not_confirmed" if era == "legacy" else "plan_withdrawn")
        assert (await here.value("plan_result", plan_id=plan_id))["stage"] == "withdrawn"
    assert not app.actions


@each_era
@virtual
async def test_a_plan_that_nobody_was_asked_about_grows_too_old(era: Era) -> None:
    app = app_of(1)
    async with assistant(app, era=era, patience=60.0) as here:
        plan_id = await here.plan(action="stop", names=["vps1"])
        await asyncio.sleep(61)
        problem = await here.problem("apply_plan", plan_id=plan_id)
        assert problem["kind"] == "plan_withdrawn"
        assert "too old" in problem["message"]
        assert not here.asked
    assert not app.actions


@each_era
@pytest.mark.parametrize("plan_id", ["", "0", "plan-1", "\x1b[2J", "' or 1=1"], ids=repr)
@virtual
async def test_a_plan_of_another_id_is_none(era: Era, plan_id: str) -> None:
    app = app_of(1)
    async with assistant(app, era=era) as here:
        await here.plan(action="stop", names=["vps1"])
        problem = await here.problem("apply_plan", plan_id=plan_id)
        assert problem["kind"] in {"unknown_plan", "arguments"}
        assert "\x1b" not in problem["message"]
        assert not here.asked
    assert not app.actions


@each_era
@virtual
async def test_a_plan_is_applied_once(era: Era) -> None:
    app = app_of(1)
    async with assistant(app, era=era) as here:
        plan_id = await here.plan(action="restart", names=["vps1"])
        await here.value("apply_plan", plan_id=plan_id)
        assert (await here.problem("apply_plan", plan_id=plan_id))["kind"] == "plan_over"
        assert (await here.value("plan_result", plan_id=plan_id))["summary"].startswith("1 restarted")
    assert app.actions == [(1, "restart")]


@each_era
@virtual
async def test_two_calls_at_once_apply_a_plan_once(era: Era) -> None:
    async def slow(_: str) -> Said:
        await asyncio.sleep(1)
        return ElicitResult(action="accept", content=dict(YES))

    app = app_of(1)
    async with assistant(app, user=slow, era=era) as here:
        plan_id = await here.plan(action="restart", names=["vps1"])
        results = await asyncio.gather(*(here.call("apply_plan", plan_id=plan_id) for _ in range(3)))
        assert sorted(result.is_error for result in results) == [False, True, True]
        assert len(here.asked) == 1
    assert app.actions == [(1, "restart")]


async def asked_about(here: Assistant, plan_id: str) -> str:
    """Begin a round of calls, and give what comes with the question."""
    asked = await here.client.session.call_tool("apply_plan", {"plan_id": plan_id}, allow_input_required=True)
    assert isinstance(asked, InputRequiredResult)
    assert asked.request_state is not None
    return asked.request_state


async def answered(here: Assistant, plan_id: str, state: str | None, key: str = "confirmation") -> CallToolResult:
    """Say yes, whatever was asked."""
    given: InputResponses = {key: ElicitResult(action="accept", content=dict(YES))}
    return await here.client.session.call_tool(
        "apply_plan", {"plan_id": plan_id}, input_responses=given, request_state=state
    )


@virtual
async def test_an_answer_is_taken_once_and_only_with_what_went_out_with_its_question() -> None:
    app = app_of(1)
    async with assistant(app) as here:
        plan_id = await here.plan(action="restart", names=["vps1"])
        other = await here.plan(action="stop", names=["vps1"])
        # Before anybody asked; then with nothing of the question's, for another plan, and made up.
        assert (await answered(here, plan_id, None)).is_error
        state = await asked_about(here, plan_id)
        assert (await answered(here, plan_id, None)).is_error
        with pytest.raises(MCPError):
            await answered(here, other, state)
        with pytest.raises(MCPError):
            await answered(here, plan_id, "v1.AAAA")
        assert not app.actions
        assert not (await answered(here, plan_id, state)).is_error
        assert (await answered(here, plan_id, state)).is_error
    assert app.actions == [(1, "restart")]


@virtual
async def test_an_answer_under_another_name_is_none() -> None:
    app = app_of(1)
    async with assistant(app) as here:
        plan_id = await here.plan(action="restart", names=["vps1"])
        state = await asked_about(here, plan_id)
        assert (await answered(here, plan_id, state, key="other")).is_error
    assert not app.actions


# What may be different before the user is asked, and while they think.
def power(app: PanelApp) -> None:
    app.set_power(2, "suspended")


def gone(app: PanelApp) -> None:
    app.remove_vps(2)


def renamed(app: PanelApp) -> None:
    app.remove_vps(2)
    app.add_vps(SimulatedVps(id=2, node=1, hostname="db1\n.example.net"))


def lost(app: PanelApp) -> None:
    app.inject(Answer(status=500), verb="list", times=None)


MOVED: Mapping[str, tuple[Callable[[PanelApp], None], str]] = {
    "a state": (power, "plan_outdated"),
    "a VPS that is gone": (gone, "plan_outdated"),
    "a VPS of another name": (renamed, "plan_outdated"),
    "a list that cannot be had": (lost, "panel"),
}


@pytest.mark.parametrize(("move", "kind"), MOVED.values(), ids=MOVED)
@each_era
@virtual
async def test_where_the_fleet_has_changed_nobody_is_asked(
    move: Callable[[PanelApp], None], kind: str, era: Era
) -> None:
    app = app_of(1, 1, 1)
    async with assistant(app, era=era) as here:
        plan_id = await here.plan(action="stop", all=True)
        move(app)
        problem = await here.problem("apply_plan", plan_id=plan_id)
        assert problem["kind"] == kind
        assert "\n" not in problem["message"]
        assert (await here.value("plan_result", plan_id=plan_id))["stage"] == "withdrawn"
        assert not here.asked
    assert not app.actions


@pytest.mark.parametrize(("move", "kind"), [MOVED[name] for name in list(MOVED)[1:]], ids=list(MOVED)[1:])
@each_era
@virtual
async def test_where_the_fleet_changes_while_the_user_thinks_nothing_is_done(
    move: Callable[[PanelApp], None], kind: str, era: Era
) -> None:
    async def think(_: str) -> Said:
        move(app)
        return ElicitResult(action="accept", content=dict(YES))

    app = app_of(1, 1, 1)
    async with assistant(app, user=think, era=era) as here:
        problem = await here.problem("apply_plan", plan_id=await here.plan(action="stop", all=True))
        assert problem["kind"] == kind
    assert not app.actions


@each_era
@virtual
async def test_a_vps_whose_state_changes_while_the_user_thinks_is_left_alone(era: Era) -> None:
    async def think(_: str) -> Said:
        app.set_power(1, "stopped")
        app.set_power(2, "suspended")
        return ElicitResult(action="accept", content=dict(YES))

    app = app_of(1, 1, 1)
    async with assistant(app, user=think, era=era) as here:
        done = await here.value("apply_plan", plan_id=await here.plan(action="stop", all=True))
        assert done["results"] == {"changed": 1, "unchanged": 1, "not possible": 1}
    assert app.actions == [(3, "stop")]


@pytest.mark.parametrize(
    ("content", "agreed"),
    [
        ({"number": 52}, True),
        ({"number": 51}, False),
        ({"confirm": True}, False),
        ({"number": "52"}, False),
        ({"number": True}, False),
    ],
    ids=str,
)
@each_era
@virtual
async def test_above_fifty_their_number_is_typed(content: Mapping[str, object], agreed: bool, era: Era) -> None:  # noqa: FBT001
    app = app_of(*([1] * 52))
    async with assistant(app, user=says("accept", content), era=era) as here:
        plan_id = await here.plan(action="restart", all=True)
        result = await here.call("apply_plan", plan_id=plan_id)
        assert result.is_error is not agreed
        (question,) = here.asked
        assert "and 2 more: 2 on node 1 of work" in question.message
    assert len(app.actions) == (52 if agreed else 0)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"exclude": ["web*"]},
        {"all": True, "names": ["vps1"]},
        {"all": True, "node": 1},
        {"names": []},
        {"names": ["nobody"]},
        {"panel": "cellar", "match": "*"},
        {"all": "perhaps"},
        {"all": True, "force": True},
    ],
    ids=str,
)
@virtual
async def test_which_vpses_must_be_said_and_all_is_said_alone(asked: Mapping[str, object]) -> None:
    async with assistant(app_of(1)) as here:
        problem = await here.problem("plan_power", action="stop", **asked)
        assert problem["kind"] in {"arguments", "vps_not_found", "unknown_panel"}


@virtual
async def test_a_plan_with_nothing_to_do_has_no_id_and_says_what_cannot_be_helped() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, power="suspended"))
    async with assistant(app) as here:
        plan = await here.value("plan_power", action="start", all=True)
        assert "plan_id" not in plan
        assert [each["now"] for each in plan["cannot"]] == ["suspended", "suspended"]
        assert plan["next_step"] == "There is nothing to do, and nothing was done."


@virtual
async def test_how_it_is_gone_about_is_told_and_kept_to() -> None:
    app = app_of(1, 1, 2, 2)
    app.inject(Answer(status=503, body=b'{"errors":["no"]}'), verb="stop", times=None)
    async with assistant(app) as here:
        plan = await here.value(
            "plan_power",
            action="stop",
            all=True,
            max_concurrency=1,
            per_node=1,
            max_failures=1,
            batch_size=1,
            pause_seconds=5,
            wait=True,
        )
        assert plan["how"] == (
            "at most 1 at once; at most 1 on one host node; 1 at a time, 5 s between; "
            "ends when more than 1 have failed; each waited for until its state shows it"
        )
        done = await here.value("apply_plan", plan_id=plan["plan_id"])
        assert done["results"] == {"failed": 2, "skipped": 2}
        assert done["outcomes"][0]["error"]["kind"] == "node_unreachable"
        assert plan["how"] in here.asked[0].message
    assert len(app.actions) == 0


@virtual
async def test_a_stopped_one_is_started_by_a_restart_and_that_is_said() -> None:
    app = app_of(1, 1)
    app.set_power(2, "stopped")
    async with assistant(app) as here:
        await here.value("apply_plan", plan_id=await here.plan(action="restart", all=True))
        assert "(id 2, node 1 of work), stopped, which this starts" in here.asked[0].message


@virtual
async def test_what_is_left_and_what_cannot_be_is_in_the_question() -> None:
    app = app_of(1, 1, 1)
    app.set_power(2, "stopped")
    app.set_power(3, "suspended")
    async with assistant(app) as here:
        await here.value("apply_plan", plan_id=await here.plan(action="stop", all=True))
        assert "Left alone, as wanted already: 1\nCannot be stopped: 1\n" in here.asked[0].message


@each_era
@virtual
async def test_progress_goes_up_and_ends_with_all(era: Era) -> None:
    async with assistant(app_of(*([1] * 6)), era=era) as here:
        plan_id = await here.plan(action="restart", all=True, max_concurrency=1)
        here.told.clear()
        await here.value("apply_plan", plan_id=plan_id)
        done = [far for far, _ in here.told]
        assert done == sorted(done)
        assert here.told[-1] == (6, 6)
