"""A name means one VPS or none."""

import pickle
from collections.abc import Sequence
from typing import cast

import pytest
from attrs import evolve
from hypothesis import given, strategies as st
from panels import calls, session_on
from values import vps
from virtual_time import virtual

from cvm_async import (
    AmbiguousNameError,
    ConfigurationError,
    CvmError,
    Fleet,
    NameNotFoundError,
    Problem,
    Vps,
    VpsNotFoundError,
)
from cvm_async.fleet.naming import Names, as_id, check_name, fits, folded, quoted, some_of
from cvm_async.panel import PanelApp, SimulatedVps

HOSTS = {
    1: "web1.example.net",
    2: "web2.example.net",
    3: "db1.example.net",
    4: "db1.example.org",
    5: "mail",
    6: "mail.example.net",
    7: "9",
    8: "Straße.example.net",
    9: "caf\u00e9.example.net",
    10: "twin.example.net",
    11: "TWIN.example.net",
    12: "",
    13: "9-10",
    14: "[x].example.net",
}


def named(hosts: dict[int, str] = HOSTS, *, problems: Sequence[Problem] = ()) -> Names:
    return Names((("panel", evolve(vps(number), hostname=hostname)) for number, hostname in hosts.items()), problems)


def meant(name: str | int) -> int:
    return list(HOSTS)[named().place(name)]


@pytest.mark.parametrize(
    ("name", "vps_id"),
    [
        (1, 1),
        ("1", 1),
        (" 007 ", 7),
        ("web1", 1),
        ("WEB1", 1),
        (" web1.example.net\n", 1),
        ("Web2.Example.NET", 2),
        ("web2.example.net.", 2),
        ("db1.example.org", 4),
        ("mail", 5),
        ("mail.example.net", 6),
        ("9", 9),
        (9, 9),
        ("STRASSE", 8),
        ("straße.example.net", 8),
        ("cafe\u0301", 9),
        ("CAF\u00c9.EXAMPLE.NET", 9),
        ("9-10", 13),
        ("[x]", 14),
    ],
    ids=repr,
)
def test_a_name_is_an_id_or_a_whole_hostname_or_what_is_before_its_first_dot(name: str | int, vps_id: int) -> None:
    assert meant(name) == vps_id


@pytest.mark.parametrize(("name", "ids"), [("db1", [3, 4]), ("DB1 ", [3, 4]), ("twin", [10, 11])], ids=repr)
def test_several_of_one_name_are_refused_with_their_ids(name: str, ids: list[int]) -> None:
    with pytest.raises(AmbiguousNameError, match="may be 2 VPSes, give the id: ") as caught:
        meant(name)
    assert [each.id for each in caught.value.matches] == ids
    assert all(f"({number})" in str(caught.value) for number in ids)
    assert caught.value.name == name
    assert not isinstance(caught.value, KeyError)


@pytest.mark.parametrize("name", ["web1", 1])
def test_where_an_id_would_not_tell_them_apart_the_panel_does(name: str | int) -> None:
    names = Names((panel, evolve(vps(1), hostname="web1.example.net")) for panel in ("work", "home"))
    with pytest.raises(AmbiguousNameError, match=r"take it from the one panel: .*\(1\) on work, .*\(1\) on home"):
        names.place(name)


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("wbe1", ("web1.example.net (1)",)),
        ("web01", ("web1.example.net (1)",)),
        ("web1.exmaple.net", ("web1.example.net (1)",)),
        ("db1.example.com", ("db1.example.net (3)", "db1.example.org (4)")),
        ("mial", ("mail (5)", "mail.example.net (6)")),
        ("web3", ()),
        ("web11", ()),
        ("zzz", ()),
        ("web*", ()),
        ("99", ()),
        (-1, ()),
        ("٣", ()),
        ("1" * 5000, ()),
        ("w" * 5000, ()),
        ("example.net", ()),
        ("net", ()),
        ("\ud800", ()),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_name_that_nobody_has_is_refused_and_only_what_is_close_is_suggested(
    name: str | int, similar: tuple[str, ...]
) -> None:
    with pytest.raises(NameNotFoundError, match=r"^no VPS here ") as caught:
        meant(name)
    assert (caught.value.name, sorted(caught.value.similar)) == (name, sorted(similar))
    assert ("did you mean" in str(caught.value)) == bool(similar)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_name_that_only_looks_like_an_id_is_suggested_with_its_own() -> None:
    with pytest.raises(NameNotFoundError, match=r"no VPS here has the id 99; did you mean 99.example.net \(1\)\?$"):
        named({1: "99.example.net"}).place("99")


def test_many_of_one_name_are_counted() -> None:
    with pytest.raises(AmbiguousNameError, match=r"may be 5,000 VPSes, .* \(20\) and 4,980 more$"):
        named(dict.fromkeys(range(1, 5001), "vps.example.net")).place("vps")


def test_what_could_not_be_read_may_have_been_meant_and_the_error_says_so() -> None:
    problems = [Problem("response.vpses[2].id", "absent", "a number")] * 2
    with pytest.raises(NameNotFoundError, match=r"; but not all of the list can be read: response.* and 1 more such$"):
        named(problems=problems).place("web9")
    assert some_of(problems[:1]) == str(problems[0])


def test_a_figure_of_another_vps_is_no_reason_why_a_name_is_nobodys() -> None:
    problems = [
        Problem("response.vpses[0].cpu_count", "null", "a whole number"),
        Problem("response.vpses[1].hostname", "null", "text"),
    ]
    with pytest.raises(NameNotFoundError, match=r"has the id 99$"):
        named(problems=problems).place(99)
    with pytest.raises(NameNotFoundError, match=r"list can be read: response.vpses\[1\].hostname is null, not text$"):
        named(problems=problems).place("db9")


