"""`RunJournal`: keeps one run in its file, each step written before it matters."""

import asyncio
import getpass
import os
import platform
import sqlite3
from pathlib import Path

from attrs import define, field

from cvm_async._safe_text import safe_text
from cvm_async.errors import (
    ConfigurationError,
    DecodeError,
    NoAnswerError,
    NotPossibleError,
    NotSentError,
    WaitTimeoutError,
)
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.work.journal import Intent
from cvm_async.runs import file
from cvm_async.runs.errors import JournalError
from cvm_async.runs.lock import taken
from cvm_async.runs.record import RunRecord, TargetRecord, TargetState, Turn
from cvm_async.runs.writer import Statement, WriteError, Writer


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
    _lock: sqlite3.Connection | None = field(init=False, default=None, repr=False)
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
        if self._writer is not None or self.path.exists():
            msg = f"the run {self.id} has begun before: make a new one, or resume it"
            raise ConfigurationError(msg)
        await asyncio.to_thread(self._make, _record(self.id, self.name, intent))

    def _make(self, record: RunRecord) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = taken(lock_path(self.path))
            file.made(self.path, record)
        except (OSError, sqlite3.Error) as error:
            self._unlock()
            msg = f"the journal {safe_text(str(self.path))} cannot be made: {safe_text(str(error))}"
            raise JournalError(msg) from None
        self._writer = Writer(self.path)

    async def take_up(self) -> RunRecord:
        """Open a run that has begun before, for another turn, and give what is known of it.

        Raises:
            RunBusyError: It is at work.
            ConfigurationError: The file cannot be read or written.
            JournalError: Likewise.
        """
        record = await asyncio.to_thread(self._take)
        await self._write(file.turn_begins(this_turn()))
        return record

    def _take(self) -> RunRecord:
        self._lock = taken(lock_path(self.path))
        try:
            record = file.read(self.path)
        except BaseException:
            self._unlock()
            raise
        self._writer = Writer(self.path)
        self._states = {target.place: target.state for target in record.targets}
        return record

    async def sending(self, place: int) -> None:
        """Keep that an action is about to leave: durable when this returns.

        Raises:
            NotSentError: It could not be kept.
        """
        try:
            await self._write(file.target_is(place, TargetState.SENT, sent_at=file.utc_now()))
        except JournalError as error:
            raise NotSentError(error.message, may_pass=False) from None
        except asyncio.CancelledError:
            # It is perhaps kept already, and does not leave.
            self._hand_over(file.target_is(place, self._states.get(place, TargetState.TODO)))
            raise
        self._states[place] = TargetState.SENT

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
        if self._writer is None:
            return
        try:
            self._writer.hand_over(file.turn_ends(file.utc_now(), ending))
            await asyncio.to_thread(self._writer.close)
        finally:
            self._unlock()

    async def _write(self, statement: Statement) -> None:
        try:
            await self._open().write(statement)
        except WriteError as error:
            raise self._unwritable(error) from None

    def _hand_over(self, statement: Statement) -> None:
        self._open().hand_over(statement, tell=self._told)

    def _told(self, error: Exception | None) -> None:
        """Note, in the writer's thread, that something could not be written."""
        self._lost = self._lost or error

    def _unwritable(self, error: Exception) -> JournalError:
        return JournalError(f"the journal {safe_text(str(self.path))} cannot be written: {safe_text(str(error))}")

    def _open(self) -> Writer:
        if self._writer is None:
            msg = f"the run {self.id} has not begun"
            raise JournalError(msg)
        return self._writer

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()


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
    if outcome.skipped or looked or isinstance(error, NotSentError):
        return TargetState.TODO
    # Also where another run had sent it, and this one had only joined.
    return TargetState.UNKNOWN if isinstance(error, (NoAnswerError, DecodeError)) else TargetState.FAILED


def lock_path(path: Path) -> Path:
    """Tell where the lock of a run's file is."""
    return path.with_suffix(".lock")


def this_turn() -> Turn:
    """Give the turn that begins now, in this process."""
    return Turn(began_at=file.utc_now(), user=_user(), host=platform.node(), pid=os.getpid())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # In a container a process may run as somebody who has no name.
        return str(os.getuid()) if hasattr(os, "getuid") else "?"


def _record(run_id: str, name: str, intent: Intent) -> RunRecord:
    return RunRecord(
        id=run_id,
        name=name,
        verb=intent.verb,
        rollout=intent.rollout,
        wait=intent.wait,
        timeout=intent.timeout,
        interval=intent.interval,
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
        turns=(this_turn(),),
    )
