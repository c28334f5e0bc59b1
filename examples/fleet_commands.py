"""What the three chat bots beside this file have in common: nothing in here knows a chat's framework.

Names are what people type, and a restart is asked about before it is done, by somebody who may. Whatever goes wrong
comes out as a message to show: an error of the library by its `user_message`, and in full in the program's own log.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NewType

from cvm_async import CvmError, CvmSession, Job, SessionClosedError, Vps
from cvm_async.render import Place, escape, message

logger = logging.getLogger(__name__)

User = NewType("User", str)
"""Somebody, by the id that the chat gives them: names can be changed."""

PATIENCE = 2.5
"""Seconds after which a chat is told that something is under way: they wait three for the first sign of life."""
OPEN = 120.0
"""Seconds for which a question can be answered: what was true then need not be true tomorrow."""
NOT_ALLOWED = "You may look, and nothing more; ask whoever runs this bot."
GONE = "That question is no longer open. Ask again."

Show = Callable[[str], Awaitable[object]]
"""Shows a message where the last one of the same answer was."""


@dataclass(frozen=True)
class Question:
    """What is to be agreed to before a VPS is restarted."""

    key: str
    text: str
    vps: Vps
    user: User
    until: float


@dataclass
class FleetCommands:
    """The commands of a bot, as messages for its chat.

    Args:
        session: The panel.
        place: The chat.
        operators: Who may restart something.
        patience: Seconds after which a restart is told to be under way.
    """

    session: CvmSession
    place: Place
    operators: Collection[User]
    patience: float = PATIENCE
    _questions: dict[str, Question] = field(default_factory=dict[str, Question])

    async def fleet(self) -> str:
        """Give all VPSes at a glance, and what is wrong."""
        try:
            fleet = await self.session.fleet()
            report = await fleet.status(deadline=30.0)
        except CvmError as error:
            return self._told(error)
        return self._told_with(self.session.jobs(), message(report))

    async def status(self, name: str) -> str:
        """Give what one VPS is doing, and whether something is being done to it."""
        try:
            vps = await self.session.find(name)
            status = await self.session.status(vps)
        except CvmError as error:
            return self._told(error)
        job = self.session.job(vps)
        return self._told_with(() if job is None else (job,), message(status, vps=vps))

    async def ask(self, name: str, user: User) -> Question | str:
        """Give the question whether to restart a VPS; or why it is not asked."""
        if user not in self.operators:
            return message(NOT_ALLOWED, self.place)
        try:
            vps = await self.session.find(name)
            status = await self.session.status(vps)
        except CvmError as error:
            return self._told(error)
        text = f"Restart {escape(vps.hostname, self.place)} ({vps.id})? It is {status.state.value}."
        question = Question(secrets.token_urlsafe(8), text, vps, user, self._now() + OPEN)
        self._questions = {key: each for key, each in self._questions.items() if each.until > self._now()}
        self._questions[question.key] = question
        return question

    async def answer(self, key: str, user: User, show: Show, *, agreed: bool) -> None:
        """Restart the VPS of a question if that is agreed to, and show what comes of it: at most twice.

        Only who was asked can answer, and once: a second press of the button does nothing.
        """
        question = self._questions.get(key)
        if question is None or question.until <= self._now():
            await show(message(GONE, self.place))
        elif question.user != user:
            # The question stays as it is.
            logger.warning("%s answered a question that %s was asked", user, question.user)
        else:
            del self._questions[key]
            await (self._restart(question.vps, show) if agreed else show(message("Left as it is.", self.place)))

    async def alert(self, show: Show, every: float = 60.0) -> None:
        """Show what changes in the fleet, looked at each so many seconds, until this is cancelled."""
        while True:
            try:
                await self._watch(show, every)
            except SessionClosedError:
                return
            except CvmError as error:
                # The panel was down when the watch began, or refuses our tokens: both are mended by somebody else.
                logger.warning("no watch, the next attempt follows: %s", error)
                await asyncio.sleep(every)

    async def _watch(self, show: Show, every: float) -> None:
        fleet = await self.session.fleet()
        async with fleet.watch(every=every) as snapshots:
            async for snapshot in snapshots:
                if snapshot.changes:
                    await self._attempt(show, message(snapshot.changes, self.place))

    async def _restart(self, vps: Vps, show: Show) -> None:
        job = self.session.restart(vps)
        if not await job.wait(self.patience):
            await self._attempt(show, message(f"{job}. It may take a minute; the answer will be here.", self.place))
            # The job goes on whatever becomes of the chat.
            await job.wait()
        await show(self._outcome(job, vps))

    def _outcome(self, job: Job, vps: Vps) -> str:
        if job.error is not None:
            logger.warning("%s: %s", job, job.error)
        told = "restarted" if job.error is None else job.error.user_message
        return message(f"{vps.hostname} ({vps.id}): {told}", self.place)

    def _told_with(self, jobs: Iterable[Job], told: str) -> str:
        return message([*(f"under way: {job}" for job in jobs), told], self.place)

    def _told(self, error: CvmError) -> str:
        logger.warning("%s", error)
        return message(error, self.place)

    async def _attempt(self, show: Show, text: str) -> None:
        """Show something that is no answer: where the chat refuses it, what follows is to be shown all the same."""
        try:
            await show(text)
        except Exception:
            logger.exception("a message could not be shown")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def operators() -> frozenset[User]:
    """Give who may restart something: the ids in the environment variable OPERATORS, with commas between."""
    listed = os.environ.get("OPERATORS", "")
    return frozenset(User(each.strip()) for each in listed.split(",") if each.strip())
