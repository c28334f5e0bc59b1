"""`watch`: the fleet's status again and again, and a line for each change."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from attrs import frozen

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import Exit
from cvm_async.cli.flags import Common, Selection
from cvm_async.cli.results import unread
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import JSON_VERSION, Vps, VpsStatus

_ALL = Selection()
_COMMON = Common()

Words: TypeAlias = Mapping[int, str]
"""What each VPS was doing, by id."""


@frozen
class Change:
    """A VPS that is no longer what it was."""

    vps: Vps
    before: str
    after: str

    def to_dict(self) -> dict[str, object]:
        """Give the change as JSON takes it."""
        vps = self.vps
        return {"id": vps.id, "hostname": vps.hostname, "node": vps.node, "before": self.before, "after": self.after}

    def __str__(self) -> str:
        on = f" on node {self.vps.node}" if self.vps.node is not None else ""
        return f"{safe_text(self.vps.hostname)} ({self.vps.id}){on}: {self.before} -> {self.after}"


def words(outcomes: Iterable[Outcome[VpsStatus]]) -> Words:
    """Give what each VPS is doing, in a word or two."""
    return {outcome.vps.id: render.outcome_word(outcome, "status") for outcome in outcomes}


def changes(before: Words, outcomes: Iterable[Outcome[VpsStatus]]) -> list[Change]:
    """Give what changed, in the order a person looks."""
    found: list[Change] = []
    for outcome in render.trouble_first(outcomes):
        was, is_now = before[outcome.vps.id], render.outcome_word(outcome, "status")
        if was != is_now:
            found.append(Change(outcome.vps, was, is_now))
    return found


async def watch(
    *ids: int,
    interval: float = 30.0,
    count: int | None = None,
    selection: Selection = _ALL,
    common: Common = _COMMON,
) -> Exit:
    """Poll the status of VPSes and print what changes, until interrupted.

    Args:
        ids: Which; all of them, if nothing else says which.
        interval: Seconds from the end of one poll to the next.
        count: End after so many polls.
        selection: Or by what they are.
        common: As for every command.
    """
    selection.check(ids, none_is_all=True)
    terminal = Terminal.here(json=common.json)
    async with common.session(terminal) as session:
        chosen = selection.of(await session.fleet(), ids)
        report = await chosen.status()
        terminal.say(safe_text(report.summary()))
        ended = unread(terminal, report.problems, named=bool(ids))
        known = words(report)
        polls = 1
        while count is None or polls < count:
            await asyncio.sleep(interval)
            report = await chosen.status()
            for change in changes(known, report):
                at = time.strftime("%H:%M:%S")
                terminal.show(f"{at} {change}")
                terminal.emit({"version": JSON_VERSION, "at": time.time(), **change.to_dict()}, indent=None)
            known = words(report)
            polls += 1
    return ended
