"""The live terminal shows what is known, and does what its keys say, on the simulated panel."""

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve
from panels import NO_RETRY, calls, fleet_of, session_on
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Input
from watches import LOST, reading, snapshot, used

from cvm_async import AuthenticationError, CvmSession, Fleet, JournalError, Plan, RunJournal, RunStore, TargetState
from cvm_async.cli.exits import CommandError
from cvm_async.cli.top.app import Top
from cvm_async.cli.top.table import FleetTable
from cvm_async.panel import Answer, Hang, PanelApp
from cvm_async.watch.changes import changes
from cvm_async.watch.snapshot import Snapshot

from .conftest import Shown, assert_screen, running, showing

HOUR = 3_600.0
SIZES = [(80, 24), (200, 50), (40, 12)]


def picture(*, later: float = 0.0) -> Snapshot:
    """Give a fleet with one of everything."""
    limit = used(0, 1_000)
    return snapshot(
        reading(1, "running", traffic=used(990), limit=limit, after=later),
        reading(2, "stopped", node=2, after=later),
        evolve(reading(3, "running", node=3, error=LOST), age=180.0),
        reading(4, None, node=3, error=LOST),
        reading(5, "suspended", node=2, after=later),
        reading(6, "running", node=2, traffic=used(round(100 + later)), limit=limit, after=later),
        after=60.0,
    )


def table_of(shown: Shown) -> FleetTable:
    return shown.app.query_one(FleetTable)


def ids(shown: Shown) -> list[int]:
    return [row.reading.vps.id for row in table_of(shown).rows]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_screen_is_as_it_was_looked_at(size: tuple[int, int]) -> None:
    async with showing(picture(), size=size) as shown:
        assert_screen(shown, f"fleet-{size[0]}x{size[1]}")


async def test_what_changes_is_shown_and_told_of() -> None:
    before, after = picture(), picture(later=60.0)
    changed = evolve(after, readings=(reading(1, "stopped", after=60.0), *after.readings[1:]))
    async with showing(before, evolve(changed, changes=changes(before, changed))) as shown:
        assert "12:01:00  vps1.example.net (1) on node 1: running -> stopped" in shown.screen
        assert "○ 2 stopped" in shown.screen
        await shown.press("less_than_sign")
        assert table_of(shown).rows[0].rate.total == 1.0


async def test_text_of_a_panel_is_shown_as_it_is_and_obeyed_by_nobody() -> None:
    bad = reading(1)
    bad = evolve(bad, vps=evolve(bad.vps, hostname="[b]漢字[/b]\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}"))
    async with showing(snapshot(bad), size=(120, 24)) as shown:
        assert "[b]漢字[/b]\ufffd[2J\ufffd" in shown.screen
        await shown.press("enter")
        assert "[b]漢字[/b]\ufffd[2J\ufffd" in shown.screen


