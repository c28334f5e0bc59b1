"""A bot for Telegram (aiogram): `/fleet`, `/status web1`, `/restart web1`, and alerts in a chat.

    pip install cvm_async aiogram
    export CVM_URL=… CVM_PUBLIC_TOKEN=… CVM_PRIVATE_TOKEN=… TELEGRAM_TOKEN=… OPERATORS=1234,5678 ALERT_CHAT=…
    python examples/telegram_bot.py

aiogram handles each update in a task of its own, so a restart that takes a minute holds nobody up. A button waits for
`answer()`: it comes at once, and the message is edited when there is something to tell.
"""

import asyncio
import logging
import os

from aiogram import Bot, Dispatcher, Router
from aiogram.client.default import DefaultBotProperties
from aiogram.enums import ParseMode
from aiogram.filters import Command, CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message
from fleet_commands import FleetCommands, Question, User, operators

from cvm_async import CvmSession
from cvm_async.render import TELEGRAM

HTML = DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview=LinkPreviewOptions(is_disabled=True))
"""How messages are sent: what `render` gives for Telegram is HTML."""
WHICH = "Which one? Give its name: /{} web1"


class Answer(CallbackData, prefix="restart"):
    """What a button sends back."""

    key: str
    agreed: bool


def buttons(question: Question) -> InlineKeyboardMarkup:
    """Give the two buttons below a question."""
    choices = (("Restart", True), ("Leave it", False))
    row = [
        InlineKeyboardButton(text=text, callback_data=Answer(key=question.key, agreed=agreed).pack())
        for text, agreed in choices
    ]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def router_for(commands: FleetCommands) -> Router:
    """Give what handles the commands and the buttons."""
    router = Router()

    @router.message(Command("fleet"))
    async def fleet(message: Message) -> None:
        await message.answer(await commands.fleet())

    @router.message(Command("status"))
    async def status(message: Message, command: CommandObject) -> None:
        await message.answer(await commands.status(command.args) if command.args else WHICH.format("status"))

    @router.message(Command("restart"))
    async def restart(message: Message, command: CommandObject) -> None:
        # A channel's message is nobody's.
        if message.from_user is None or not command.args:
            await message.answer(WHICH.format("restart"))
            return
        question = await commands.ask(command.args, User(str(message.from_user.id)))
        if isinstance(question, str):
            await message.answer(question)
        else:
            await message.answer(question.text, reply_markup=buttons(question))

    @router.callback_query(Answer.filter())
    async def answered(query: CallbackQuery, callback_data: Answer) -> None:
        await query.answer()
        # Of an old message Telegram gives no more than that it was there.
        if isinstance(query.message, Message):
            user, show = User(str(query.from_user.id)), query.message.edit_text
            await commands.answer(callback_data.key, user, show, agreed=callback_data.agreed)

    return router


async def main() -> None:
    """Run until somebody ends it."""
    logging.basicConfig(level=logging.INFO)
    async with CvmSession.from_env() as session, Bot(os.environ["TELEGRAM_TOKEN"], default=HTML) as bot:
        commands = FleetCommands(session, TELEGRAM, operators())
        dispatcher = Dispatcher()
        dispatcher.include_router(router_for(commands))
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(alerts(commands, bot, os.environ.get("ALERT_CHAT")))
            await dispatcher.start_polling(bot)  # pyright: ignore[reportUnknownMemberType] - aiogram's types leave it open
            watch.cancel()


async def alerts(commands: FleetCommands, bot: Bot, chat: str | None) -> None:
    """Tell a chat what changes, if there is one to tell."""
    if chat is not None:
        await commands.alert(lambda text: bot.send_message(chat, text))


if __name__ == "__main__":
    asyncio.run(main())
