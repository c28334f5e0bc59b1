"""Kept runs as tables: all of them, a line each, and one of them, a line a VPS."""

from collections.abc import Iterable
from datetime import UTC

from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.runs.record import UNSETTLED, RunRecord, RunSummary, TargetRecord, TargetState, Turn

_TONES = {
    TargetState.TODO: Tone.WARNING,
    TargetState.SENT: Tone.TROUBLE,
    TargetState.ANSWERED: Tone.WARNING,
    TargetState.DONE: Tone.GOOD,
    TargetState.UNCHANGED: Tone.QUIET,
    TargetState.UNSEEN: Tone.WARNING,
    TargetState.FAILED: Tone.TROUBLE,
    TargetState.UNKNOWN: Tone.TROUBLE,
}

_WORDS = {
    TargetState.TODO: "not begun",
    TargetState.SENT: "unknown",
    TargetState.ANSWERED: "done, not seen",
    TargetState.UNSEEN: "done, not seen",
}
"""What a person reads for what a journal knows; the others are words already."""

_ERROR = Column("WHY", uncut=40, least=len("the panel"), leaves=1)


def runs_grid(runs: Iterable[RunSummary]) -> Grid:
    """Give runs, a row each, in their order."""
    columns = (
        Column("ID"),
        Column("NAME", uncut=24, least=8, leaves=3),
        Column("VERB"),
        Column("BEGAN (UTC)", leaves=4),
        Column("PANELS", uncut=20, least=6, leaves=2),
        Column("VPSES", right=True, leaves=1),
        Column("STATE", toned=True, uncut=40, least=12),
    )
    return Grid(columns, tuple(_run_row(run) for run in runs))


def _run_row(run: RunSummary) -> Row:
    cells = (
        run.id,
        safe_text(run.name),
        run.verb.value,
        f"{run.began_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        safe_text(", ".join(run.panels)),
        f"{run.total:,}",
        how_far(run),
    )
    return Row(cells, Tone.QUIET if run.is_over else Tone.WARNING)


def how_far(run: RunSummary) -> str:
    """Tell how far a run is: ``12 done, 3 not begun, 1 unknown``."""
    words: dict[str, int] = {}
    for state in TargetState:
        if number := run.counts.get(state):
            words[word_of(state)] = words.get(word_of(state), 0) + number
    return ", ".join(f"{number:,} {word}" for word, number in words.items()) or "nothing to do"


def title(record: RunRecord) -> str:
    """Tell what a run is: ``Restart of 24 VPSes on prod: kernel update``."""
    summary = record.summary
    what = f"{record.verb} of {some_vpses(summary.total)}"
    # The command line calls a run just this.
    named = f": {safe_text(record.name)}" if record.name not in ("", what) else ""
    on = f" on {safe_text(', '.join(summary.panels))}" if summary.panels else ""
    return f"{what[0].upper()}{what[1:]}{on}{named}"


def turn_line(turn: Turn) -> str:
    """Tell who worked on a run, and when: ``2026-11-25 19:30:11 UTC, alice on host, as prod: finished``."""
    through = f", as {safe_text(', '.join(turn.panels))}" if turn.panels else ""
    ended = "at work, or killed" if turn.ending is None else turn.ending
    if turn.ended_at is not None:
        ended += f" at {turn.ended_at.astimezone(UTC):%m-%d %H:%M:%S}"
    who = f"{safe_text(turn.user)} on {safe_text(turn.host)}{through}"
    return f"{turn.began_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {who}: {ended}"


def word_of(state: TargetState) -> str:
    """Give how far a run is with a VPS, for a person."""
    return _WORDS.get(state, state.value)


def targets_grid(record: RunRecord) -> Grid:
    """Give a run's VPSes: what nobody knows first, then what is left, then what is over, each in the run's order."""
    several = len(record.summary.panels) > 1
    columns = (
        Column("ID", right=True),
        Column("HOSTNAME", uncut=24, least=8),
        *([Column("PANEL", uncut=12, least=6, leaves=3)] if several else []),
        Column("NODE", right=True, leaves=2),
        Column("STATE", toned=True),
        Column("SENT (UTC)", leaves=4),
        _ERROR,
    )
    ranked = sorted(record.targets, key=_rank)
    return Grid(columns, tuple(_target_row(target, several=several) for target in ranked))


def _rank(target: TargetRecord) -> tuple[int, int]:
    if target.state in UNSETTLED:
        return 0, target.place
    return (1 if _TONES[target.state] in (Tone.TROUBLE, Tone.WARNING) else 2), target.place


def _target_row(target: TargetRecord, *, several: bool) -> Row:
    cells = (
        str(target.vps_id),
        safe_text(target.hostname),
        *([safe_text(target.panel)] if several else []),
        "?" if target.node is None else str(target.node),
        word_of(target.state),
        "" if target.sent_at is None else f"{target.sent_at.astimezone(UTC):%m-%d %H:%M:%S}",
        target.error or "",
    )
    return Row(cells, _TONES[target.state])