@pytest.mark.parametrize("no_color", [False, True], ids=["colours", "none"])
async def test_colours_are_the_terminals_own_or_none(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:  # noqa: FBT001
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with showing(picture()) as shown:
        drawn = set(re.findall(r"fill: (#\w+)", shown.app.export_screenshot()))
    # As rich draws the green, yellow and red of a terminal, and its black.
    assert bool(drawn & {"#98a84b", "#d0b344", "#cc555a"}) is not no_color
    assert "#000000" not in drawn


async def test_it_stays_whole_when_the_window_changes() -> None:
    async with showing(picture()) as shown:
        for size in ((200, 50), (20, 6), (80, 24)):
            await shown.pilot.resize_terminal(*size)
            await shown.pilot.pause()
            shown.app.paint()
            await shown.pilot.pause()
            assert max(map(len, shown.screen.splitlines())) <= size[0]
        assert_screen(shown, "fleet-80x24")


async def test_it_sorts_in_the_next_way_and_in_the_one_before() -> None:
    async with showing(picture()) as shown:
        assert ids(shown)[:2] == [3, 4]
        await shown.press("s")
        assert ids(shown) == [1, 2, 3, 4, 5, 6]
        assert "sorted by name" in shown.screen
        await shown.press("less_than_sign")
        assert "sorted by trouble" in shown.screen


async def test_it_filters_as_one_types_and_shows_all_again() -> None:
    async with showing(picture()) as shown:
        await shown.press("slash", *"node", "colon", "2")
        assert ids(shown) == [5, 2, 6]
        assert "3 of 6 fit node:2" in shown.screen
        await shown.press("enter")
        assert not shown.app.query_one(Input).has_class("open")
        # In the table, the same letters are keys again.
        await shown.press("s")
        assert ids(shown) == [2, 5, 6]
        await shown.press("space", "escape")
        assert (table_of(shown).marked, len(ids(shown))) == (set(), 3)
        await shown.press("escape")
        assert len(ids(shown)) == 6


async def test_it_may_begin_filtered() -> None:
    async def load() -> Fleet:
        return Fleet()

    app = Top(load, panels=["acme"], every=HOUR, search="stopped,suspended")
    async with running(app) as shown:
        app.take(picture())
        await shown.press("slash")
        assert (ids(shown), app.query_one(Input).value) == ([5, 2], "stopped,suspended")


async def test_leaving_the_line_for_words_shows_all_again() -> None:
    async with showing(picture()) as shown:
        await shown.press("slash", *"vps1", "escape")
        assert len(ids(shown)) == 6
        assert table_of(shown).has_focus


async def test_one_vps_is_shown_in_full_and_goes_on_changing() -> None:
    async with showing(picture(), picture(later=60.0)) as shown:
        await shown.press("end", "enter")
        assert_screen(shown, "detail-80x24")
        shown.app.take(snapshot())
        await shown.pilot.pause()
        assert "This VPS is gone." in shown.screen
        await shown.press("escape")
        assert table_of(shown).has_focus


async def test_all_keys_are_told_of() -> None:
    async with showing(picture()) as shown:
        await shown.press("question_mark")
        assert_screen(shown, "keys-80x24")


async def test_the_event_log_has_several_sizes() -> None:
    async with showing(picture()) as shown:
        log = shown.app.query_one("#log")
        heights = [log.size.height]
        for _ in range(3):
            await shown.press("l")
            heights.append(log.size.height)
        assert heights == [5, 0, 5, 0]
        await shown.pilot.resize_terminal(80, 40)
        await shown.press("l", "l")
        assert log.size.height == 14


async def test_what_the_library_warns_of_stands_in_the_log() -> None:
    async with showing(picture()) as shown:
        logging.getLogger("cvm_async").warning("a node is gone\x1b[2J")
        logging.getLogger("cvm_async").info("not this")
        await shown.until(lambda: "a node is gone\ufffd[2J" in shown.screen)
        assert "not this" not in shown.screen


async def test_after_it_was_suspended_all_of_it_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str | None] = []
    async with showing(picture()) as shown:
        await shown.press("enter")
        refresh = Widget.refresh

        def note(widget: Widget, *regions: Region, **more: bool) -> Widget:
            if not regions:
                drawn.append(widget.id)
            return refresh(widget, *regions, **more)

        monkeypatch.setattr(Widget, "refresh", note)
        # textual leaves open of what app a signal is.
        shown.app.app_resume_signal.publish(shown.app)  # pyright: ignore[reportUnknownMemberType]
        await shown.pilot.pause()
        assert {"head", "table", "rule", "log", "keys"} <= set(drawn)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
@pytest.mark.parametrize("before", [(), ("slash",), ("enter",)], ids=["table", "line", "page"])
async def test_it_ends(key: str, before: tuple[str, ...]) -> None:
    async with showing(picture()) as shown:
        await shown.press(*before)
        # On a line one types q, and on a page it closes that.
        await shown.press(*(("escape",) if key == "q" and before else ()), key)
        await shown.until(lambda: not shown.app.is_running)
        assert (shown.app.return_code, shown.app.failure) == (0, None)


