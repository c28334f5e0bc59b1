import pickle

import pytest

from cvm_async import CvmError
from cvm_async.runs.errors import JournalError, RunBusyError, RunNotFoundError


@pytest.mark.parametrize("kind", [JournalError, RunBusyError, RunNotFoundError])
def test_they_are_errors_of_this_library_and_pickle(kind: type[CvmError]) -> None:
    error = pickle.loads(pickle.dumps(kind("no")))
    assert type(error) is kind
    assert str(error) == "no"


def test_a_run_that_is_not_there_is_a_failed_look_up() -> None:
    assert issubclass(RunNotFoundError, LookupError)
