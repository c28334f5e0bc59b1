"""`RunJournal`: keeps one run in its file, each step written before it matters."""

import asyncio
import getpass
import os
import platform
import sqlite3
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from time import monotonic
from typing import TypeVar

from attrs import define, field

from cvm_async._safe_text import safe_text
from cvm_async.errors import (
    AuthenticationError,
    ConfigurationError,
    DecodeError,
    NoAnswerError,
    NotPossibleError,
    NotSentError,
    PermissionDeniedError,
    WaitTimeoutError,
)
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.work.journal import Intent
from cvm_async.runs import file
from cvm_async.runs.errors import JournalError
from cvm_async.runs.in_place import InPlace
from cvm_async.runs.lock import taken
from cvm_async.runs.record import RunRecord, TargetRecord, TargetState, Turn
from cvm_async.runs.writer import Statement, WriteError, Writer

T = TypeVar("T")

INTENT_LASTS = 30.0
"""Seconds after which an action that was about to leave does not leave any more: whoever has read meanwhile that it was
sent, and has seen that it changed nothing, may have done something else. Longer than any disk that works lets wait."""


@define(eq=False)
class RunJournal:
    """One run's journal, to be given to `Fleet.start`, `stop` or `restart`, or to `Plan.apply`. It is used once."""

    path: Path
    """Its file; it is made when the run begins."""
    id: str
    """What names the run."""
    name: str
    """What whoever made it called it."""
    _writer: Writer | None = field(init=False, default=None, repr=False)
    _lost: Exception | None = field(init=False, default=None, repr=False)
    """Why something that nobody waited for was not written."""
    _states: dict[int, TargetState] = field(init=False, factory=dict[int, TargetState], repr=False)

    async def begin(self, intent: Intent) -> None:
        """Make the file, with all that the run is about to do.

        Raises:
            ConfigurationError: It was used before.
            JournalError: The file cannot be made.
            RunBusyError: It is at work.
        """
        if self._writer is not None:
            raise self._used_before()
        await self._open_whole(self._begin(record_of(self.id, self.name, intent)))

    async def _begin(self, record: RunRecord) -> None:
        self._writer = await asyncio.to_thread(self._made, record)

    def _made(self, record: RunRecord) -> Writer:
        """Make the file, and give what writes to it."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with ExitStack() as stack:
                lock = stack.enter_context(closing(taken(lock_path(self.path))))
                if self.path.exists():
                    raise self._used_before()
                file.made(self.path, record)
                writer = self._writer_of(lock)
                stack.pop_all()
                return writer
        except (OSError, sqlite3.Error) as error:
            msg = f"the journal {safe_text(str(self.path))} cannot be made: {safe_text(str(error))}"
            raise JournalError(msg) from None

    def _used_before(self) -> ConfigurationError:
        return ConfigurationError(f"the run {self.id} has begun before: make a new one, or resume it")

    async def take_up(self) -> RunRecord:
        """Open a run that has begun before, for another turn, and give what is known of it.

        Raises:
            RunBusyError: It is at work.
            ConfigurationError: The file cannot be read or written.
            JournalError: Likewise.
        """
        return await self._open_whole(self._take_up())

    async def _take_up(self) -> RunRecord:
        writer, record = await asyncio.to_thread(self._read)
        self._writer = writer
        self._states = {target.place: target.state for target in record.targets}
        try:
            await self._write(file.turn_begins(this_turn()))
        except JournalError:
            self._writer = None
            writer.end()
            raise
        return record

    def _read(self) -> tuple[Writer, RunRecord]:
        """Read the file, and give what writes to it, too."""
        with ExitStack() as stack:
            lock = stack.enter_context(closing(taken(lock_path(self.path))))
            record = file.read(self.path, whole=True)
            try:
                writer = self._writer_of(lock)
            except OSError as error:
                raise self._unwritable(error) from None
            stack.pop_all()
            return writer, record

    def _writer_of(self, lock: sqlite3.Connection) -> Writer:
        return Writer(self.path, kept=InPlace.of(self.path, lock_path(self.path)), on_end=lock.close)

    def goes_through(self, panels: Iterable[str]) -> None:
        """Keep which sessions this turn reaches its VPSes through."""
        self._hand_over(file.turn_goes_through(dict.fromkeys(panels)))

    async def _open_whole(self, opening: Coroutine[object, object, T]) -> T:
        """Open it. Cancelled, leave it once it is open: its thread would go on, and keep the process and the lock."""
        task = asyncio.create_task(opening)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._opened_in_vain)
            raise

    def _opened_in_vain(self, opening: asyncio.Task[object]) -> None:
        # Why it failed, if it did, nobody asks any more, and asyncio would complain of that.
        with suppress(asyncio.CancelledError):
            opening.exception()
        self._leave("cut off")

    async def sending(self, place: int) -> None:
        """Keep that an action is about to leave: durable when this returns.

        Raises:
            NotSentError: It could not be kept, or was kept too long ago.
        """
        sent_at, since = file.utc_now(), monotonic()
        try:
            await self._write(file.target_is(place, TargetState.SENT, sent_at=sent_at))
        except JournalError as error:
            raise NotSentError(error.message, may_pass=False) from None
        except asyncio.CancelledError:
            # It is perhaps kept already, and does not leave.
            self._hand_over(file.target_is(place, self._states.get(place, TargetState.TODO)))
            raise
        self._states[place] = TargetState.SENT
        # One clock stands still while the machine sleeps, and people set the other.
        age = max(monotonic() - since, (file.utc_now() - sent_at).total_seconds())
        if age > INTENT_LASTS:
            msg = f"it was kept {age:.0f} s ago that this would be sent now: this process, or its disk, stood still"
            raise NotSentError(msg)

    def answered(self, place: int) -> None:
        """Keep that the panel says it is done."""
        self._states[place] = TargetState.ANSWERED
        self._hand_over(file.target_is(place, TargetState.ANSWERED))

    def ended(self, place: int, outcome: Outcome[object]) -> None:
        """Keep what came of it.

        It is durable with the next intent at the latest, which is written behind it; a run does not wait for that.

        Raises:
            JournalError: Something before it could not be kept.
        """
        state = state_after(self._states.get(place, TargetState.TODO), outcome)
        self._states[place] = state
        error = outcome.error
        if self._lost is not None:
            raise self._unwritable(self._lost)
        self._hand_over(
            file.target_is(
                place,
                state,
                ended_at=None if state is TargetState.TODO else file.utc_now(),
                error=None if error is None else safe_text(error.message),
                error_type=None if error is None else type(error).__name__,
            )
        )

    async def close(self, ending: str) -> None:
        """Keep how the run was left, and let others have it."""
        self._leave(ending)
        if self._writer is not None and not self._writer.is_forked:
            await asyncio.to_thread(self._writer.close)

    def _leave(self, ending: str) -> None:
        if self._writer is not None:
            self._hand_over(file.turn_ends(file.utc_now(), ending))
            self._writer.end()

    async def _write(self, statement: Statement) -> None:
        try:
            await self._open().write(statement)
        except WriteError as error:
            raise self._unwritable(error) from None

    def _hand_over(self, statement: Statement) -> None:
        try:
            self._open().hand_over(statement, tell=self._told)
        except WriteError as error:
            self._told(error)

    def _told(self, error: Exception | None) -> None:
        """Note, maybe in the writer's thread, that something could not be written."""
        self._lost = self._lost or error

    def _unwritable(self, error: Exception) -> JournalError:
        return JournalError(f"the journal {safe_text(str(self.path))} cannot be written: {safe_text(str(error))}")

    def _open(self) -> Writer:
        if self._writer is None:
            msg = f"the run {self.id} has not begun"
            raise JournalError(msg)
        return self._writer


