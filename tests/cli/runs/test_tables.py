from datetime import datetime, timedelta, timezone

import pytest
from attrs import evolve
from runs.makes import record

from cvm_async.cli.grids import Tone
from cvm_async.cli.runs.tables import how_far, runs_grid, targets_grid, title, turn_line
from cvm_async.runs.record import TargetState, Turn


def test_a_run_is_a_row_that_tells_how_far_it_is() -> None:
    grid = runs_grid([record(TargetState.DONE, TargetState.TODO, TargetState.SENT, TargetState.UNKNOWN).summary])
    assert [column.title for column in grid.columns] == [
        "ID",
        "NAME",
        "VERB",
        "BEGAN (UTC)",
        "PANELS",
        "VPSES",
        "STATE",
    ]
    (row,) = grid.rows
    assert row.cells[:3] == ("a", "maintenance", "stop")
    assert row.cells[-2:] == ("4", "1 not begun, 2 unknown, 1 done")
    assert row.tone is Tone.WARNING


def test_a_run_that_is_over_is_quiet() -> None:
    (row,) = runs_grid([record(TargetState.DONE).summary]).rows
    assert row.tone is Tone.QUIET


def test_a_run_of_nothing_says_so() -> None:
    assert how_far(record().summary) == "nothing to do"


def test_what_nobody_knows_stands_first_then_what_is_left() -> None:
    grid = targets_grid(record(*TargetState))
    states = [row.cells[3] for row in grid.rows]
    assert states == [
        "unknown",
        "unknown",
        "not begun",
        "done, not seen",
        "done, not seen",
        "failed",
        "done",
        "unchanged",
    ]


def test_the_panel_is_told_where_there_are_several() -> None:
    one = record(TargetState.DONE, TargetState.DONE)
    two = evolve(one, targets=(one.targets[0], evolve(one.targets[1], panel="other\x1b[2J", hostname="b\x07")))
    assert "PANEL" not in [column.title for column in targets_grid(one).columns]
    grid = targets_grid(two)
    assert [column.title for column in grid.columns][2] == "PANEL"
    assert "\x1b" not in "".join("".join(row.cells) for row in grid.rows)
    assert "\x07" not in "".join("".join(row.cells) for row in grid.rows)


BEGAN = datetime(2026, 11, 25, 21, 0, 0, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (
            Turn(began_at=BEGAN, user="alice", host="box", pid=7),
            "2026-11-25 19:00:00 UTC, alice on box: at work, or killed",
        ),
        (
            Turn(
                began_at=BEGAN,
                ended_at=BEGAN + timedelta(hours=6),
                user="a\x1b",
                host="b\x07",
                pid=7,
                panels=("work", "cellar"),
                ending="finished",
            ),
            "2026-11-25 19:00:00 UTC, a\ufffd on b\ufffd, as work, cellar: finished at 11-26 01:00:00",
        ),
    ],
)
def test_who_worked_on_it_is_told_in_utc(turn: Turn, told: str) -> None:
    assert turn_line(turn) == told


def test_a_run_has_a_title() -> None:
    assert title(record(TargetState.DONE)) == "Stop of 1 VPS on panel: maintenance"
    assert title(evolve(record(), name="")) == title(evolve(record(), name="stop of 0 VPSes")) == "Stop of 0 VPSes"


def test_when_it_was_sent_is_told_in_utc() -> None:
    one = record(TargetState.SENT)
    (row,) = targets_grid(evolve(one, targets=(evolve(one.targets[0], sent_at=BEGAN),))).rows
    assert "11-25 19:00:00" in row.cells
