"""What a command could not do is shown, too: what the list hid, and what Ctrl-C cut off."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from cvm_async import RunControl
from cvm_async.cli.exits import Exit
from cvm_async.cli.grids import status_grid
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.results import Results
from cvm_async.cli.terminal import Terminal
from cvm_async.panel import Hang, Power, SimulatedPanel, SimulatedVps, Verb

from .conftest import Cvm, Ran, send_when, use

# What could not be read of the list

UNREAD = "the panel's list: response.vpses[2].id is "


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedPanel]:
    """Two VPSes that can be read, and a third whose id cannot."""
    vpses = [*(SimulatedVps(id=number, node=1, hostname=f"web{number}") for number in (1, 2))]
    hidden = SimulatedVps(id=3, node=1, hostname="web3", extra={"id": "three"})
    with SimulatedPanel(vpses=[*vpses, hidden]) as panel:
        use(monkeypatch, panel)
        yield panel


OVER_ALL = [
    ["list"],
    ["list", "--node", "1"],
    ["status"],
    ["status", "--all", "--nodes"],
    ["status", "--node", "1"],
    ["start", "--all"],
    ["start", "--match", "web*", "--dry-run"],
    ["stop", "--all", "--yes"],
    ["stop", "--all", "--yes", "--wait"],
    ["stop", "--node", "1", "--yes"],
    ["stop", "--all", "--dry-run"],
    ["restart", "--all", "--yes"],
    ["restart", "--match", "web*", "--dry-run"],
    ["wait", "running", "--all"],
    ["wait", "running", "--node", "1"],
    ["watch", "--count", "1"],
    ["watch", "--match", "web*", "--count", "2", "--interval", "0.01"],
]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("tokens", OVER_ALL, ids=" ".join)
def test_a_command_over_all_or_by_a_condition_says_that_a_vps_could_not_be_read_and_gives_3(
    cvm: Cvm, tokens: list[str]
) -> None:
    ran = cvm(*tokens)
    assert ran.status == Exit.PARTLY
    assert UNREAD in ran.err


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("tokens", [tokens for tokens in OVER_ALL if tokens[0] != "watch"], ids=" ".join)
def test_as_json_it_is_among_the_problems(cvm: Cvm, tokens: list[str]) -> None:
    ran = cvm(*tokens, "--json")
    assert ran.status == Exit.PARTLY
    assert [problem["path"] for problem in json.loads(ran.out)["problems"]] == ["response.vpses[2].id"]


@pytest.mark.parametrize("tokens", [["status"], ["restart", "--all", "--yes"]], ids=" ".join)
def test_it_is_said_also_where_others_failed(cvm: Cvm, broken: SimulatedPanel, tokens: list[str]) -> None:
    broken.unreachable_node(1, after=0.0)
    ran = cvm(*tokens)
    assert ran.status == Exit.FAILED
    assert UNREAD in ran.err


NAMED = [
    *[["list", "1"], ["status", "1"], ["status", "web1", "--nodes"], ["wait", "running", "1"]],
    *[["stop", "1", "2", "--yes"], ["stop", "1", "--dry-run"], ["start", "1"], ["restart", "1"]],
    *[["restart", "1", "--dry-run"], ["watch", "1", "--count", "1"]],
]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("tokens", NAMED, ids=" ".join)
def test_so_does_one_over_some_that_are_named(cvm: Cvm, tokens: list[str]) -> None:
    ran = cvm(*tokens)
    assert ran.status == Exit.PARTLY
    assert UNREAD in ran.err


def test_of_many_problems_some_are_told(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    vpses = [SimulatedVps(id=number, extra={"cpu_count": None}) for number in range(1, 31)]
    with SimulatedPanel(vpses=vpses) as panel:
        use(monkeypatch, panel)
        ran = cvm("list")
    assert ran.status == Exit.PARTLY
    assert ran.err.count("the panel's list: response.vpses[") == 20
    assert ran.err.endswith("and 10 more such\n")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedPanel]:
    """Two VPSes with bad figures: a count of CPUs, and a node and a hostname."""
    bad: list[dict[str, object]] = [{"cpu_count": None}, {"node": "x", "hostname": None}]
    with SimulatedPanel(
        vpses=[SimulatedVps(id=number, node=1, hostname=f"web{number}", extra=bad[number - 1]) for number in (1, 2)]
    ) as panel:
        use(monkeypatch, panel)
        yield panel


NOBODY = "cannot be found, as not all of the account's list can be read: "
NONE = "none of the account's 2 VPSes fits"
UNREAD_PART = ", but not all of its list can be read: "
UNREAD_NAME = "response.vpses[1].hostname is null, not text"
NOT_HIDDEN = {
    "stop 9": "this account has no VPS 9; nothing was done",
    "status 1,9": "this account has no VPS 9; nothing was done",
    "list 3-4": "this account has no VPS 3, 4; nothing was done",
    "stop web9": f"VPS 'web9' {NOBODY}{UNREAD_NAME}; nothing was done",
    "list web9 7-8 db9": f"VPS 'web9', 'db9' {NOBODY}{UNREAD_NAME}; this account has no VPS 7, 8; nothing was done",
    "watch --node 2": f'{NONE}{UNREAD_PART}response.vpses[1].node is "x", not a whole number',
    "watch --match db*": f"{NONE}{UNREAD_PART}{UNREAD_NAME}",
    "wait running 1 --exclude 1": NONE,
}


@pytest.mark.parametrize("typed", NOT_HIDDEN)
def test_a_figure_that_has_nothing_to_do_with_it_is_no_reason_why_a_vps_is_not_found(
    cvm: Cvm, figures: SimulatedPanel, typed: str
) -> None:
    ran = cvm(*typed.split())
    assert (ran.status, ran.err.splitlines()[-1]) == (Exit.FAILED, f"cvm-async: {NOT_HIDDEN[typed]}")
    assert figures.actions == []


@pytest.mark.parametrize("tokens", [["stop", "3"], ["status", "1", "3"], ["wait", "running", "3"]], ids=" ".join)
def test_a_vps_that_may_be_the_one_that_cannot_be_read_is_not_said_to_be_missing(
    cvm: Cvm, broken: SimulatedPanel, tokens: list[str]
) -> None:
    ran = cvm(*tokens)
    assert ran.status == Exit.FAILED
    assert "has no VPS" not in ran.err
    assert (
        "cvm-async: VPS 3 cannot be found, as not all of the account's list can be read: response.vpses[2]" in ran.err
    )
    assert ran.err.endswith("; nothing was done\n")
    assert broken.actions == []


@pytest.mark.usefixtures("broken")
def test_what_fits_no_condition_may_be_what_cannot_be_read(cvm: Cvm) -> None:
    ran = cvm("stop", "--match", "web3", "--yes")
    assert ran.status == Exit.FAILED
    assert "none of the account's 2 VPSes fits, but not all of its list can be read: response.vpses[2]" in ran.err


# Interrupted

SIGNALS = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "kill"]
)


def interrupted(
    cvm: Cvm,
    happened: Callable[[], object],
    number: signal.Signals,
    *tokens: str,
    again: threading.Event | None = None,
) -> Ran:
    """Run a command, and interrupt it; and once more, to cut it off, when it has begun to end."""
    threads = [send_when(happened, number), *([send_when(again.is_set, number)] if again else [])]
    ran = cvm(*tokens)
    for thread in threads:
        thread.join()
    return ran


def told(ran: Ran) -> list[tuple[int, bool, bool, str | None]]:
    report = json.loads(ran.out)
    return [(each["id"], each["ok"], each["skipped"], each["error_type"]) for each in report["outcomes"]]


@SIGNALS
def test_a_rollout_that_is_interrupted_tells_what_was_done_what_is_unknown_and_what_was_not_begun(
    cvm: Cvm,
    monkeypatch: pytest.MonkeyPatch,
    winding_down: threading.Event,
    number: signal.Signals,
    status: int,
) -> None:
    with SimulatedPanel(vpses=4, nodes=1) as panel:
        use(monkeypatch, panel)
        panel.set_power(1, Power.STOPPED)
        panel.inject(Hang(after_action=True), verb="stop", vps=3)
        tokens = ("stop", "--all", "--yes", "--batch", "1", "--json")
        ran = interrupted(cvm, lambda: (3, Verb.STOP) in panel.actions, number, *tokens, again=winding_down)
    assert ran.status == status
    assert told(ran) == [
        (1, True, True, None),
        (2, True, False, None),
        (3, False, False, "NoAnswerError"),
        (4, False, True, "NotSentError"),
    ]
    assert "Interrupted after 1 VPS. What was under way was cut off" in ran.err
    assert ran.err.endswith(f"cvm-async: {'interrupted' if status == Exit.INTERRUPTED else 'terminated'}\n")


@pytest.mark.parametrize(
    ("number", "status", "json_too"),
    [(signal.SIGINT, 130, False), (signal.SIGTERM, 143, True)],
    ids=["Ctrl-C, for a person", "kill, as JSON"],
)
@pytest.mark.parametrize(
    ("tokens", "verb", "words"),
    [
        (["status"], "status", "cut off before its status was read"),
        (["start", "--all"], "status", "cut off before its status was read"),
        (["wait", "running", "--all"], "wait", "cut off before it was seen to be running"),
    ],
    ids=["status", "start, which looks first", "wait"],
)
def test_what_only_looks_tells_what_it_saw(  # noqa: PLR0917 - a test's parameters
    cvm: Cvm,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    status: int,
    tokens: list[str],
    verb: str,
    words: str,
    json_too: bool,  # noqa: FBT001 - likewise
) -> None:
    with SimulatedPanel(vpses=3, nodes=1) as panel:
        use(monkeypatch, panel)
        panel.inject(Hang(), verb="status", vps=3, times=None)
        flags = ["--json"] if json_too else []
        ran = interrupted(cvm, lambda: any(record.vps == 3 for record in panel.requests), number, *tokens, *flags)
    assert ran.status == status
    assert "Interrupted after " in ran.err
    if json_too:
        assert told(ran)[2] == (3, False, False, "NoAnswerError")
        assert json.loads(ran.out)["verb"] == verb
    else:
        assert words in ran.out
    assert panel.actions == []


def test_where_the_shell_has_ctrl_c_ignored_it_does_nothing_and_a_kill_still_tells_what_was_done(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with SimulatedPanel(vpses=3, nodes=1) as panel:
        use(monkeypatch, panel)
        panel.inject(Hang(after_action=True), verb="restart", vps=3)
        panel.inject(Hang(), verb="restart", vps=2)

        def begun() -> bool:
            if (1, Verb.RESTART) not in panel.actions:
                return False
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return (3, Verb.RESTART) in panel.actions

        tokens = ("restart", "--all", "--yes", "--batch", "1,2", "--grace", "0", "--json")
        ran = interrupted(cvm, begun, signal.SIGTERM, *tokens)
    assert ran.status == Exit.TERMINATED
    assert [error for *_, error in told(ran)] == [None, "NoAnswerError", "NoAnswerError"]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_interrupted_before_there_is_anything_to_tell_of_it_tells_nothing(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedPanel(vpses=3, nodes=1) as panel:
        use(monkeypatch, panel)
        panel.inject(Hang(), verb="list")
        ran = interrupted(cvm, lambda: panel.requests, signal.SIGINT, "status", "--json")
    assert (ran.status, ran.out, ran.err) == (Exit.INTERRUPTED, "", "cvm-async: interrupted\n")


async def test_work_that_was_cut_off_without_a_report_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    async def cut_off(_: ProgressBar, __: RunControl) -> None:
        raise asyncio.CancelledError

    results = Results(Terminal.here(json=True), status_grid, full=False)
    with pytest.raises(asyncio.CancelledError):
        await results.watching("Reading", cut_off, total=3, cut_off="")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Interrupted after 0 VPSes.\n")
