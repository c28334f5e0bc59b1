import functools
import re
from collections.abc import AsyncGenerator, Callable, Iterator

import pytest
from panels import account_of, fleet_of, session_on
from values import vps
from virtual_time import virtual

from cvm_async import ConfigurationError, Fleet, PowerState, Problem, Vps, VpsList
from cvm_async.fleet.members import Members, condition
from cvm_async.panel import PanelApp


async def is_even(vps: Vps) -> bool:
    return vps.id % 2 == 0


class Even:
    async def __call__(self, vps: Vps) -> bool:
        return await is_even(vps)


def says_later(vps: Vps) -> object:
    return is_even(vps)


async def says_in_steps(vps: Vps) -> AsyncGenerator[bool]:
    yield vps.id % 2 == 0


class Awaited:
    def __await__(self) -> Iterator[None]:
        return iter(())


def says_once_awaited(_: Vps) -> object:
    return Awaited()


def says_later_in_steps(vps: Vps) -> object:
    return says_in_steps(vps)


WRONG: dict[str, tuple[object, ...]] = {
    "ids": (["1"], "12", b"12", [True], [1.0], [None], [-1], 5, True, [[1]], [vps(1)], (number for number in "12")),
    "node": ("1", b"1", True, 1.0, ["1"], [True], [1.5], [None], -1, object()),
    "hostname": (5, b"web*", re.compile("web"), ["web*", 5], [b"web*"], True),
    "exclude": (5, b"web*", re.compile("web"), ["web*", None], [["web*"]], True),
    "where": (
        *(is_even, Even(), functools.partial(is_even), says_later, says_once_awaited, says_later_in_steps),
        *("web*", True, 5),
    ),
}


