"""`RunStore`: the folder in which runs are kept, a file each."""

import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from attrs import field, frozen
from platformdirs import user_state_path

from cvm_async._checks import given, refuse, seconds
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.errors import ConfigurationError
from cvm_async.runs import file
from cvm_async.runs.errors import JournalError, RunBusyError, RunNotFoundError
from cvm_async.runs.journal import RunJournal, lock_path
from cvm_async.runs.lock import taken
from cvm_async.runs.open_run import OpenRun
from cvm_async.runs.record import RunList, RunRecord, RunSummary

_SUFFIX = ".run"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")
_SHOWN = 60
"""Characters of a wrong id that a message quotes."""

KEEP = 90 * 86_400.0
"""Seconds that a run is kept after it was last written to: a quarter of a year, in which people ask who did what."""


def default_path() -> Path:
    """Tell where runs are kept: in the platform's folder for state, ``~/.local/state/cvm_async/runs`` on Linux.

    Raises:
        ConfigurationError: That is in the home directory, and there is none, as for some users of containers.
    """
    try:
        path = user_state_path("cvm_async", appauthor=False) / "runs"
    except RuntimeError:
        # So newer releases of it say that there is no home; older ones give a path that begins with "~".
        path = Path()
    if path.is_absolute():
        return path
    msg = "there is no home directory to keep runs in: set HOME, or XDG_STATE_HOME, or name a folder"
    raise ConfigurationError(msg)


@frozen
class RunStore:
    """Where runs are kept, a file each, which only their owner may read; they hold no token."""

    path: Path = field(factory=default_path, converter=Path)
    """The folder; it is made when the first run begins."""
    keep: float | None = field(default=KEEP, validator=seconds(optional=True))
    """Seconds that a run is kept after it was last written to; None: for ever."""

    def new(self, name: str = "") -> RunJournal:
        """Give the journal of a new run, for `journal=` of `Fleet.start`, `stop`, `restart` or `Plan.apply`.

        Nothing is written before the run begins. Runs that were kept long enough are forgotten by the way.

        Args:
            name: What to call it, for whoever reads the list of runs.
        """
        given("name", name, str, "a text")
        self._forget_old()
        # Ids sort by time; the rest tells apart those of one second.
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
        return RunJournal(self._file(run_id), run_id, name)

    def list(self) -> RunList:
        """Give all runs, the newest first; what cannot be read is among its `problems`.

        Raises:
            ConfigurationError: The folder cannot be looked into.
        """
        found: list[RunSummary] = []
        problems: list[str] = []
        for path in sorted(self._files(), reverse=True):
            try:
                found.append(file.read(path).summary)
            except ConfigurationError as error:
                problems.append(error.message)
        return RunList(found, problems)

    def read(self, run_id: str) -> RunRecord:
        """Give all that is known of a run, also while it is at work.

        Raises:
            RunNotFoundError: There is none of that id.
            ConfigurationError: Its file cannot be read.
        """
        return file.read(self._existing(run_id))

    def open(self, run_id: str) -> OpenRun:
        """Take a run up again: ``async with runs.open(run_id) as run: await run.resume(fleet)``.

        Raises:
            RunNotFoundError: There is none of that id.
        """
        return OpenRun(RunJournal(self._existing(run_id), run_id, ""))

    def forget(self, run_id: str) -> None:
        """Take a run's file away.

        Raises:
            RunNotFoundError: There is none of that id.
            RunBusyError: It is at work.
            JournalError: It cannot be taken away.
        """
        self._remove(self._existing(run_id))

    def _files(self) -> tuple[Path, ...]:
        try:
            return tuple(each for each in self.path.iterdir() if each.suffix == _SUFFIX)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(f"runs cannot be kept in {excerpt(str(self.path), 200)}: {safe_text(str(error))}")

    def _file(self, run_id: str) -> Path:
        return self.path / f"{run_id}{_SUFFIX}"

    def _existing(self, run_id: object) -> Path:
        # Callers may be untyped, and an id becomes the name of a file.
        if not (isinstance(run_id, str) and _ID.fullmatch(run_id)):
            refuse("a run's id", "as `list` gives it", run_id)
        path = self._file(run_id)
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            msg = f"there is no run {excerpt(run_id, _SHOWN)} in {excerpt(str(self.path), 200)}"
        except OSError as error:
            raise self._unusable(error) from None
        else:
            return path
        raise RunNotFoundError(msg)

    def _forget_old(self) -> None:
        if self.keep is None:
            return
        oldest = time.time() - self.keep
        # Where none can be kept, the first that begins tells.
        with suppress(ConfigurationError):
            self._forget(oldest)

    def _forget(self, oldest: float) -> None:
        for path in self._files():
            # Another process may have taken it away, or be at work on it; or it is somebody else's.
            with suppress(OSError, RunBusyError, JournalError):
                if path.stat().st_mtime < oldest:
                    self._remove(path)

    @staticmethod
    def _remove(path: Path) -> None:
        lock = taken(lock_path(path))
        try:
            for each in file.files(path):
                each.unlink(missing_ok=True)
            lock_path(path).unlink(missing_ok=True)
        except OSError as error:
            msg = f"{safe_text(str(path))} cannot be taken away: {safe_text(str(error))}"
            raise JournalError(msg) from None
        finally:
            lock.close()