class TestOnAPanel:
    @staticmethod
    @asynccontextmanager
    async def live(session: CvmSession, *, size: tuple[int, int] = (80, 24)) -> AsyncGenerator[Shown]:
        app = Top(session.fleet, panels=[session.name], every=HOUR)
        async with TestOnAPanel.at_work(app, size=size) as shown:
            yield shown

    @staticmethod
    @asynccontextmanager
    async def at_work(app: Top, *, size: tuple[int, int] = (80, 24)) -> AsyncGenerator[Shown]:
        async with running(app, size=size) as shown:
            await shown.until(lambda: app.known.looks)
            yield shown

    async def test_it_shows_what_the_list_tells_while_it_looks(self) -> None:
        panel = PanelApp(vpses=fleet_of(1, 2))
        panel.inject(Hang(), verb="status", times=None)
        async with (
            session_on(panel, name="acme") as session,
            running(Top(session.fleet, panels=["acme"], every=HOUR)) as shown,
        ):
            await shown.until(lambda: shown.app.known.snapshot)
            assert "reading, 0 of 2 VPSes so far" in shown.screen
            assert shown.screen.count("reading …") == 2
            panel.clear_faults()
            await shown.until(lambda: shown.app.known.looks)
            assert "● 2 running" in shown.screen

    async def test_one_node_that_hangs_makes_nobody_wait_for_the_others(self) -> None:
        panel = PanelApp(vpses=fleet_of(1, 2))
        panel.inject(Hang(), verb="status", node=2, times=None)
        async with session_on(panel, name="acme") as session:
            app = Top(session.fleet, panels=["acme"], every=HOUR)
            async with running(app) as shown:
                await shown.until(lambda: "● 1 running   · 1 not read yet" in shown.screen)
                assert app.known.looks == 0
                panel.clear_faults()

    async def test_a_list_that_fails_is_asked_for_again(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        panel.inject(Answer(status=200, body=b"Could not connect to the database."), verb="list", times=1)
        async with session_on(panel, retry=NO_RETRY) as session:
            app = Top(session.fleet, panels=["acme"], every=0.01)
            async with running(app) as shown:
                await shown.until(lambda: app.known.looks)
                assert "It is tried again in 0.01 s." in str(list(app.known.log.lines))

    async def test_wrong_tokens_end_it_at_once(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session:
            panel.private_token = "another"
            app = Top(session.fleet, panels=["acme"], every=HOUR)
            async with running(app) as shown:
                await shown.until(lambda: not app.is_running)
            assert isinstance(app.failure, AuthenticationError)

    async def test_what_was_asked_for_and_is_nobodys_ends_it_at_once(self) -> None:
        async def load() -> Fleet:
            raise CommandError("no such VPS")

        app = Top(load, panels=["acme"], every=HOUR)
        async with running(app) as shown:
            await shown.until(lambda: not app.is_running)
        assert str(app.failure) == "no such VPS"

    async def test_a_stop_is_planned_shown_agreed_to_and_watched(self) -> None:
        panel = PanelApp(vpses=fleet_of(1, 1, 2))
        async with session_on(panel, name="acme") as session, self.live(session) as shown:
            await shown.press("a", "X")
            await shown.until(lambda: "Stop 3 VPSes on acme?" in shown.screen)
            assert panel.actions == []
            await shown.press("y")
            await shown.until(lambda: shown.app.reports)
            assert sorted(panel.actions) == [(1, "stop"), (2, "stop"), (3, "stop")]
            assert "Done: stop 3 VPSes" in shown.screen
            # Known before the next look, which comes in an hour.
            assert "○ 3 stopped" in shown.screen
            await shown.press("escape")
            assert (table_of(shown).marked, shown.app.reports[0].summary()[:9]) == (set(), "3 stopped")

    async def test_what_is_done_is_kept(self, tmp_path: Path) -> None:
        panel = PanelApp(vpses=fleet_of(1, 1, 2))
        runs = RunStore(tmp_path)
        async with session_on(panel) as session:
            app = Top(session.fleet, panels=["acme"], every=HOUR, journal_of=lambda _: runs.new())
            async with self.at_work(app) as shown:
                await shown.press("a", "X")
                await shown.until(lambda: "Stop 3 VPSes on" in shown.screen)
                await shown.press("y")
                await shown.until(lambda: app.reports)
        (journal,) = app.journals
        assert runs.read(journal.id).summary.counts == {TargetState.DONE: 3}

    @pytest.mark.parametrize("begins", [False, True])
    async def test_what_cannot_be_kept_is_not_begun(self, tmp_path: Path, *, begins: bool) -> None:
        panel = PanelApp(vpses=fleet_of(1, 1, 2))
        (tmp_path / "file").touch()

        def journal_of(_: Plan) -> RunJournal:
            if begins:
                return RunStore(tmp_path / "file").new()
            raise JournalError("no home")

        async with session_on(panel) as session:
            app = Top(session.fleet, panels=["acme"], every=HOUR, journal_of=journal_of)
            async with self.at_work(app) as shown:
                await shown.press("a", "X")
                await shown.until(lambda: "Stop 3 VPSes on" in shown.screen)
                await shown.press("y")
                await shown.until(lambda: "--no-journal" in str(list(app.known.log.lines)))
                await shown.until(lambda: table_of(shown).has_focus)
                assert (app.reports, app.journals, panel.actions) == ([], [], [])
                # And it can be left at once.
                await shown.press("q")
                await shown.until(lambda: not app.is_running)

    @pytest.mark.parametrize("key", ["n", "escape", "enter", "q"])
    async def test_whoever_does_not_agree_has_nothing_done(self, key: str) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session, self.live(session) as shown:
            await shown.press("X")
            await shown.until(lambda: "Stop 1 VPS on" in shown.screen)
            await shown.press(key)
            await shown.until(lambda: table_of(shown).has_focus)
            assert (panel.actions, shown.app.reports) == ([], [])

    async def test_many_are_done_only_once_their_number_is_typed(self) -> None:
        panel = PanelApp(vpses=fleet_of(*(1,) * 60))
        async with session_on(panel) as session, self.live(session) as shown:
            await shown.press("a", "R")
            await shown.until(lambda: "Restart 60 VPSes on" in shown.screen)
            await shown.press("y", "5", "9", "enter")
            assert "Restart 60 VPSes on" in shown.screen
            await shown.press("6", "0", "enter")
            await shown.until(lambda: shown.app.reports)
            assert len(panel.actions) == 60

    async def test_a_start_of_what_runs_says_that_there_is_nothing_to_do(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session, self.live(session) as shown:
            await shown.press("S")
            await shown.until(lambda: "There is nothing to start among 1 VPS." in shown.screen)
            await shown.press("y")
            await shown.until(lambda: table_of(shown).has_focus)
            assert panel.actions == []

    async def test_a_vps_that_is_open_can_be_acted_on(self) -> None:
        panel = PanelApp(vpses=fleet_of(1, 2, power="stopped"))
        async with session_on(panel) as session, self.live(session) as shown:
            await shown.press("down", "enter", "S")
            await shown.until(lambda: "Start 1 VPS on" in shown.screen)
            await shown.press("y")
            await shown.until(lambda: shown.app.reports)
            assert panel.actions == [(2, "start")]

    async def test_what_cannot_be_looked_at_is_told_and_nothing_is_done(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel, retry=NO_RETRY) as session, self.live(session) as shown:
            shown.app.take(snapshot(reading(7, panel=session.name)))
            await shown.pilot.pause()
            panel.inject(Answer(status=502, body=b"bad"), verb="list", times=None)
            await shown.press("X")
            await shown.until(lambda: "nothing was done" in shown.screen)
            assert panel.actions == []

    async def test_a_look_before_a_plan_can_be_ended(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session, self.live(session) as shown:
            panel.inject(Hang(), verb="status", times=None)
            await shown.press("X")
            await shown.until(lambda: "looking at what they do" in shown.screen)
            await shown.press("escape")
            await shown.until(lambda: table_of(shown).has_focus)
            panel.clear_faults()
            assert panel.actions == []

    async def test_only_one_thing_is_done_at_a_time(self) -> None:
        panel = PanelApp(vpses=fleet_of(1, 2))
        async with session_on(panel) as session, self.live(session) as shown:
            panel.inject(Hang(), verb="stop", times=None)
            await shown.press("X")
            await shown.until(lambda: "Stop 1 VPS" in shown.screen)
            await shown.press("y")
            await shown.until(lambda: calls(panel, "stop"))
            await shown.press("escape", "R")
            await shown.until(lambda: "Stopping 1 VPS" in shown.screen)
            await shown.press("escape", "p")
            assert "Stopping 1 VPS" in shown.screen
            await shown.press("escape")
            assert "stopping 0 of 1" in shown.screen
            assert "▸ stopping" in shown.screen
            panel.clear_faults()
            await shown.until(lambda: shown.app.reports)
            assert panel.actions == [(1, "stop")]

    async def test_where_there_is_nobody_nothing_is_begun(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session, self.live(session) as shown:
            await shown.press("slash", *"nobody", "enter", "X")
            assert table_of(shown).has_focus

    async def test_p_shows_nothing_where_nothing_was_begun(self) -> None:
        async with showing(picture()) as shown:
            await shown.press("p")
            assert table_of(shown).has_focus

    async def test_to_leave_begins_nothing_new_and_what_is_under_way_ends_first(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session, self.live(session) as shown:
            panel.inject(Hang(), verb="stop", times=None)
            await shown.press("X")
            await shown.until(lambda: "Stop 1 VPS" in shown.screen)
            await shown.press("y")
            await shown.until(lambda: calls(panel, "stop"))
            await shown.press("ctrl+c")
            await shown.until(lambda: "Beginning nothing new: stopping 1 VPS" in shown.screen)
            panel.clear_faults()
            await shown.until(lambda: not shown.app.is_running)
            assert panel.actions == [(1, "stop")]
            assert shown.app.reports[0].summary().startswith("1 stopped")

    async def test_to_leave_twice_cuts_off_what_is_under_way(self) -> None:
        panel = PanelApp(vpses=fleet_of(1))
        async with session_on(panel) as session:
            async with self.live(session) as shown:
                panel.inject(Hang(), verb="stop", times=None)
                await shown.press("X")
                await shown.until(lambda: "Stop 1 VPS" in shown.screen)
                await shown.press("y")
                await shown.until(lambda: calls(panel, "stop"))
                await shown.press("ctrl+c", "ctrl+c")
                await shown.until(lambda: not shown.app.is_running)
            assert shown.app.reports[0].summary().startswith("1 unknown")
            panel.clear_faults()
