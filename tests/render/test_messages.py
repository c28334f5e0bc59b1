"""Each thing that is told of is told in the same words everywhere, and is obeyed nowhere."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from values import vps as some_vps
from watches import reading, snapshot, used

from cvm_async import (
    ConfigurationError,
    FleetError,
    FleetReport,
    NameNotFoundError,
    NodeUnreachableError,
    Outcome,
    Plan,
    PlannedStep,
    PowerState,
    Problem,
    SplitTraffic,
    Step,
    Vps,
    VpsStatus,
)
from cvm_async._safe_text import safe_text
from cvm_async.render import DISCORD, PLAIN, Place, Shown, message
from cvm_async.watch.events import NodeUnreachable, StateChanged, VpsUnreadable
from render.chats import READERS, TEXTS

MIB = 1024 * 1024
RUNNING = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=256 * MIB, disk_used=3 * MIB)
STOPPED = VpsStatus(state=PowerState.STOPPED, state_text="stopped")
LOST = NodeUnreachableError("node 3 of https://panel.example.net/ is gone", vps_id=4)
WHY = "The machine that the VPS runs on cannot be reached right now; nothing was done"


def vps(number: int = 1, hostname: str = "web1.example.net") -> Vps:
    return evolve(some_vps(number, node=3), hostname=hostname, guaranteed_ram=512, disk_space=1024)


def odd(word: str) -> VpsStatus:
    return VpsStatus(state=PowerState.UNKNOWN, state_text=word)


def report() -> FleetReport[VpsStatus]:
    states = (RUNNING, STOPPED, STOPPED, odd("rebooting"))
    seen = [Outcome(vps(number), "acme", status) for number, status in enumerate(states, 1)]
    lost: list[Outcome[VpsStatus]] = [Outcome(vps(number), "acme", error=LOST) for number in (5, 6)]
    return FleetReport("status", (*seen, *lost), 1.5)


def plan() -> Plan:
    steps = (
        PlannedStep(vps(1), "acme", "https://panel.example.net", Step.STOP, RUNNING),
        PlannedStep(vps(2), "acme", "https://panel.example.net", Step.LEAVE, STOPPED),
    )
    return Plan(PowerState.STOPPED, steps)


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        pytest.param(RUNNING, ["running", "memory: 256 MiB", "disk: 3.0 MiB"], id="a status"),
        pytest.param(
            Outcome(vps(), "acme", evolve(RUNNING, traffic=SplitTraffic(5_000_000, None, 10_000_000))),
            [
                "web1.example.net (1) on node 3: running",
                "memory: 256 MiB of 512 MiB, 50%",
                "disk: 3.0 MiB of 1.0 GiB, 0%",
                "traffic in: 5.0 MB of 10 MB, 50%",
            ],
            id="an outcome",
        ),
        pytest.param(
            Outcome(vps(), "acme", evolve(STOPPED, problems=(Problem("a.b", "1.5", "a text"),))),
            ["web1.example.net (1) on node 3: stopped", "not read: a.b is 1.5, not a text"],
            id="with a problem",
        ),
        pytest.param(Outcome[None](evolve(vps(), node=None), "acme"), ["web1.example.net (1): done"], id="an action"),
        pytest.param(
            Outcome[None](vps(), "a", error=LOST), [f"web1.example.net (1) on node 3: {WHY}."], id="a failure"
        ),
        pytest.param(LOST, [f"VPS 4: {WHY}."], id="an error"),
        pytest.param(
            NameNotFoundError("no", name="wbe1", similar=("web1.example.net (7) on acme",)),
            ["No VPS is called wbe1; did you mean web1.example.net (7)?"],
            id="a name",
        ),
        pytest.param(
            report(),
            [
                "2 stopped, 1 running, 1 unknown, 2 unreachable on node 3 in 1.5 s",
                f"2 x {WHY} (VPS 5, 6)",
                "2 stopped: web1.example.net (2), web1.example.net (3)",
                "1 unknown: rebooting: web1.example.net (4)",
            ],
            id="a report",
        ),
        pytest.param(
            FleetError("2 failed", [LOST, LOST], report=report()),
            ["2 of 6 VPSes failed.", f"2 x {WHY} (VPS 5, 6)"],
            id="a fleet's error",
        ),
        pytest.param(FleetError("1 failed", [LOST]), ["1 VPS failed."], id="a part of one"),
        pytest.param(
            plan(),
            [
                "To have 2 VPSes stopped: 1 to stop, 1 to leave as they are",
                "  stop 1 on acme, node 3: web1.example.net (1)",
            ],
            id="a plan",
        ),
        pytest.param(
            evolve(
                snapshot(reading(1, traffic=used(1)), reading(2, "stopped"), reading(3, error=LOST), after=5.0),
                changes=(StateChanged("acme", vps(2), PowerState.RUNNING, PowerState.STOPPED),),
            ),
            [
                "3 VPSes at 12:00:05 UTC: 2 running, 1 stopped, 1 not read",
                "web1.example.net (2) on node 3: running -> stopped",
                f"1 x {WHY} (VPS 3)",
                "1 stopped: vps2.example.net (2)",
            ],
            id="a snapshot",
        ),
        pytest.param(
            [NodeUnreachable("acme", 3, 2, "silence"), VpsUnreadable("acme", vps(), "why")],
            [
                "node 3 of acme: unreachable, with 2 VPSes: silence",
                "web1.example.net (1) on node 3: cannot be read: why",
            ],
            id="changes",
        ),
        pytest.param(
            evolve(reading(1, "stopped"), status=STOPPED), ["vps1.example.net (1) on node 1: stopped"], id="a reading"
        ),
        pytest.param(
            evolve(reading(1, error=LOST), status=STOPPED, age=65.4),
            [
                f"vps1.example.net (1) on node 1: not read, what follows is 65 s old: {WHY}.",
                "vps1.example.net (1) on node 1: stopped",
            ],
            id="an old reading",
        ),
        pytest.param(reading(1, None, error=LOST), [f"vps1.example.net (1) on node 1: not read: {WHY}."], id="none"),
        pytest.param(reading(1, None), ["vps1.example.net (1) on node 1: not read yet"], id="not read yet"),
        pytest.param("one\n\u202etwo", ["one", "\ufffdtwo"], id="a text"),
        pytest.param(("one\ntwo", "three"), ["one", "two", "three"], id="lines"),
    ],
)
def test_it_is_told_in_these_words(value: Shown, lines: list[str]) -> None:
    assert message(value).split("\n") == lines
    for place, read in READERS.items():
        seen = read(message(value, place))
        assert (seen.text.split("\n"), seen.found) == (lines, [])


def test_a_status_tells_what_a_vps_may_use_where_the_vps_is_given() -> None:
    assert message(RUNNING, vps=vps(), place=DISCORD).split("\n")[:2] == [
        "web1.example.net (1) on node 3: running",
        "memory: 256 MiB of 512 MiB, 50%",
    ]


MAKES: dict[str, Callable[[str], Shown]] = {
    "a status": odd,
    "an outcome": lambda text: Outcome(vps(hostname=text), text, odd(text)),
    "an error": lambda text: NameNotFoundError(text, name=text, similar=(f"{text} (7)",)),
    "a report": lambda text: FleetReport("status", (Outcome(vps(hostname=text), text, odd(text)),), 0.0),
    "a snapshot": lambda text: snapshot(evolve(reading(1, panel=text), vps=vps(hostname=text), status=odd(text))),
    "a plan": lambda text: Plan(
        PowerState.RUNNING, (PlannedStep(vps(hostname=text), text, text, Step.START, STOPPED),)
    ),
    "a change": lambda text: [VpsUnreadable(text, vps(hostname=text), text)],
    "a text": lambda text: text,
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@given(TEXTS)
def test_whatever_a_panel_says_is_read_as_it_is_and_does_nothing(make: Callable[[str], Shown], text: str) -> None:
    value = make(text)
    lines = message(value, limit=100_000)
    assert all(line == safe_text(line) for line in lines.split("\n"))
    for place, read in READERS.items():
        seen = read(message(value, place, limit=100_000))
        assert (seen.text, seen.found) == (lines.replace("\u02cb", "`") if place.name[0] == "S" else lines, [])
        if place.limit is not None:
            assert read(message(value, place)).length <= place.limit


@pytest.mark.parametrize("value", [7, None, b"x", [7], datetime(2026, 1, 1, tzinfo=UTC)], ids=repr)
def test_what_is_nothing_of_ours_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="what is to be shown"):
        message(value)  # type: ignore[arg-type]


def test_plain_text_has_no_limit() -> None:
    assert len(message("x" * 10_000)) == 10_000
    place: Place = PLAIN
    assert place.limit is None
