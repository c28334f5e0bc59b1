"""Which problem of a list may hide a VPS, and which only leaves a figure of one out: nobody is told a wrong reason."""

import re
from collections.abc import Iterable
from typing import Final

from cvm_async.models import Problem

__all__ = ["ONCE", "PATH", "may_hide"]

PATH: Final = "response.vpses"
"""Where a list is in its answer."""

ONCE: Final = "an id of its own"
"""What is expected of an id that is on the list twice; both entries are there, and so none is hidden by that."""

# The path of an entry that is no VPS, of an id, and of all the problems that are not told.
_HIDING: Final = re.compile(r"response\.vpses(?:\[[^\]]*\](?:\.id)?)?")


def may_hide(problems: Iterable[Problem], *figures: str) -> tuple[Problem, ...]:
    """Give those of a list's problems for which a VPS may be missing, or not be found by one of some figures.

    An entry is no VPS where its id cannot be read; of one id that is there twice, the second is found by its id alone.
    """
    return tuple(problem for problem in problems if _hides(problem) or _figure(problem) in figures)


def _hides(problem: Problem) -> bool:
    return _HIDING.fullmatch(problem.path) is not None and problem.expected != ONCE


def _figure(problem: Problem) -> str:
    return problem.path.rpartition(".")[2]
