"""`Members`: which VPSes a fleet has, in order, each with the account that it is reached through, and each once.

A fleet, its selections, its runs and its reports hold one of these and hand it on; a VPS's place in it is its name
among the others.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

from cvm_async._account.account import Account
from cvm_async._checks import check_plain, is_count, refuse
from cvm_async._tables import Line, what_it_has
from cvm_async.fleet.naming import Names, fits, folded
from cvm_async.models import Problem, Vps, VpsList


class Member(NamedTuple):
    """A VPS, and the account that it is reached through."""

    account: Account
    vps: Vps

    @property
    def key(self) -> tuple[str, int]:
        """What names the VPS: ids are unique on a panel, whoever asks it."""
        return self.account.address, self.vps.id

    def line(self) -> Line:
        """Give it as a line of a table."""
        return Line(panel=self.account.panel, vps=self.vps, figures=what_it_has(self.vps))


Lists: TypeAlias = Mapping[Account, Iterable[Vps]]
"""What accounts have listed."""

Choice: TypeAlias = Callable[[Lists], "Members"]
"""How some VPSes were chosen, to choose again from newer lists."""


class Members:
    """The VPSes of a fleet. They cannot be changed, and whoever prints or walks through them finds no session.

    Args:
        members: Each once.
        unread: What could not be read of the lists that they come from, each with its panel's address.
        again: How to choose them from newer lists.
        accounts: Where there may be others in newer lists, also where there is none now.
    """

    __slots__ = ("_accounts", "_again", "_members", "_names", "_unread")

    def __init__(
        self,
        members: Iterable[Member] = (),
        unread: Iterable[tuple[str, Problem]] = (),
        again: Choice | None = None,
        accounts: Iterable[Account] = (),
    ) -> None:
        self._members = tuple(members)
        self._accounts = tuple(accounts)
        self._unread = tuple(unread)
        self._again = again
        self._names: Names | None = None

    @classmethod
    def listed(cls, account: Account, vpses: Iterable[Vps]) -> "Members":
        """Give the VPSes of a list; of an id that is on it twice, the first."""
        problems = vpses.problems if isinstance(vpses, VpsList) else ()
        members = _once(Member(account, vps) for vps in vpses)

        def again(lists: Lists) -> "Members":
            return cls.listed(account, lists.get(account, vpses))

        return cls(members, ((account.address, problem) for problem in problems), again, (account,))

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __getitem__(self, index: int) -> Member:
        return self._members[index]

    def __or__(self, other: "Members") -> "Members":
        unread = dict.fromkeys((*self._unread, *other._unread))
        members = _once((*self._members, *other._members))
        accounts = (*self.accounts, *other.accounts)
        return Members(members, unread, lambda lists: self.chosen_from(lists) | other.chosen_from(lists), accounts)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read of the lists: there may be VPSes that are not among these."""
        return tuple(problem for _, problem in self._unread)

    @property
    def names(self) -> Names:
        """What they are called, each by its place; found out once, when first asked for."""
        if self._names is None:
            self._names = Names(((member.account.panel, member.vps) for member in self._members), self.problems)
        return self._names

    def where(self, holds: Callable[[Vps], bool]) -> "Members":
        """Give those for which a condition holds. What could not be read might be among them: its problem stays."""
        members = (member for member in self._members if holds(member.vps))
        return Members(members, self._unread, lambda lists: self.chosen_from(lists).where(holds), self.accounts)

    def chosen_from(self, lists: Lists) -> "Members":
        """Make the same choice from newer lists: VPSes that have come since and fit are in it, those that went are not.

        Args:
            lists: By account; of an account that is not in here, the list that it had is taken.
        """
        return self if self._again is None else self._again(lists)

    def at(self, indexes: Iterable[int]) -> "Members":
        """Give those at these places.

        Raises:
            ConfigurationError: An index is no whole number.
            IndexError: There is no such place.
        """
        # Callers may be untyped.
        if not isinstance(indexes, Iterable) or isinstance(indexes, (str, bytes)):  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
            refuse("indexes", "places of the fleet such as [0, 1]", indexes)
        members = _once(self._members[_index(index)] for index in indexes)
        keys = {member.key for member in members}

        def again(lists: Lists) -> "Members":
            newer = self.chosen_from(lists)
            return newer.at(index for index, member in enumerate(newer) if member.key in keys)

        return Members(members, self._unread, again)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that they are reached through, or others in newer lists may be; in order of first appearance."""
        return tuple(dict.fromkeys((*(member.account for member in self._members), *self._accounts)))

    @property
    def panels(self) -> dict[Account, str]:
        """What to call each account's panel among these: its session's name, or its address where several have that."""
        addresses: dict[str, set[str]] = {}
        for account in self.accounts:
            addresses.setdefault(account.panel, set()).add(account.address)
        return {each: each.panel if len(addresses[each.panel]) == 1 else each.address for each in self.accounts}


def condition(
    ids: Collection[int] | None,
    node: int | Collection[int] | None,
    hostname: str | Collection[str] | None,
    exclude: str | Collection[str] | None,
    where: Callable[[Vps], Any] | None,
) -> Callable[[Vps], bool]:
    """Give the condition that all of these hold; None holds for every VPS.

    Callers may be untyped. What could never hold, or would hold for all, is refused: nothing would be done, or too
    much, and both would look like success.

    Raises:
        ConfigurationError: One is not of the type that it should be.
    """
    wanted = None if ids is None else _numbers("ids", "VPS ids such as [1, 2]", ids)
    nodes = (
        None if node is None else _numbers("node", "a node number, or several", [node] if is_count(node, 0) else node)
    )
    if where is not None:
        check_plain("where", where)
    patterns = None if hostname is None else _patterns("hostname", hostname)
    excluded = () if exclude is None else _patterns("exclude", exclude)

    def holds(vps: Vps) -> bool:
        return (
            (wanted is None or vps.id in wanted)
            and (nodes is None or vps.node in nodes)
            and (patterns is None or fits(vps.hostname, patterns))
            and not fits(vps.hostname, excluded, short=True)
            and (where is None or _holds(where, vps))
        )

    return holds


def _holds(where: Callable[[Vps], object], vps: Vps) -> bool:
    answer = where(vps)
    if inspect.isawaitable(answer) or inspect.isasyncgen(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        refuse("where", "a plain function, as it is not awaited", where)
    return bool(answer)


def _numbers(name: str, rule: str, given: object) -> frozenset[int]:
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, bytearray)):
        refuse(name, rule, given)
    numbers = tuple(cast("Iterable[object]", given))
    for number in numbers:
        if not is_count(number, 0):
            refuse(name, rule, number)
    return frozenset(cast("Iterable[int]", numbers))


def _patterns(name: str, given: object) -> tuple[str, ...]:
    rule = "a pattern such as 'web*', or several"
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, Iterable) or isinstance(several, (bytes, bytearray)):
        refuse(name, rule, given)
    patterns = tuple(cast("Iterable[object]", several))
    for pattern in patterns:
        if not isinstance(pattern, str):
            refuse(name, rule, pattern)
    return tuple(folded(pattern) for pattern in cast("tuple[str, ...]", patterns))


def _index(index: object) -> int:
    if isinstance(index, bool) or not isinstance(index, int):
        refuse("an index", "a whole number", index)
    return index


def _once(members: Iterable[Member]) -> Iterable[Member]:
    """Give members in order, of those with one key the first."""
    unique: dict[tuple[str, int], Member] = {}
    for member in members:
        unique.setdefault(member.key, member)
    return unique.values()
