"""The bot for Slack on the simulated panel: what it registers, handed fakes of what Slack gives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import define, field
from panels import session_on
from virtual_time import virtual, virtual_loop

from cvm_async import CvmSession
from cvm_async.render import SLACK
from examples.fleets import BOSS, GUEST, SLOW, commands_for, panel

pytest.importorskip("slack_bolt", reason="the frameworks are installed for the newest Python alone")

from fleet_commands import User
from slack_bot import WHICH, register

Handler = Callable[..., Awaitable[None]]


@define
class App:
    """What the bot registers, by the name that people type and by the button."""

    handlers: dict[str, Handler] = field(factory=dict[str, Handler])

    def command(self, name: str) -> Callable[[Handler], None]:
        return lambda handler: self.handlers.update({name: handler})

    action = command


@define
class Slack:
    """One thing that somebody did, with the answers: when it was acknowledged, and what was sent afterwards."""

    acknowledged: float | None = None
    sent: list[tuple[str, list[dict[str, Any]]]] = field(factory=list[tuple[str, list[dict[str, Any]]]])

    async def ack(self) -> None:
        self.acknowledged = virtual_loop().time()

    async def respond(self, text: str, *, blocks: list[dict[str, Any]], replace_original: bool = False) -> None:
        del replace_original
        self.sent.append((text, blocks))

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.sent]


class Talk:
    """A channel with the bot in it."""

    def __init__(self, session: CvmSession) -> None:
        app = App()
        register(app, commands_for(session, SLACK))  # type: ignore[arg-type]
        self.handlers = app.handlers

    async def say(self, line: str, user: User = BOSS) -> Slack:
        name, _, text = line.partition(" ")
        slack = Slack()
        given: dict[str, object] = {"ack": slack.ack, "respond": slack.respond}
        if name != "/fleet":
            given["command"] = {"text": text, "user_id": user}
        await self.handlers[name](**given)
        return slack

    async def press(self, asked: Slack, label: str, user: User = BOSS) -> Slack:
        _, buttons = asked.sent[-1][1]
        (button,) = [each for each in buttons["elements"] if each["text"]["text"] == label]
        slack = Slack()
        await self.handlers[button["action_id"]](
            ack=slack.ack, respond=slack.respond, action=button, body={"user": {"id": user}}
        )
        return slack


@virtual
async def test_commands_are_acknowledged_before_the_panel_is_asked_and_answered_by_name() -> None:
    app = panel()
    app.latency = 10.0
    async with session_on(app) as session:
        talk = Talk(session)
        fleet = await talk.say("/fleet")
        status = await talk.say("/status @everyone <b>*x*")
        which = await talk.say("/status ")
    assert fleet.acknowledged == 0
    assert fleet.texts == ["5 running in 20.0 s"]
    ((text, (block,)),) = status.sent
    assert text.startswith("`@everyone` `&lt;b&gt;*x*` (5) on node 1: running\n")
    assert block["text"] == {"type": "mrkdwn", "text": text, "verbatim": True}
    assert which.texts == [WHICH]


@virtual
async def test_a_restart_is_confirmed_by_a_button_and_its_answer_replaces_the_question() -> None:
    app = panel()
    async with session_on(app) as session:
        talk = Talk(session)
        asked = await talk.say("/restart web1")
        assert asked.texts == ["Restart `web1.example.net` (1)? It is running."]
        stranger = await talk.press(asked, "Restart", GUEST)
        assert stranger.texts == []
        done = await talk.press(asked, "Restart")
        assert done.acknowledged == 0
        first, last = done.texts
        assert "sent" in first
        assert last == "`web1.example.net` (1): restarted"
        assert virtual_loop().time() == pytest.approx(SLOW)
    assert app.actions == [(1, "restart")]


@virtual
async def test_it_is_left_where_that_is_pressed_or_nobody_may_or_no_name_is_given() -> None:
    app = panel()
    async with session_on(app) as session:
        talk = Talk(session)
        refused = await talk.say("/restart web1", GUEST)
        assert refused.texts[0].startswith("You may look")
        assert (await talk.say("/restart ")).texts == [WHICH]
        left = await talk.press(await talk.say("/restart web1"), "Leave it")
        assert left.texts == ["Left as it is."]
    assert app.actions == []


async def test_the_real_app_takes_what_is_registered() -> None:
    from slack_bolt.app.async_app import AsyncApp  # noqa: PLC0415 - only this test needs it

    app = AsyncApp(token="xoxb-none", signing_secret="none", request_verification_enabled=False)
    async with session_on(panel()) as session:
        register(app, commands_for(session, SLACK))
    assert len(app._async_listeners) == 5  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(0)
