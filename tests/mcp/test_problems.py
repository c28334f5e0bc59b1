"""Each of the library's errors says to a model what to do about it."""

from collections.abc import Iterator

import pytest

from cvm_async import errors
from cvm_async.errors import CvmError, NoAnswerError, NotSentError
from cvm_async.mcp.problems import NothingDone, advice_of, problem_of
from cvm_async.runs.errors import JournalError


def kinds(of: type[CvmError] = CvmError) -> Iterator[type[CvmError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("kind", sorted({each.kind for each in kinds() if each.__module__ == errors.__name__}))
def test_every_kind_has_its_advice(kind: str) -> None:
    error = CvmError("lost")
    error.__dict__["kind"] = kind
    assert advice_of(error) != "Tell the user."


def test_any_other_error_is_told_to_the_user() -> None:
    assert advice_of(JournalError("full")) == "Tell the user."


def test_an_error_is_one_line_with_its_kind() -> None:
    problem = problem_of(NoAnswerError("cut\noff\x1b[2J " + "x" * 500, method="POST", path="/a", vps_id=7))
    assert problem.kind == "no_answer"
    assert str(problem).startswith("cut off\ufffd[2J xxx")
    assert len(str(problem)) == 300
    assert "read the status" in problem.advice
    assert problem_of(NotSentError("away")).kind == "not_sent"


def test_where_nothing_was_done_it_says_so() -> None:
    problem = NothingDone("declined", "the user declined", "ask")
    assert (str(problem), problem.why) == ("the user declined; nothing was done", "the user declined")
