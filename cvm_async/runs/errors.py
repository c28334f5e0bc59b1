"""What can go wrong with runs, beside what can go wrong with calls."""

from typing import ClassVar

from cvm_async.errors import CvmError


class RunBusyError(CvmError):
    """A process is at work on this run already: two of them would send its actions twice."""

    kind: ClassVar[str] = "run_busy"
    _for_users = "Somebody is carrying that run out already."


class RunNotFoundError(CvmError, LookupError):
    """There is no run of that id where runs are kept."""

    kind: ClassVar[str] = "run_not_found"
    _for_users = "There is no such run."


class JournalError(CvmError):
    """A run's journal could not be written: the disk is full, or the file is gone. What was to be sent was not."""

    kind: ClassVar[str] = "journal"
    _for_users = "What is done cannot be written down, so nothing more is sent; whoever runs this has to look."
