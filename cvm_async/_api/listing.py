"""The account's list is taken entry by entry: one bad figure hides no VPS, and what is no VPS hides no other.

Which problem may hide a VPS, and which only leaves a figure of one out, is told here, too.
"""

import re
from collections.abc import Iterable
from typing import Final

from attrs import define, field

from cvm_async._api.fields import RefusedError
from cvm_async._api.php import Json
from cvm_async._api.schema import VPS
from cvm_async.models import Problem, Vps, VpsList

__all__ = ["Listing", "may_hide"]

_PATH: Final = "response.vpses"
# VPSes between two turns of the event loop: 2 ms of work.
_SLICE: Final = 250
# How many others one of them costs that is not as it should be.
_SALVAGE_WORK: Final = 5
# Problems that are told one by one. An answer of 32 MiB can hold ten million.
_TOLD: Final = 1_000
_ONCE: Final = "an id of its own"
# The path of an entry that is no VPS, of an id, and of all the problems that are not told.
_HIDING: Final = re.compile(r"response\.vpses(?:\[[^\]]*\](?:\.id)?)?")


@define
class Listing:
    """A list as far as it was read.

    Attributes:
        vpses: Those on it.
    """

    vpses: list[Vps] = field(init=False, factory=list[Vps])
    _told: list[Problem] = field(init=False, factory=list[Problem])
    _untold: int = field(init=False, default=0)
    _first_at: dict[int, int | str] = field(init=False, factory=dict[int, int | str])
    _work: int = field(init=False, default=0)

    def take(self, key: int | str, entry: Json) -> bool:
        """Take the next entry, which has this key in its array; tell whether others should have a turn."""
        self._work += 1
        try:
            self._add(key, VPS.read(entry))
        except (RefusedError, KeyError):
            self._work += _SALVAGE_WORK
            vps, problems = VPS.salvage(entry, f"{_PATH}[{key}]")
            self._note(*problems)
            if vps is not None:
                self._add(key, vps)
        if self._work < _SLICE:
            return False
        self._work = 0
        return True

    @property
    def problems(self) -> list[Problem]:
        """What could not be read: the first, and how many more."""
        if not self._untold:
            return self._told
        return [*self._told, Problem(_PATH, f"holding {self._untold:,} more problems", "VPSes alone")]

    def whole(self) -> VpsList:
        """Give all of it."""
        return VpsList(self.vpses, self.problems)

    def _add(self, key: int | str, vps: Vps) -> None:
        self.vpses.append(vps)
        first = self._first_at.setdefault(vps.id, key)
        if first != key:
            self._note(Problem(f"{_PATH}[{key}].id", f"{vps.id}, as {_PATH}[{first}].id is", _ONCE))

    def _note(self, *problems: Problem) -> None:
        room = _TOLD - len(self._told)
        self._told += problems[:room]
        self._untold += max(len(problems) - room, 0)


def may_hide(problems: Iterable[Problem], *figures: str) -> tuple[Problem, ...]:
    """Give those of a list's problems for which a VPS may be missing, or not be found by one of some figures.

    An entry is no VPS where its id cannot be read; of one id that is there twice, the second is found by its id alone.
    """
    return tuple(problem for problem in problems if _hides(problem) or _figure(problem) in figures)


def _hides(problem: Problem) -> bool:
    return _HIDING.fullmatch(problem.path) is not None and problem.expected != _ONCE


def _figure(problem: Problem) -> str:
    return problem.path.rpartition(".")[2]
