"""One VPS in full: all that is known of it, and what is not known is not made up."""

from datetime import timedelta

import pytest
from attrs import evolve
from watches import BEGIN, LOST, reading, snapshot, split, used

from cvm_async.cli.top.lines.detail import detail
from cvm_async.cli.top.lines.look import Line, Tone, plain, width_of
from cvm_async.cli.top.lines.rows import Row
from cvm_async.models import Problem
from cvm_async.watch.rates import Rate
from cvm_async.watch.snapshot import Reading, Snapshot

NOW = BEGIN + timedelta(seconds=5)


def shown(given: Reading, *, looks: list[Snapshot] | None = None, events: int = 0, height: int = 40) -> str:
    row = Row(given, Rate(incoming=1_000.0, outgoing=2_000.0, total=3_000.0))
    told: list[Line] = [plain(f"event {number}") for number in range(events)]
    lines = detail(row, looks or [], told, now=NOW, width=100, height=height)
    assert all(width_of(line) <= 100 for line in lines)
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_it_names_the_vps_and_tells_what_it_has_used() -> None:
    text = shown(reading(1, traffic=split(50, 5), limit=split(0, 0, {"in_limit": 100})))
    for part in (
        "vps1.example.net",
        "VPS 1 on acme, node 1",
        "● running",
        "read at 12:00:00, 5s ago",
        "1.0 KiB of 1.0 MiB",
        "traffic in    ━━━━━━━━━━━━────────────  50%   50 B of 100 B",
        "5 B, no limit",
        "in 1.0 kB/s   out 2.0 kB/s   both 3.0 kB/s",
        "CPUs          1",
    ):
        assert part in text


def test_what_is_not_known_says_so_or_is_left_out() -> None:
    bare = reading(1, None, node=None)
    bare = evolve(bare, vps=evolve(bare.vps, guaranteed_ram=None, cpu_count=None, traffic=used(5)))
    row = Row(bare)
    text = "\n".join("".join(t for t, _ in line) for line in detail(row, [], [], now=NOW, width=80, height=40))
    assert "VPS 1 on acme\n" in text
    assert "not told" in text
    for absent in ("CPUs", "read at", "rate", "burst"):
        assert absent not in text


def test_what_could_not_be_read_says_why() -> None:
    given = evolve(reading(1, error=LOST), vps=evolve(reading(1).vps, problems=(Problem("id", "x", "y"),)))
    assert str(LOST) in shown(given)
    assert "id is x, not y" in shown(given)


def test_other_keys_of_the_panel_are_shown_and_made_safe() -> None:
    given = reading(1)
    assert given.status is not None
    given = evolve(
        given,
        vps=evolve(given.vps, extra={"location\x1b": "Roubaix\x1b"}, burstable_ram=2),
        status=evolve(given.status, extra={"uptime": 5}, problems=(Problem("a", "b", "c"),)),
    )
    text = shown(given)
    assert "location\ufffd     Roubaix\ufffd" in text
    assert "uptime        5" in text
    assert "burst 2.0 MiB" in text
    assert "a is b, not c" in text


def test_curves_and_a_forecast_come_of_the_looks_before() -> None:
    looks = [
        snapshot(reading(1, traffic=used(10 * second), limit=used(0, 100), after=second), after=second)
        for second in range(3)
    ]
    text = shown(looks[-1].readings[0], looks=looks)
    assert "RAM, before   ███" in text
    assert "traffic, before" in text or "traffic, befor" in text
    assert "limit reached 2026-01-31 12:00, traffic at 10 B/s" in text
    full = snapshot(reading(1, traffic=used(100), limit=used(0, 100)))
    assert "limit reached 2026-01-31 12:00, traffic\n" in shown(full.readings[0], looks=[full])


@pytest.mark.parametrize(("height", "count"), [(40, 9), (13, 5), (3, 0)])
def test_of_what_happened_as_much_shows_as_there_is_room_for(height: int, count: int) -> None:
    text = shown(reading(1), events=9, height=height)
    assert text.count("event ") == count
    assert not count or text.endswith("event 8")


def test_an_old_status_warns() -> None:
    old = evolve(reading(1, error=LOST), age=5.0)
    lines = detail(Row(old), [], [], now=NOW, width=100, height=40)
    assert ("read at 12:00:00, 5s ago", Tone.WARNING) in lines[1]
