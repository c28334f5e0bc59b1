"""The account's list is taken entry by entry: one bad figure hides no VPS, and what is no VPS hides no other."""

from typing import Final

from attrs import define, field

from cvm_async._api.fields import RefusedError
from cvm_async._api.php import Json
from cvm_async._api.schema import VPS
from cvm_async._api.unread import ONCE, PATH
from cvm_async._words import counted
from cvm_async.models import Problem, Vps, VpsList

__all__ = ["Listing"]

# VPSes between two turns of the event loop: 2 ms of work.
_SLICE: Final = 250
# How many others one of them costs that is not as it should be.
_SALVAGE_WORK: Final = 5
# Problems that are told one by one. An answer of 32 MiB can hold ten million.
_TOLD: Final = 1_000


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
            vps, problems = VPS.salvage(entry, f"{PATH}[{key}]")
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
        return [*self._told, Problem(PATH, f"holding {counted(self._untold, 'more problem')}", "VPSes alone")]

    def whole(self) -> VpsList:
        """Give all of it."""
        return VpsList(self.vpses, self.problems)

    def _add(self, key: int | str, vps: Vps) -> None:
        self.vpses.append(vps)
        first = self._first_at.setdefault(vps.id, key)
        if first != key:
            self._note(Problem(f"{PATH}[{key}].id", f"{vps.id}, as {PATH}[{first}].id is", ONCE))

    def _note(self, *problems: Problem) -> None:
        room = _TOLD - len(self._told)
        self._told += problems[:room]
        self._untold += max(len(problems) - room, 0)
