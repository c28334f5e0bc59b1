"""What the live terminal knows, from look to look, and better where something was done meanwhile."""

from datetime import timedelta

from attrs import evolve
from panels import fleet_of, session_on
from virtual_time import virtual
from watches import BEGIN, LOST, reading, snapshot, used

from cvm_async.cli.top.known import Known
from cvm_async.cli.top.lines.look import Line
from cvm_async.fleet.outcome import Outcome
from cvm_async.panel import PanelApp, SimulatedVps
from cvm_async.watch.changes import changes


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def known() -> Known:
    return Known(("acme",), 30.0)


def head(of: Known) -> list[str]:
    return [text_of(line) for line in of.head(now=BEGIN, width=80)]


def test_at_first_nothing_is_known() -> None:
    nothing = known()
    nothing.waiting = "listing …"
    assert (nothing.rows(), nothing.row(("acme", 1)), nothing.now) == ([], None, None)
    assert head(nothing)[0].split() == ["acme", "listing", "…"]
    nothing.note(Outcome(reading(1).vps, "acme", reading(1).status))
    nothing.find("web")
    assert "0 of 0 fit web" in text_of(nothing.rule(shown=0, marked=0, width=80))


@virtual
async def test_the_list_is_shown_until_the_first_look_is_over() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1, 2)), name="panel") as session:
        listed = known()
        listed.take_list(await session.fleet())
    assert [row.reading.status for row in listed.rows()] == [None, None]
    assert head(listed)[0].split() == ["panel", "2", "VPSes", "reading,", "0", "of", "2", "VPSes", "so", "far"]
    assert head(listed)[1:] == [" · 2 not read yet", ""]
    listed.take(snapshot(reading(1, panel="panel")))
    assert head(listed)[0].endswith("read 0s ago in 0.5 s, every 30 s ")


@virtual
async def test_what_cannot_be_read_of_a_list_is_told() -> None:
    odd = SimulatedVps(id=2, extra={"id": "x"})
    async with session_on(PanelApp(vpses=[*fleet_of(1), odd]), name="panel") as session:
        listed = known()
        listed.take_list(await session.fleet())
    (line,) = listed.log.lines
    assert "of the list cannot be read: response.vpses[1].id is" in text_of(line)


def test_an_empty_fleet_keeps_the_panels_name() -> None:
    from cvm_async import Fleet  # noqa: PLC0415 - here alone

    empty = known()
    empty.take_list(Fleet())
    assert head(empty)[0].startswith(" acme   0 VPSes")


def test_the_first_look_tells_of_trouble_and_the_next_of_changes() -> None:
    both = known()
    first = snapshot(reading(1), reading(2, error=LOST, node=2))
    both.take(first)
    (lost,) = both.log.lines
    assert "node 2 of acme: unreachable" in text_of(lost)
    second = snapshot(reading(1, "stopped"), reading(2, error=LOST, node=2), after=30)
    both.take(evolve(second, changes=changes(first, second)))
    assert "running -> stopped" in text_of(both.log.lines[-1])


def test_rates_are_from_one_look_to_the_next() -> None:
    rated = known()
    rated.take(snapshot(reading(1, traffic=used(0))))
    rated.take(snapshot(reading(1, traffic=used(300), after=30), after=30))
    row = rated.row(("acme", 1))
    assert row is not None
    assert (row.rate.total, rated.rows()[0].rate.total) == (10.0, 10.0)


def test_what_came_of_an_action_shows_before_the_next_look_and_gives_way_to_a_later_one() -> None:
    acted = known()
    acted.take(snapshot(reading(1), reading(2)))
    acted.note(Outcome(reading(1).vps, "acme", reading(1, "stopped").status))
    acted.note(Outcome(reading(2).vps, "acme", None, LOST))
    acted.note(Outcome(reading(9).vps, "acme", reading(9).status))
    assert head(acted)[1] == " ● 1 running   ○ 1 stopped"
    # A look that had begun before: it saw what was there before.
    acted.take(snapshot(reading(1, after=-60), reading(2)))
    assert head(acted)[1] == " ● 1 running   ○ 1 stopped"
    year = timedelta(days=36_500).total_seconds()
    acted.take(snapshot(reading(1, after=year), reading(2)))
    assert head(acted)[1] == " ● 2 running"


def test_a_status_shows_before_the_look_is_over() -> None:
    arriving = known()
    arriving.arrive(Outcome(reading(1).vps, "acme", reading(1).status))
    arriving.take(snapshot(reading(1), reading(2), reading(3, None)))
    arriving.arrive(Outcome(reading(1).vps, "acme", reading(1, "stopped").status))
    arriving.arrive(Outcome(reading(2).vps, "acme", None, LOST))
    arriving.arrive(Outcome(reading(3).vps, "acme", None, LOST))
    arriving.arrive(Outcome(reading(9).vps, "acme", reading(9).status))
    assert head(arriving)[1] == " ● 1 running   ○ 1 stopped   ✕ 1 not read   1 stale"
    ages = {row.reading.vps.id: row.reading.age for row in arriving.rows()}
    assert (ages[1], ages[3]) == (0.0, None)
    assert (ages[2] or 0.0) > 0
    # The look tells it all, and better.
    arriving.take(snapshot(reading(1), reading(2), reading(3)))
    assert head(arriving)[1] == " ● 3 running"


def test_a_vps_that_is_gone_is_forgotten_and_one_that_was_never_read_is_known_better() -> None:
    acted = known()
    acted.take(snapshot(reading(1), reading(2, None)))
    acted.note(Outcome(reading(1).vps, "acme", reading(1, "stopped").status))
    acted.note(Outcome(reading(2).vps, "acme", reading(2, "stopped").status))
    acted.take(snapshot(reading(2, None)))
    assert head(acted)[1] == " ○ 1 stopped"


def test_the_rule_tells_which_show_and_how_many_are_selected() -> None:
    ruled = known()
    ruled.take(snapshot(reading(1), reading(2)))
    ruled.sort(1)
    ruled.find("vps1")
    line = text_of(ruled.rule(shown=1, marked=2, width=80))
    assert line.startswith("── sorted by name ── 1 of 2 fit vps1 ── 2 selected ──")


def test_a_vps_that_is_gone_says_so() -> None:
    gone = known()
    assert [text_of(line) for line in gone.detail(("acme", 1), now=BEGIN, width=80, height=5)] == ["This VPS is gone."]
