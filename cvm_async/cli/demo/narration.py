"""The words of the demonstration, around figures that it measured."""

import textwrap
from collections.abc import Sequence

from attrs import frozen

from cvm_async._safe_text import safe_text
from cvm_async.cli.demo.by_hand import Tally
from cvm_async.cli.demo.scenario import Scenario
from cvm_async.cli.grids import Column, Grid, Row, Tone, node_grid
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.report import FleetReport
from cvm_async.models import VpsStatus

_LINE = 78
"""Characters of a line of prose: what reads well, and fits the narrowest usual terminal."""

Moved = FleetReport[VpsStatus | None]


@frozen
class Comparison:
    """One client's figures."""

    client: str
    sick: Tally
    well: Tally

    def to_dict(self) -> dict[str, object]:
        """Give the figures as JSON takes them."""
        return {"client": self.client, "two_nodes_sick": self.sick.to_dict(), "all_nodes_well": self.well.to_dict()}


@frozen
class Narration:
    """What happens, told on a terminal as it happens."""

    terminal: Terminal
    setting: Scenario

    def introduce(self, url: str) -> None:
        """Tell what is simulated."""
        s = self.setting
        least = s.vpses * s.cost / s.workers
        self._tell(
            "CVM is a control panel for VPSes, rented virtual servers. Each of them lives on a host node, which is a "
            "machine in a data centre. Through the panel's API, a customer asks how a VPS is, starts it and stops it, "
            "one VPS a call. cvm_async does that for whole fleets.",
            "",
            f"No real panel is needed here. A simulated one serves {s.vpses:,} VPSes on {s.nodes} nodes at {url}, and "
            "has the habits that real ones were seen to have:",
        )
        self._list(
            f"A call costs it {s.cost * 1000:.0f} ms, and it works on {s.workers} at a time, so that {s.vpses:,} calls "
            f"take {least:.1f} s at least.",
            "Each answer brings a session cookie, and calls that send the same one back are worked on one after the "
            "other. PHP, in which the panel is written, locks a session that way: the cookie lock.",
            f"Node {s.hung} hangs: calls about its VPSes are not answered. PHP does not notice that a caller has left, "
            f"so each such call keeps one of the {s.workers} at work for three minutes.",
            f"Node {s.unreachable} cannot be reached; the panel says so, after {s.gives_up:g} s.",
        )
        self._title(f"1. How is the fleet? One call for each VPS, {s.width} at a time")

    def tell_poll(self, report: FleetReport[VpsStatus], healthy_after: float, stuck: int) -> None:
        """Tell how the fleet is; after how many seconds the last status was read; and how many workers are stuck."""
        self.terminal.table(node_grid(report, report.verb))
        read, s = len(report.ok), self.setting
        on_sick = [outcome for outcome in report if outcome.vps.node in {s.hung, s.unreachable}]
        asked = sum(not outcome.skipped for outcome in on_sick)
        self._tell(
            "",
            safe_text(report.summary()),
            "",
            f"The {read:,} statuses were there after {healthy_after:.1f} s, {_rate(read, healthy_after)} a second. "
            f"Of the {len(on_sick):,} VPSes on the sick nodes it asked about {asked:,}, saw that these nodes fail, and "
            f"left the others alone. So {stuck} of the panel's {s.workers} workers are stuck, and the rest go on with "
            "the rest of the fleet.",
        )
        self._title(f"2. Stop {self.setting.moved} VPSes, wait until they are down, and start them again")

    def tell_move(self, stopped: Moved, started: Moved, *, agrees: bool) -> None:
        """Tell what became of those that were stopped and started."""
        for what, report in (("Stopping", stopped), ("Starting", started)):
            rate = _rate(len(report.ok), report.elapsed)
            self._tell(f"{what}: {safe_text(report.summary())}, which is {rate} a second.")
        if agrees:
            verdict = f"each of the {len(stopped):,} was stopped once and started once, and nothing else was touched."
        else:
            verdict = "it does NOT agree: it shows other actions than these."
        self._tell(f"The simulated panel keeps a ledger of what it really carried out: {verdict}")
        self._title("3. The first poll again, as one writes it by hand")

    def compare(self, rows: Sequence[Comparison]) -> None:
        """Show the figures side by side, and tell why they differ."""
        s = self.setting
        ours, by_hand = rows[0], rows[1]
        columns = (
            Column("STATUSES READ, AND TIME"),
            Column("2 NODES SICK", right=True, toned=True),
            Column("STUCK", right=True),
            Column("ALL NODES WELL", right=True),
        )
        self.terminal.table(Grid(columns, tuple(_row(row, s) for row in rows)))
        self._tell(
            "",
            f'"By hand" is a default httpx.AsyncClient and a semaphore of {s.width}, as wide as ours; both wait '
            f"{s.timeout:g} s for an answer, and neither tries again. Each poll had a simulated panel of its own. "
            "STUCK are the workers that such a poll leaves behind: still at work for callers who have left.",
            "",
            f"With all nodes well, it takes {_times(by_hand.well, ours.well)} times as long as ours: httpx keeps "
            "cookies and sends them back by itself, so the panel answers one call at a time. With sick nodes it is "
            "worse: a call to the hung node holds the lock for three minutes, and those behind it run out of time.",
            "",
            "Dropping the cookie cures the lock, not the hung node: each call to it costs the panel a worker for three "
            "minutes, until none is left to answer for the others. A poll that began now would read nothing at all.",
        )

    def _title(self, text: str) -> None:
        self.terminal.show("", text, "-" * len(text), "")

    def _tell(self, *paragraphs: str) -> None:
        for paragraph in paragraphs:
            self.terminal.show(*(textwrap.wrap(paragraph, _LINE) or [""]))

    def _list(self, *items: str) -> None:
        for item in items:
            self.terminal.show(*textwrap.wrap(item, _LINE, initial_indent="  - ", subsequent_indent="    "))


def _row(row: Comparison, setting: Scenario) -> Row:
    sick, well = (f"{tally.read:,} of {setting.vpses:,} in {tally.elapsed:.1f} s" for tally in (row.sick, row.well))
    tone = Tone.GOOD if row.client == "cvm_async" else Tone.WARNING
    return Row((row.client, sick, f"{row.sick.stuck} of {setting.workers}", well), tone)


def _rate(count: int, seconds: float) -> str:
    # Nothing at all takes no time.
    return f"{count / seconds:,.0f}" if seconds else "0"


def _times(slow: Tally, fast: Tally) -> str:
    return f"{slow.elapsed / fast.elapsed:.1f}"