def state_after(state: TargetState, outcome: Outcome[object]) -> TargetState:
    """Tell how far a run is with a VPS, from how far it was and what came of it."""
    error = outcome.error
    if error is None:
        return TargetState.UNCHANGED if outcome.skipped else TargetState.DONE
    if state is TargetState.ANSWERED or isinstance(error, WaitTimeoutError):
        return TargetState.UNSEEN
    if isinstance(error, NotPossibleError):
        return TargetState.FAILED
    looked = state is TargetState.TODO and error.method == "GET"
    if outcome.skipped or looked or isinstance(error, _UNDONE):
        return TargetState.TODO
    # Also where another run had sent it, and this one had only joined.
    return TargetState.UNKNOWN if isinstance(error, (NoAnswerError, DecodeError)) else TargetState.FAILED


_UNDONE = (NotSentError, AuthenticationError, PermissionDeniedError)
"""Nothing was done, and that says nothing of the VPS: with other tokens it goes on."""


def lock_path(path: Path) -> Path:
    """Tell where the lock of a run's file is."""
    return path.with_suffix(".lock")


def this_turn(panels: Iterable[str] = ()) -> Turn:
    """Give the turn that begins now, in this process."""
    names = tuple(dict.fromkeys(panels))
    return Turn(began_at=file.utc_now(), user=_user(), host=platform.node(), pid=os.getpid(), panels=names)


def _user() -> str:
    """Give who this is to the operating system; what the environment says of that, anybody may have said."""
    uid = getattr(os, "getuid", None)
    try:
        return getpass.getuser() if uid is None else _name_of(uid())
    except (OSError, KeyError, ImportError):
        # In a container a process may run as somebody who has no name.
        return "?" if uid is None else str(uid())


def _name_of(uid: int) -> str:
    # Only where users have numbers.
    import pwd  # noqa: PLC0415

    return pwd.getpwuid(uid).pw_name


def record_of(run_id: str, name: str, intent: Intent) -> RunRecord:
    """Give the record of a run that begins now."""
    return RunRecord(
        id=run_id,
        name=name,
        verb=intent.verb,
        rollout=intent.rollout,
        wait=intent.wait,
        timeout=intent.timeout,
        interval=intent.interval,
        confirm=intent.confirm,
        targets=tuple(
            TargetRecord(
                place=place,
                address=account.address,
                panel=account.panel,
                vps_id=vps.id,
                hostname=vps.hostname,
                node=vps.node,
                seen=intent.seen.get((account.address, vps.id)),
            )
            for place, (account, vps) in enumerate(intent.members)
        ),
        turns=(this_turn(account.panel for account in intent.members.accounts),),
    )