@pytest.mark.parametrize(("name", "given"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_condition_of_a_wrong_type_is_refused_as_it_would_hold_for_none_or_for_all(name: str, given: object) -> None:
    conditions: dict[str, object] = {**dict.fromkeys(WRONG), name: given}
    with pytest.raises(ConfigurationError, match=f"^{name} must be "):
        condition(**conditions)(vps(1))  # type: ignore[arg-type]


def id_of(each: Vps) -> object:
    return each.id


def begins_with_vps1(each: Vps) -> object:
    return re.match("vps1", each.hostname)


def among(wanted: tuple[int, ...], each: Vps) -> bool:
    return each.id in wanted


RIGHT: dict[str, tuple[object, ...]] = {
    "ids": ([1], (1,), {1}, {1: "one"}, range(3), iter([1]), frozenset([1])),
    "node": (1, [1, 2], {1}, range(2)),
    "hostname": ("VPS1*", ["db*", "vps?.*"], {"vps1.example.net"}, iter(["vps*"])),
    "exclude": ("db*", [], ["vps2*", "vps10"], ""),
    "where": (id_of, begins_with_vps1, functools.partial(among, (1,))),
}


@pytest.mark.parametrize(("name", "given"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_a_condition_of_a_right_type_holds_for_what_it_says(name: str, given: object) -> None:
    conditions: dict[str, object] = {**dict.fromkeys(WRONG), name: given}
    holds = condition(**conditions)  # type: ignore[arg-type]
    # A set, an iterator: read once, and held against each.
    assert holds(vps(1))
    assert holds(vps(1))


@pytest.mark.parametrize("excluded", ["VPS1", "vps?", "vps1.*", "*.NET", ["db*", "*1"], {"vps1.example.net"}], ids=str)
def test_whoever_fits_a_pattern_to_exclude_is_left_out_be_it_by_the_part_before_the_first_dot(excluded: str) -> None:
    assert not condition(**{**dict.fromkeys(WRONG), "exclude": excluded})(vps(1))  # type: ignore[arg-type]


@pytest.mark.parametrize("indexes", [["0"], [True], [0.0], [None], [slice(1)]])
@virtual
async def test_a_place_is_a_whole_number(indexes: list[int]) -> None:
    async with session_on(PanelApp(vpses=2)) as session:
        with pytest.raises(ConfigurationError, match="an index must be a whole number"):
            (await session.fleet()).at(indexes)


@virtual
async def test_a_place_that_is_given_twice_is_there_once_and_one_that_is_not_there_is_an_index_error() -> None:
    async with session_on(PanelApp(vpses=3)) as session:
        fleet = await session.fleet()
        assert [vps.id for vps in fleet.at([2, 0, 2, -1])] == [3, 1]
        with pytest.raises(IndexError):
            fleet.at([3])


@virtual
async def test_a_fleet_is_joined_with_fleets_alone() -> None:
    async with session_on(PanelApp(vpses=1)) as session:
        with pytest.raises(TypeError):
            _ = await session.fleet() | [1]  # type: ignore[operator] # pyright: ignore[reportOperatorIssue]


RUNNING, STOPPED = PowerState.RUNNING, PowerState.STOPPED
PROBLEM = Problem("response.vpses[2].id", "absent", "a number")


CHOICES: dict[str, Callable[[Fleet], Fleet]] = {
    "a condition": lambda fleet: fleet.select(node=1),
    "a condition that nothing else fits": lambda fleet: fleet.select(node=9),
    "a place": lambda fleet: fleet.at([0]),
    "a union with itself": lambda fleet: fleet | fleet.select(node=1),
}


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
@virtual
async def test_what_could_not_be_read_stays_with_whatever_is_chosen(choose: Callable[[Fleet], Fleet]) -> None:
    async with session_on(PanelApp(vpses=fleet_of(1, 2))) as session:
        fleet = Fleet.of(account_of(session), VpsList(await session.list_vpses(), [PROBLEM]))
        assert choose(fleet).problems == (PROBLEM,)
        assert (await choose(fleet).status()).problems == (PROBLEM,)
        assert (await choose(fleet).wait_until(RUNNING)).problems == (PROBLEM,)
        assert (await choose(fleet).status()).failed_fleet().problems == (PROBLEM,)
        assert choose(fleet).stream_status().problems == (PROBLEM,)
        assert (await choose(fleet).plan(STOPPED)).problems == (PROBLEM,)


@virtual
async def test_the_same_problem_on_two_panels_is_two() -> None:
    async with (
        session_on(PanelApp(vpses=1), url="https://one.example.net") as one,
        session_on(PanelApp(vpses=1), url="https://other.example.net") as other,
    ):
        a, b = [Fleet.of(account_of(each), VpsList(await each.list_vpses(), [PROBLEM])) for each in (one, other)]
        assert (a | b).problems == (PROBLEM, PROBLEM)
        assert (a | b | a).problems == (PROBLEM, PROBLEM)


def test_nobody_who_walks_through_members_finds_a_session() -> None:
    assert not hasattr(Members(), "__dict__")
    assert not hasattr(Members(), "__attrs_attrs__")


@virtual
async def test_the_same_choice_can_be_made_from_newer_lists() -> None:
    one, two = PanelApp(vpses=fleet_of(1, 2, 1)), PanelApp(vpses=fleet_of(1, 1))
    async with session_on(one) as first, session_on(two, url="https://two.example.net") as second:
        fleet = (await first.fleet()).select(node=1) | (await second.fleet()).at([1])
        newer = {
            account_of(first): VpsList([vps(3, 1), vps(4, 1), vps(5, 2)]),
            account_of(second): VpsList([vps(1), vps(2), vps(3)]),
        }
        again = fleet.members.chosen_from(newer)
        assert [(member.account.address, member.vps.id) for member in again] == [
            ("https://panel.example.net/", 3),
            ("https://panel.example.net/", 4),
            ("https://two.example.net/", 2),
        ]
        # Where an account has no newer list, the one before serves.
        assert [member.vps.id for member in again.chosen_from({})] == [3, 4, 2]
        assert [member.vps.id for member in fleet.members.chosen_from({})] == [1, 3, 2]
        assert len(Members().chosen_from(newer)) == 0
        assert again.accounts == fleet.members.accounts == (account_of(first), account_of(second))