@pytest.mark.parametrize("name", ["", "  ", ".", None, True, 1.0, b"web1", ["web1"], vps(1)], ids=repr)
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^a VPS must be an id such as 7 or a hostname such as 'web1'"):
        check_name(name)


@given(
    st.dictionaries(st.integers(1, 30), st.text("wW1.- é", max_size=6), max_size=8),
    st.one_of(st.integers(-1, 31), st.text("wW1.- é", max_size=6), st.text()),
)
def test_whatever_is_asked_for_is_exactly_one_or_a_clear_refusal(hosts: dict[int, str], name: str | int) -> None:
    try:
        found = list(hosts)[named(hosts).place(name)]
    except (NameNotFoundError, AmbiguousNameError, ConfigurationError) as error:
        assert str(error).isprintable()  # noqa: PT017 - either way is right
        return
    key = folded(str(name).strip()).rstrip(".")
    if as_id(name) is not None:
        assert found == as_id(name)
    else:
        forms = {number: folded(host.strip()).rstrip(".") for number, host in hosts.items()}
        whole = [number for number, form in forms.items() if form == key]
        assert [found] == (whole or [number for number, form in forms.items() if form.partition(".")[0] == key])


def test_ids_within_a_range_are_found_however_long_it_is() -> None:
    names = named({5: "a", 1: "b", 9: "c"})
    assert names.ids_within(range(1, 10**18)) == [1, 5, 9]
    assert names.ids_within(range(2, 6)) == [5]


@pytest.mark.parametrize(
    ("patterns", "short", "fitting"),
    [
        (["web1"], False, False),
        (["web1"], True, True),
        (["web1.*"], False, True),
        (["db*", "*.net"], False, True),
        ([], True, False),
    ],
    ids=str,
)
def test_a_hostname_fits_a_pattern_whole_or_also_by_its_first_part(
    patterns: list[str],
    short: bool,  # noqa: FBT001
    fitting: bool,  # noqa: FBT001
) -> None:
    assert fits("WEB1.example.net", patterns, short=short) is fitting


def test_a_name_is_quoted_safely_and_short() -> None:
    assert quoted(7) == "7"
    assert quoted("a\x1b[2J") == r"'a\x1b[2J'"
    assert len(quoted("w" * 999)) == 60


HERE = [SimulatedVps(id=number, hostname=hostname) for number, hostname in HOSTS.items() if hostname]


@virtual
async def test_a_fleet_gives_a_vps_by_its_name() -> None:
    async with session_on(PanelApp(vpses=HERE)) as session:
        fleet = await session.fleet()
        assert [fleet[name].id for name in ("web1", "web2.example.net", 7)] == [1, 2, 7]
        with pytest.raises(KeyError):
            fleet["nope"]
        with pytest.raises(KeyError):
            fleet.select(hostname="db*")["web1"]
        with pytest.raises(LookupError, match=r"\(3\).*\(4\)"):
            fleet["db1"]
        with pytest.raises(ConfigurationError):
            fleet[cast("int", slice(1))]


@virtual
async def test_a_fleet_knows_whether_a_name_is_there_be_it_several() -> None:
    async with session_on(PanelApp(vpses=HERE)) as session:
        fleet = await session.fleet()
        there = [name for name in ("web1", 7, "7", "db1", "nope", 99, "", None, fleet[7]) if name in fleet]
        assert there == ["web1", 7, "7", "db1", fleet[7]]
        with pytest.raises(TypeError):
            reversed(cast("Sequence[Vps]", fleet))


@virtual
async def test_an_id_on_two_panels_is_refused_with_the_panels() -> None:
    async with (
        session_on(PanelApp(vpses=HERE), url="https://one.example.net") as one,
        session_on(PanelApp(vpses=HERE[:1]), url="https://other.example.net") as other,
    ):
        both: Fleet = await one.fleet() | await other.fleet()
        for name in (1, "1", "web1"):
            with pytest.raises(AmbiguousNameError, match=r"\(1\) on one.example.net, .* \(1\) on other.example.net"):
                both[name]
        assert both["web2"].id == 2


@virtual
async def test_a_session_finds_a_vps_by_its_name_with_one_call() -> None:
    app = PanelApp(vpses=HERE)
    async with session_on(app) as session:
        found = await session.find("WEB2")
        assert found == (await session.list_vpses())[1]
        assert len(calls(app, "list")) == 2
        assert (await session.find(7)).hostname == "9"
        with pytest.raises(VpsNotFoundError, match=r"did you mean web1\.example.net") as caught:
            await session.find("wbe1")
        assert caught.value.status_code == 404
        with pytest.raises(AmbiguousNameError):
            await session.find("db1")


@pytest.mark.parametrize("name", ["", True, None, 1.5])
@virtual
async def test_for_what_is_no_name_nothing_is_sent(name: str) -> None:
    app = PanelApp(vpses=HERE)
    async with session_on(app) as session:
        with pytest.raises(ConfigurationError):
            await session.find(name)
    assert app.requests == []


@pytest.mark.parametrize("name", ["nope", "db1"])
def test_the_errors_pickle_with_what_they_know(name: str) -> None:
    with pytest.raises(CvmError) as caught:
        named().place(name)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), vars(again)) == (str(caught.value), vars(caught.value))
