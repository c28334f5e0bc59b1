"""The bot for Telegram on the simulated panel: aiogram whole, but for its way to Telegram's servers."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest
from panels import session_on
from virtual_time import virtual, virtual_loop

from cvm_async import CvmSession
from cvm_async.render import TELEGRAM
from examples.fleets import BOSS, GUEST, SLOW, commands_for, panel

pytest.importorskip("aiogram", reason="the frameworks are installed for the newest Python alone")

from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.methods import AnswerCallbackQuery, EditMessageText, SendMessage, TelegramMethod
from aiogram.types import CallbackQuery, Chat, InlineKeyboardMarkup, Message, Update, User
from fleet_commands import User as UserId
from telegram_bot import HTML, WHICH, alerts, router_for

CHAT = Chat(id=9, type="group")
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class Telegram(BaseSession):
    """Telegram's servers: they do what they are told, and remember it with its time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[float, TelegramMethod[Any]]] = []

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:  # noqa: ANN401, ARG002 - as aiogram has it
        self.calls.append((virtual_loop().time(), method))
        return True

    async def close(self) -> None:
        """Nothing is open."""

    async def stream_content(self, *_: object, **__: object) -> AsyncGenerator[bytes, None]:
        """Nothing is downloaded."""
        yield b""

    @property
    def texts(self) -> list[str]:
        return [call.text or "" for _, call in self.calls if isinstance(call, (SendMessage, EditMessageText))]


class Talk:
    """A chat with the bot in it."""

    def __init__(self, session: CvmSession) -> None:
        self.telegram = Telegram()
        self.bot = Bot("1:token", session=self.telegram, default=HTML)
        self.commands = commands_for(session, TELEGRAM)
        self.dispatcher = Dispatcher()
        self.dispatcher.include_router(router_for(self.commands))

    async def say(self, text: str, user: UserId = BOSS) -> None:
        message = Message(message_id=1, date=WHEN, chat=CHAT, from_user=person(user), text=text)
        await self.dispatcher.feed_update(self.bot, Update(update_id=1, message=message))

    async def press(self, label: str, user: UserId = BOSS) -> None:
        """Press a button below the last message."""
        _, sent = self.telegram.calls[-1]
        assert isinstance(sent, SendMessage)
        assert isinstance(sent.reply_markup, InlineKeyboardMarkup)
        (button,) = [each for row in sent.reply_markup.inline_keyboard for each in row if each.text == label]
        message = Message(message_id=2, date=WHEN, chat=CHAT, text=sent.text)
        query = CallbackQuery(
            id="1", from_user=person(user), chat_instance="1", message=message, data=button.callback_data
        )
        await self.dispatcher.feed_update(self.bot, Update(update_id=2, callback_query=query))


def person(user: UserId) -> User:
    return User(id=int(user), is_bot=False, first_name="Somebody")


@virtual
async def test_commands_are_answered_by_name_in_html_without_previews() -> None:
    async with session_on(panel()) as session:
        talk = Talk(session)
        await talk.say("/fleet")
        await talk.say("/status @everyone <b>*x*")
        await talk.say("/status")
        fleet, status, which = talk.telegram.texts
        assert fleet == "5 running in 0.0 s"
        assert status.startswith("<code>@everyone</code> &lt;b&gt;*x* (5) on node 1: running\n")
        assert which == WHICH.format("status")
        assert talk.bot.default.parse_mode == "HTML"


@virtual
async def test_a_restart_is_confirmed_by_a_button_and_its_answer_edited_in() -> None:
    app = panel()
    async with session_on(app) as session:
        talk = Talk(session)
        await talk.say("/restart web1")
        assert talk.telegram.texts == ["Restart <code>web1.example.net</code> (1)? It is running."]
        pressed_at = virtual_loop().time()
        await talk.press("Restart")
        (at, acknowledged), (_, first), (_, last) = talk.telegram.calls[1:]
        assert (type(acknowledged), at) == (AnswerCallbackQuery, pressed_at)
        assert isinstance(first, EditMessageText)
        assert "sent" in str(first.text)
        assert isinstance(last, EditMessageText)
        assert last.text == "<code>web1.example.net</code> (1): restarted"
        assert virtual_loop().time() == pytest.approx(SLOW)
    assert app.actions == [(1, "restart")]


@virtual
async def test_it_is_left_where_that_is_pressed_or_nobody_may_or_no_name_is_given() -> None:
    app = panel()
    async with session_on(app) as session:
        talk = Talk(session)
        await talk.say("/restart")
        await talk.say("/restart web1", GUEST)
        await talk.say("/restart web1")
        await talk.press("Restart", GUEST)
        assert isinstance(talk.telegram.calls.pop()[1], AnswerCallbackQuery)
        await talk.press("Leave it")
        assert talk.telegram.texts[0] == WHICH.format("restart")
        assert talk.telegram.texts[1].startswith("You may look")
        assert talk.telegram.texts[-1] == "Left as it is."
    assert app.actions == []


@virtual
async def test_changes_are_told_in_the_chat_that_is_named_and_nowhere_else() -> None:
    app = panel()
    async with session_on(app) as session:
        talk = Talk(session)
        await alerts(talk.commands, talk.bot, None)
        watch = asyncio.create_task(alerts(talk.commands, talk.bot, "9"))
        await asyncio.sleep(1)
        app.set_power(1, "stopped")
        await asyncio.sleep(100)
        watch.cancel()
        await asyncio.wait([watch])
    assert talk.telegram.texts == ["<code>web1.example.net</code> (1) on node 1: running -&gt; stopped"]
