"""VPSes as tables in notebooks and on rich's consoles: whatever a hostname holds, and however many there are."""

import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Protocol

import pytest
from attrs import evolve
from hypothesis import given, strategies as st
from rich.console import Console, RenderableType
from values import vps
from watches import LOST, reading, snapshot, split, used

from cvm_async import (
    Fleet,
    FleetReport,
    NotSentError,
    Outcome,
    Plan,
    PlannedStep,
    PowerState,
    Snapshot,
    Step,
    Vps,
    VpsStatus,
)
from cvm_async._safe_text import safe_text
from cvm_async._tables import ROWS, Line, Table, what_it_has, what_it_uses
from cvm_async.models import Traffic

# Notebooks call what begins with an underscore, and tests may.
# pyright: reportPrivateUsage=false

EVIL = "<script>alert(1)</script>[red]&amp;\x1b[31m"


class Shown(Protocol):
    """What can be shown in a notebook and on a console."""

    def _repr_html_(self) -> str: ...

    def __rich__(self) -> RenderableType: ...


def report_of(count: int, hostname: str = "web") -> FleetReport[VpsStatus]:
    running = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=512 * 1024)
    outcomes = [Outcome(evolve(vps(number), hostname=hostname), "acme", running) for number in range(count)]
    return FleetReport("status", tuple(outcomes), 0.25)


def plan_of(count: int, hostname: str = "web") -> Plan:
    status = VpsStatus(state=PowerState.STOPPED, state_text="stopped")
    return Plan(
        PowerState.RUNNING,
        tuple(
            PlannedStep(evolve(vps(number), hostname=hostname), "acme", "https://acme.example.net", Step.START, status)
            for number in range(count)
        ),
    )


def snapshot_of(count: int, hostname: str = "web") -> Snapshot:
    readings = [reading(number) for number in range(count)]
    return snapshot(*(evolve(each, vps=evolve(each.vps, hostname=hostname)) for each in readings))


MAKERS: dict[str, Callable[..., Shown]] = {"report": report_of, "plan": plan_of, "snapshot": snapshot_of}


def printed(shown: RenderableType, width: int = 200) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


