"""One VPS in full, as lines: all that is known of it, how it went at the last looks, and what happened to it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from cvm_async import render
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.cli.top.lines import history
from cvm_async.cli.top.lines.columns import state
from cvm_async.cli.top.lines.look import Line, Piece, Tone, bar, cut, heat, percent, plain, span, spread
from cvm_async.cli.top.lines.rows import Row
from cvm_async.watch.snapshot import Snapshot, Use

_LABEL: Final = 14
_BAR: Final = 24
_VALUE: Final = 60
_STATE: Final = 40
_DIRECTIONS: Final = {"total": "traffic", "in": "traffic in", "out": "traffic out"}


def detail(
    row: Row, looks: Sequence[Snapshot], events: Sequence[Line], *, now: datetime, width: int, height: int
) -> list[Line]:
    """Give all that is known of a VPS; of what happened to it as much as there is room for.

    Args:
        row: What is known now.
        looks: The last looks at it.
        events: What happened to it, the latest last.
        now: The time.
        width: Cells of a line.
        height: Lines.
    """
    lines = [_head(row, width), _state(row, now, width), plain(""), *_figures(row, looks, width), *_facts(row)]
    room = max(height - len(lines) - 1, 0)
    shown = events[-room:] if room else ()
    return [cut(line, width) for line in (*lines, *((plain(""), *shown) if shown else ()))]


def _head(row: Row, width: int) -> Line:
    vps = row.reading.vps
    node = f", node {vps.node}" if vps.node is not None else ""
    return spread(
        ((safe_text(vps.hostname), Tone.STRONG),),
        ((f"VPS {vps.id} on {safe_text(row.reading.panel)}{node}", Tone.QUIET),),
        width,
    )


def _state(row: Row, now: datetime, width: int) -> Line:
    at = row.reading.read_at
    if at is None:
        return state(row, _STATE)
    told = f"read at {at.astimezone():%H:%M:%S}, {span((now - at).total_seconds())} ago"
    return spread(state(row, _STATE), ((told, Tone.WARNING if row.reading.is_stale else Tone.QUIET),), width)


def _figures(row: Row, looks: Sequence[Snapshot], width: int) -> Iterator[Line]:
    status, vps = row.reading.status, row.reading.vps
    used = (None, None) if status is None else (status.ram_used, status.disk_used)
    burst = f", burst {render.allowance(vps.burstable_ram)}" if vps.burstable_ram else ""
    yield _gauge("RAM", row.ram, _amount(used[0], vps.guaranteed_ram) + burst)
    yield _gauge("disk", row.disk, _amount(used[1], vps.disk_space))
    yield from (_gauge(_DIRECTIONS[use.direction], use.share, _traffic(use)) for use in row.reading.traffic)
    room = max(width - _LABEL, 1)
    curves = {"RAM, before": history.memory(looks), "traffic, before": history.traffic(looks)}
    yield from (
        _labelled(name, ((history.curve(figures, room), Tone.PLAIN),))
        for name, figures in curves.items()
        if sum(figure is not None for figure in figures) > 1
    )
    if row.rate.total is not None:
        yield _labelled("rate", plain(_rate(row)))
    if (full := history.when_full(looks)) is not None:
        which = _DIRECTIONS[full.direction]
        at_rate = f" at {render.traffic_size(round(full.rate))}/s" if full.rate else ""
        yield _labelled("limit reached", plain(f"{full.at.astimezone():%Y-%m-%d %H:%M}, {which}{at_rate}"))


def _facts(row: Row) -> Iterator[Line]:
    reading, vps = row.reading, row.reading.vps
    if vps.cpu_count is not None:
        yield _labelled("CPUs", plain(f"{vps.cpu_count:,}"))
    extra = {**vps.extra, **({} if reading.status is None else reading.status.extra)}
    for name, value in extra.items():
        yield _labelled(excerpt(name, _LABEL - 1), plain(excerpt(str(value), _VALUE)))
    for problem in (*vps.problems, *(() if reading.status is None else reading.status.problems)):
        yield _labelled("unreadable", ((str(problem), Tone.WARNING),))
    if reading.error is not None:
        yield plain("")
        yield ((safe_text(str(reading.error)), Tone.TROUBLE),)


def _labelled(label: str, value: Sequence[Piece]) -> Line:
    return ((f"{safe_text(label):<{_LABEL}}", Tone.QUIET), *value)


def _gauge(label: str, share: float | None, words: str) -> Line:
    return _labelled(label, (*bar(share, _BAR), (f" {percent(share)}", heat(share)), (f"   {words}", Tone.PLAIN)))


def _amount(used: int | None, megabytes: int | None) -> str:
    known = "not told" if used is None else render.size(used)
    return known if megabytes is None else f"{known} of {render.allowance(megabytes)}"


def _traffic(use: Use) -> str:
    known = "not told" if use.used is None else render.traffic_size(use.used)
    return f"{known}, no limit" if not use.limit else f"{known} of {render.traffic_size(use.limit)}"


def _rate(row: Row) -> str:
    said = [
        f"{word} {render.traffic_size(round(figure))}/s"
        for word, figure in (("in", row.rate.incoming), ("out", row.rate.outgoing), ("both", row.rate.total))
        if figure is not None
    ]
    return "   ".join(said)
