"""A bot for Slack (slack-bolt, Socket Mode): `/fleet`, `/status web1`, `/restart web1`, and alerts in a channel.

    pip install cvm_async slack-bolt aiohttp
    export CVM_URL=… CVM_PUBLIC_TOKEN=… CVM_PRIVATE_TOKEN=… OPERATORS=U1234,U5678 ALERT_CHANNEL=…
    export SLACK_BOT_TOKEN=xoxb-… SLACK_APP_TOKEN=xapp-…
    python examples/slack_bot.py

Slack wants `ack()` within three seconds; what follows goes to the `response_url`, five times within half an hour.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fleet_commands import FleetCommands, Question, User, operators
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from cvm_async import CvmSession
from cvm_async.render import SLACK

Post = Callable[..., Awaitable[object]]
RESTART, LEAVE = "restart", "leave"
WHICH = "Which one? Give its name after the command."


def blocks(text: str, *buttons: Mapping[str, object]) -> list[dict[str, Any]]:
    """Give a message as Slack takes it; `verbatim` has it look for no links and names of its own."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    return [section, {"type": "actions", "elements": list(buttons)}] if buttons else [section]


def button(label: str, action: str, question: Question) -> Mapping[str, object]:
    """Give a button below a question."""
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": question.key,
        **({"style": "danger"} if action == RESTART else {}),
    }


def register(app: AsyncApp, commands: FleetCommands) -> None:
    """Have the app handle the commands and the buttons."""

    async def fleet(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        text = await commands.fleet()
        await respond(text, blocks=blocks(text))

    async def status(ack: AsyncAck, respond: AsyncRespond, command: dict[str, str]) -> None:
        await ack()
        name = command["text"].strip()
        text = await commands.status(name) if name else WHICH
        await respond(text, blocks=blocks(text))

    async def restart(ack: AsyncAck, respond: AsyncRespond, command: dict[str, str]) -> None:
        await ack()
        name = command["text"].strip()
        question = await commands.ask(name, User(command["user_id"])) if name else WHICH
        if isinstance(question, str):
            await respond(question, blocks=blocks(question))
        else:
            buttons = button("Restart", RESTART, question), button("Leave it", LEAVE, question)
            await respond(question.text, blocks=blocks(question.text, *buttons))

    async def answered(ack: AsyncAck, respond: AsyncRespond, action: dict[str, str], body: dict[str, Any]) -> None:
        await ack()

        async def show(text: str) -> None:
            await respond(text, blocks=blocks(text), replace_original=True)

        user = User(body["user"]["id"])
        await commands.answer(action["value"], user, show, agreed=action["action_id"] == RESTART)

    for name, command in {"/fleet": fleet, "/status": status, "/restart": restart}.items():
        app.command(name)(command)  # pyright: ignore[reportUnknownMemberType] - slack-bolt's types leave some open
    for action in (RESTART, LEAVE):
        app.action(action)(answered)  # pyright: ignore[reportUnknownMemberType] - likewise


async def main() -> None:
    """Run until somebody ends it."""
    logging.basicConfig(level=logging.INFO)
    app = AsyncApp(token=os.environ["SLACK_BOT_TOKEN"])
    async with CvmSession.from_env() as session, asyncio.TaskGroup() as group:
        commands = FleetCommands(session, SLACK, operators())
        register(app, commands)
        post: Post = app.client.chat_postMessage  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if channel := os.environ.get("ALERT_CHANNEL"):

            async def show(text: str) -> None:
                await post(channel=channel, text=text, blocks=blocks(text))

            group.create_task(commands.alert(show))
        handler = AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
        await handler.start_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main())
