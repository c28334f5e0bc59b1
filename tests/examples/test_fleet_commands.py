import asyncio

import pytest
from fleet_commands import GONE, NOT_ALLOWED, OPEN, PATIENCE, FleetCommands, Question, User, operators
from panels import session_on, settled
from virtual_time import virtual, virtual_loop

from cvm_async.panel import faults
from cvm_async.render import DISCORD, PLAIN
from examples.fleets import BOSS, GUEST, NASTY, Shown, commands_for, panel

LOST = "The machine that the VPS runs on cannot be reached right now; nothing was done."


async def asked(commands: FleetCommands, name: str = "web1") -> Question:
    question = await commands.ask(name, BOSS)
    assert isinstance(question, Question)
    return question


@virtual
async def test_the_fleet_and_a_vps_are_told_by_name() -> None:
    async with session_on(panel()) as session:
        commands = commands_for(session, DISCORD)
        assert (await commands.fleet()).startswith("5 running in 0.0 s")
        assert (await commands.status("WEB1")).startswith("web1.example.net (1) on node 1: running")
        assert (await commands.status("5")).startswith("@\u200beveryone \\<b>\\*x\\* (5) on node 1: running")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wbe1", "No VPS is called wbe1; did you mean web1.example.net (1)?"),
        ("db1", "That may be several VPSes; give the id: db1.a.example (3), db1.b.example (4)."),
        ("17", "No VPS has the id 17."),
        ("@everyone", "No VPS has that name; did you mean VPS 5?"),
    ],
)
@virtual
async def test_a_name_that_means_none_or_several_is_told_so(name: str, told: str) -> None:
    app = panel()
    async with session_on(app) as session:
        commands = commands_for(session, PLAIN)
        assert await commands.status(name) == told
        assert await commands.ask(name, BOSS) == told
    assert app.actions == []


@virtual
async def test_an_error_is_told_without_the_panels_address() -> None:
    app = panel()
    async with session_on(app) as session:
        app.inject(faults.Answer(status=401, body=b'{"errors": ["https://panel.example.net says no"]}'), times=None)
        commands = commands_for(session, PLAIN)
        (told,) = {await commands.fleet(), await commands.status("web1"), await commands.ask("web1", BOSS)}
    assert told == "The panel does not know the credentials of this program; whoever runs it has to look."


@virtual
async def test_a_restart_is_asked_about_and_told_of_in_time_and_at_its_end() -> None:
    app, shown = panel(), Shown()
    async with session_on(app) as session:
        commands = commands_for(session, PLAIN)
        question = await asked(commands)
        assert question.text == "Restart web1.example.net (1)? It is running."
        answering = asyncio.create_task(commands.answer(question.key, BOSS, shown, agreed=True))
        await asyncio.sleep(PATIENCE + 0.1)
        assert shown.texts == [
            "restart of web1.example.net (1): sent. It may take a minute; the answer will be here.",
        ]
        assert (await commands.status("web1")).startswith("under way: restart of web1.example.net (1): sent\n")
        assert (await commands.fleet()).startswith("under way: restart of web1.example.net (1): sent\n")
        await answering
        assert shown.texts[1:] == ["web1.example.net (1): restarted"]
    assert app.actions == [(1, "restart")]


@virtual
async def test_the_end_is_told_where_the_chat_refused_what_came_before() -> None:
    app, texts = panel(), list[str]()

    async def show(text: str) -> None:
        texts.append(text)
        if len(texts) == 1:
            raise ConnectionError

    async with session_on(app) as session:
        commands = commands_for(session, PLAIN)
        await commands.answer((await asked(commands)).key, BOSS, show, agreed=True)
    assert texts[1:] == ["web1.example.net (1): restarted"]


@virtual
async def test_a_failure_is_told_in_words_for_a_chat() -> None:
    app, shown = panel(), Shown()
    async with session_on(app) as session:
        commands = commands_for(session, DISCORD)
        question = await asked(commands, NASTY)
        app.unreachable_node(1, after=1.0, answer="503")
        await commands.answer(question.key, BOSS, shown, agreed=True)
    assert shown.texts == [
        f"@\u200beveryone \\<b>\\*x\\* (5): {LOST}",
    ]
    assert app.actions == []


@virtual
async def test_who_may_not_is_not_asked() -> None:
    async with session_on(panel()) as session:
        assert await commands_for(session, PLAIN).ask("web1", GUEST) == NOT_ALLOWED


@virtual
async def test_a_question_is_answered_once_in_time_and_by_who_was_asked() -> None:
    app, shown, others = panel(), Shown(), Shown()
    async with session_on(app) as session:
        commands = commands_for(session, PLAIN)
        question, left, late = [await asked(commands) for _ in range(3)]
        await commands.answer(question.key, GUEST, others, agreed=True)
        await commands.answer("made up", BOSS, others, agreed=True)
        assert others.texts == [GONE]
        await commands.answer(left.key, BOSS, shown, agreed=False)
        answers = [commands.answer(question.key, BOSS, shown, agreed=True) for _ in range(2)]
        await asyncio.gather(*answers)
        assert sorted(shown.texts[:2]) == sorted(["Left as it is.", GONE])
        await asyncio.sleep(OPEN)
        await commands.answer(late.key, BOSS, others, agreed=True)
        assert others.texts == [GONE] * 2
        assert (await asked(commands)).key != late.key
    assert app.actions == [(1, "restart")]


@virtual
async def test_two_who_restart_the_same_vps_share_one_restart() -> None:
    app, shown = panel(), Shown()
    async with session_on(app) as session:
        commands = commands_for(session, PLAIN)
        questions = [await asked(commands) for _ in range(2)]
        await asyncio.gather(*(commands.answer(each.key, BOSS, shown, agreed=True) for each in questions))
    assert app.actions == [(1, "restart")]
    assert shown.texts[2:] == ["web1.example.net (1): restarted"] * 2


@virtual
async def test_changes_are_told_whatever_the_panel_and_the_chat_do_meanwhile() -> None:
    app, texts = panel(), list[str]()

    async def show(text: str) -> None:
        texts.append(text)
        if len(texts) == 1:
            raise ConnectionError

    async with session_on(app) as session:
        # The panel is down when the watch begins.
        fault = app.inject(faults.Answer(status=401, body=b'{"errors": ["no"]}'), times=None)
        alerts = asyncio.create_task(commands_for(session, DISCORD).alert(show, every=60.0))
        await asyncio.sleep(90)
        assert fault.struck > 1
        app.clear_faults()
        await asyncio.sleep(60)
        for state in ("stopped", "running"):
            app.set_power(5, state)
            await asyncio.sleep(60)
        alerts.cancel()
        await asyncio.wait([alerts])
        await settled()
    name = "@\u200beveryone \\<b>\\*x\\* (5) on node 1:"
    assert texts == [f"{name} running -> stopped", f"{name} stopped -> running"]


@virtual
async def test_alerts_end_with_the_session() -> None:
    async with session_on(panel()) as session:
        await session.aclose()
        await commands_for(session, PLAIN).alert(Shown())
        assert virtual_loop().time() == 0


def test_operators_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATORS", raising=False)
    assert operators() == set()
    monkeypatch.setenv("OPERATORS", " 1, U2 ,,")
    assert operators() == {User("1"), User("U2")}
