"""The bot for Discord on the simulated panel: discord.py's own commands and buttons, and people's side of them."""

import asyncio
from typing import Any, cast

import pytest
from attrs import define, field, frozen
from panels import session_on
from virtual_time import virtual

from cvm_async.render import DISCORD
from examples.fleets import BOSS, GUEST, SLOW, commands_for, panel

pytest.importorskip("discord", reason="the frameworks are installed for the newest Python alone")

import discord
from discord import app_commands
from discord_bot import Confirmation, FleetBot, slash_commands
from fleet_commands import FleetCommands, Question, User


@frozen
class Person:
    """Who it was."""

    id: int


@define
class Response:
    """The first answer to something that somebody did, which Discord wants within three seconds."""

    said: list[str] = field(factory=list[str])

    async def defer(self, *, thinking: bool) -> None:
        self.said.append(f"deferred at {now()}" if thinking else "")

    async def edit_message(self, *, content: str, view: discord.ui.View | None) -> None:
        self.said.append(f"{content} at {now()}{view or ''}")

    async def send_message(self, content: str, *, ephemeral: bool) -> None:
        self.said.append(f"to them alone: {content}" if ephemeral else content)


@define
class Interaction:
    """Something that somebody did, as far as the bot looks at it."""

    user: Person
    response: Response = field(factory=Response)
    contents: list[str] = field(factory=list[str])
    view: discord.ui.View | None = None

    async def edit_original_response(self, *, content: str, view: discord.ui.View | None = None) -> None:
        self.contents.append(content)
        self.view = view


def now() -> float:
    return asyncio.get_running_loop().time()


async def typed(commands: FleetCommands, line: str, user: User = BOSS) -> Interaction:
    """Give what came of a command that somebody typed."""
    name, *args = line.removeprefix("/").split()
    command = next(each for each in slash_commands(commands) if each.name == name)
    interaction = Interaction(Person(int(user)))
    callback = cast("Any", command.callback)
    await callback(interaction, *args)
    return interaction


async def pressed(view: discord.ui.View | None, label: str, user: User = BOSS) -> Interaction:
    """Give what came of a button that somebody pressed."""
    assert view is not None
    (button,) = [item for item in view.children if isinstance(item, discord.ui.Button) and item.label == label]
    interaction = Interaction(Person(int(user)))
    as_sent = cast("discord.Interaction", interaction)
    if await view.interaction_check(as_sent):
        await button.callback(as_sent)
    return interaction


@virtual
async def test_commands_are_acknowledged_before_the_panel_is_asked_and_answered_by_name() -> None:
    app = panel()
    app.latency = 10.0
    async with session_on(app) as session:
        commands = commands_for(session, DISCORD)
        fleet, status = await typed(commands, "/fleet"), await typed(commands, "/status web1")
    assert fleet.response.said == ["deferred at 0.0"]
    assert fleet.contents == ["5 running in 20.0 s"]
    assert status.contents[0].startswith("web1.example.net (1) on node 1: running\nmemory: ")


@virtual
async def test_a_restart_is_confirmed_by_a_button_and_its_answer_edited_in() -> None:
    app = panel()
    async with session_on(app) as session:
        commands = commands_for(session, DISCORD)
        asked = await typed(commands, "/restart web1")
        assert asked.contents == ["Restart web1.example.net (1)? It is running."]
        stranger = await pressed(asked.view, "Restart", GUEST)
        assert stranger.response.said == ["to them alone: You were not asked."]
        assert app.actions == []
        done = await pressed(asked.view, "Restart")
        assert done.response.said == ["… at 0.0"]
        first, last = done.contents
        assert "sent" in first
        assert last == "web1.example.net (1): restarted"
        assert now() == pytest.approx(SLOW)
    assert app.actions == [(1, "restart")]


@virtual
async def test_it_is_left_where_that_is_pressed_or_nobody_may() -> None:
    app = panel()
    async with session_on(app) as session:
        commands = commands_for(session, DISCORD)
        asked = await typed(commands, "/restart web1")
        left = await pressed(asked.view, "Leave it")
        assert left.contents == ["Left as it is."]
        refused = await typed(commands, "/restart web1", GUEST)
        assert refused.view is None
        assert refused.contents[0].startswith("You may look")
    assert app.actions == []


@virtual
async def test_the_bot_tells_of_its_commands_watches_and_pings_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    app = panel()

    async def sync(_: object) -> list[object]:
        return []

    async def send(_: object, content: str) -> None:
        sent.append(content)

    monkeypatch.setattr(app_commands.CommandTree, "sync", sync)
    monkeypatch.setattr(discord.PartialMessageable, "send", send)
    async with session_on(app) as session, FleetBot(commands_for(session, DISCORD), 7) as bot:
        assert sorted(command.name for command in bot.tree.get_commands()) == ["fleet", "restart", "status"]
        assert bot.allowed_mentions is not None
        assert bot.allowed_mentions.everyone is False
        await bot.setup_hook()
        await asyncio.sleep(1)
        app.set_power(1, "stopped")
        await asyncio.sleep(100)
    assert sent == ["web1.example.net (1) on node 1: running -> stopped"]


@virtual
async def test_a_bot_without_a_channel_for_alerts_does_not_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sync(_: object) -> list[object]:
        return []

    monkeypatch.setattr(app_commands.CommandTree, "sync", sync)
    app = panel()
    async with session_on(app) as session, FleetBot(commands_for(session, DISCORD)) as bot:
        await bot.setup_hook()
        await asyncio.sleep(100)
    assert app.requests == []


@virtual
async def test_a_question_closes_with_its_time() -> None:
    async with session_on(panel()) as session:
        commands = commands_for(session, DISCORD)
        question = await commands.ask("web1", BOSS)
        assert isinstance(question, Question)
        assert Confirmation(commands, question).timeout == 120.0