class Reader(HTMLParser):
    """Reads what a browser would make of some HTML: its elements, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_hostname_is_text_in_a_notebook_and_on_a_console(make: Callable[..., Shown]) -> None:
    shown = make(2, EVIL)
    read = Reader(shown._repr_html_())
    assert "script" not in read.tags
    assert "<script>alert(1)</script>[red]&amp;\N{REPLACEMENT CHARACTER}[31m" in read.texts
    assert "<script>alert(1)</script>[red]&amp;" in printed(shown)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_of_many_a_hundred_are_shown_and_the_rest_is_told_of(make: Callable[..., Shown]) -> None:
    shown = make(5000)
    read = Reader(shown._repr_html_())
    assert read.tags.count("tr") == 1 + ROWS
    assert read.texts[-1] == "and 4,900 more"
    assert "and 4,900 more" in printed(shown)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_of_none_the_sentence_alone_is_shown(make: Callable[..., Shown]) -> None:
    read = Reader(make(0)._repr_html_())
    assert "table" not in read.tags
    assert read.texts
    assert "more" not in printed(make(0))


def test_a_fleet_shows_what_its_vpses_have() -> None:
    assert Reader(Fleet()._repr_html_()).texts == ["0 VPSes"]
    assert printed(Fleet()).split() == ["0", "VPSes"]


def cells_of(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.columns, cells, strict=True)) for cells, _ in table.rows]


BIG = evolve(vps(7, 3), guaranteed_ram=512, disk_space=1024, cpu_count=1200, traffic=used(10, 1000))


def test_a_line_says_what_a_vps_has_or_what_it_uses() -> None:
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=256 * 1024**2, traffic=used(500))
    lines = [
        Line(panel="a", vps=BIG, figures=what_it_has(BIG)),
        Line(panel="a", vps=BIG, word="running", figures=what_it_uses(BIG, status)),
        Line(panel="a", vps=BIG, word="lost", figures=what_it_uses(BIG, None), note="no\nanswer", trouble=True),
    ]
    table = Table.of("three", lines, 3)
    assert [list(cells.values()) for cells in cells_of(table)] == [
        ["", "7", "vps7.example.net", "3", "512 MiB", "1.0 GiB", "1,200", "10 B of 1.0 kB", ""],
        ["running", "7", "vps7.example.net", "3", "256 MiB  50%", "", "", "500 B of 1.0 kB", ""],
        ["lost", "7", "vps7.example.net", "3", "", "", "", "", "no answer"],
    ]
    assert [trouble for _, trouble in table.rows] == [False, False, True]


@pytest.mark.parametrize(
    ("listed", "counted", "text"),
    [
        (used(1, 10), used(2), "2 B of 10 B"),
        (split(1, 1, {"in_limit": 5, "out_limit": 5}), split(2, 2), "4 B of 10 B"),
        (split(1, 1, {"in_limit": 5, "out_limit": 5}), used(2), "2 B"),
        (used(1, 10), None, "1 B of 10 B"),
        (None, used(2), "2 B"),
    ],
)
def test_traffic_has_the_limit_that_the_list_tells(listed: Traffic | None, counted: Traffic | None, text: str) -> None:
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", traffic=counted)
    assert what_it_uses(evolve(vps(1), traffic=listed), status)[-1] == text


def test_columns_with_nothing_in_them_are_left_out_and_panels_where_there_is_one() -> None:
    bare = Vps(id=1, hostname="a", virtualization_type=None, guaranteed_ram=None, disk_space=None, cpu_count=None)
    one = Table.of("", [Line(panel="a", vps=bare)], 1)
    two = Table.of("", [Line(panel="a", vps=bare), Line(panel="b", vps=bare)], 2)
    assert one.columns == ("ID", "Hostname")
    assert two.columns == ("ID", "Hostname", "Panel")


def test_what_needs_a_look_comes_first() -> None:
    seen = snapshot(reading(1), reading(2, "stopped", error=LOST), reading(3, None, error=LOST))
    rows = cells_of(seen._table())
    assert [(row["State"], row["ID"]) for row in rows] == [("stopped", "2"), ("not read", "3"), ("running", "1")]
    assert rows[0]["Note"] == "read 0 s ago; the host node of the VPS is unreachable"
    failed = Outcome[VpsStatus](vps(9), "acme", error=NotSentError("not begun"), skipped=True)
    report = FleetReport("stop", (*report_of(1), failed), 0.5)
    assert [row["State"] for row in cells_of(report._table())] == ["skipped (not begun)", "changed (stopped)"]


def test_a_watch_of_traffic_shows_what_the_lists_tell() -> None:
    listed = evolve(reading(1, None, limit=used(5, 10)), read_at=snapshot().at)
    (row,) = cells_of(snapshot(listed)._table())
    assert (row["RAM"], row["Traffic"]) == ("1.0 MiB", "5 B of 10 B")
    assert "State" not in row


@given(st.text(), st.text())
def test_no_text_of_a_panel_is_markup(hostname: str, panel: str) -> None:
    lines = [Line(panel=panel, vps=evolve(vps(1), hostname=hostname), note=hostname), Line(panel="b", vps=vps(2))]
    table = Table.of(panel, lines, 2)
    assert set(Reader(table.as_html()).tags) <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert all(safe_text(line) == line for line in printed(table.as_rich()).split("\n"))


def test_the_library_needs_no_rich_until_a_console_asks() -> None:
    script = "import sys; sys.modules['rich'] = None; from cvm_async import *; print(repr(Fleet()._repr_html_()))"
    # What is run is this interpreter and the script above.
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout == "'<div><p>0 VPSes</p></div>'\n"
