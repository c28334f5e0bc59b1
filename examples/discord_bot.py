"""A bot for Discord (discord.py): `/fleet`, `/status web1`, `/restart web1`, and alerts in a channel.

    pip install cvm_async discord.py
    export CVM_URL=… CVM_PUBLIC_TOKEN=… CVM_PRIVATE_TOKEN=… DISCORD_TOKEN=… OPERATORS=1234,5678 ALERT_CHANNEL=…
    python examples/discord_bot.py

Discord wants an answer within three seconds. So each command is acknowledged at once (`defer`), which leaves a quarter
of an hour to edit the answer in.
"""

import asyncio
import logging
import os

import discord
from discord import app_commands
from fleet_commands import OPEN, FleetCommands, Question, User, operators

from cvm_async import CvmSession
from cvm_async.render import DISCORD

logger = logging.getLogger(__name__)


class Confirmation(discord.ui.View):
    """Two buttons below a question; only who was asked can press them."""

    def __init__(self, commands: FleetCommands, question: Question) -> None:
        super().__init__(timeout=OPEN)
        self._commands = commands
        self._question = question

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Turn others away, and tell nobody else."""
        asked = user_of(interaction) == self._question.user
        if not asked:
            await interaction.response.send_message("You were not asked.", ephemeral=True)
        return asked

    @discord.ui.button(label="Restart", style=discord.ButtonStyle.danger)
    async def restart(self, interaction: discord.Interaction, _: "discord.ui.Button[Confirmation]") -> None:
        """Do it."""
        await self._answer(interaction, agreed=True)

    @discord.ui.button(label="Leave it", style=discord.ButtonStyle.secondary)
    async def leave(self, interaction: discord.Interaction, _: "discord.ui.Button[Confirmation]") -> None:
        """Leave it."""
        await self._answer(interaction, agreed=False)

    async def _answer(self, interaction: discord.Interaction, *, agreed: bool) -> None:
        self.stop()
        await interaction.response.edit_message(content="…", view=None)

        async def show(text: str) -> None:
            await interaction.edit_original_response(content=text)

        await self._commands.answer(self._question.key, user_of(interaction), show, agreed=agreed)


def user_of(interaction: discord.Interaction) -> User:
    """Give who it was."""
    return User(str(interaction.user.id))


def slash_commands(commands: FleetCommands) -> list["app_commands.Command[app_commands.Group, ..., None]"]:
    """Give the three commands."""

    @app_commands.command(description="The whole fleet at a glance")
    async def fleet(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=await commands.fleet())

    @app_commands.command(description="What a VPS is doing")
    @app_commands.describe(name="its hostname, or the part before the first dot")
    async def status(interaction: discord.Interaction, name: str) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=await commands.status(name))

    @app_commands.command(description="Restart a VPS, after a question")
    @app_commands.describe(name="its hostname, or the part before the first dot")
    async def restart(interaction: discord.Interaction, name: str) -> None:
        await interaction.response.defer(thinking=True)
        question = await commands.ask(name, user_of(interaction))
        if isinstance(question, str):
            await interaction.edit_original_response(content=question)
        else:
            view = Confirmation(commands, question)
            await interaction.edit_original_response(content=question.text, view=view)

    return [fleet, status, restart]


class FleetBot(discord.Client):
    """The bot: no message is read, and nobody is ever pinged."""

    def __init__(self, commands: FleetCommands, alert_channel: int | None = None) -> None:
        super().__init__(intents=discord.Intents.none(), allowed_mentions=discord.AllowedMentions.none())
        self.tree = app_commands.CommandTree(self)
        for command in slash_commands(commands):
            self.tree.add_command(command)
        self._commands = commands
        self._alert_channel = alert_channel
        self._alerts: asyncio.Task[None] | None = None

    async def setup_hook(self) -> None:
        """Tell Discord of the commands, and watch the fleet."""
        await self.tree.sync()
        if self._alert_channel is not None:
            channel = self.get_partial_messageable(self._alert_channel)
            self._alerts = asyncio.create_task(self._commands.alert(channel.send))

    async def close(self) -> None:
        """End the watch, too."""
        if self._alerts is not None:
            self._alerts.cancel()
            await asyncio.wait([self._alerts])
        await super().close()


async def main() -> None:
    """Run until somebody ends it."""
    logging.basicConfig(level=logging.INFO)
    channel = os.environ.get("ALERT_CHANNEL")
    async with (
        CvmSession.from_env() as session,
        FleetBot(FleetCommands(session, DISCORD, operators()), int(channel) if channel else None) as bot,
    ):
        await bot.start(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    asyncio.run(main())
