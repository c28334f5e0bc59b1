"""`top` needs a terminal and the extra; it ends as its table did, and tells then what was done."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from textual.app import App
from watches import reading

from cli.conftest import Cvm, Tty
from cvm_async import AuthenticationError, PowerState, Rollout
from cvm_async._api.verbs import Verb
from cvm_async.cli.exits import Exit
from cvm_async.cli.top.app import Top
from cvm_async.cli.top.lines.acting import Acting
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.work.journal import Intent


@pytest.mark.usefixtures("panel")
def test_without_a_terminal_a_sentence_says_so(cvm: Cvm) -> None:
    ran = cvm("top")
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert "top needs a terminal" in ran.err


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> list[Top]:
    """The tables that are shown, and not drawn."""
    shown: list[Top] = []

    async def run(app: App[None], **_: object) -> None:
        assert isinstance(app, Top)
        shown.append(app)
        app.found = await app.load()  # type: ignore[attr-defined]

    monkeypatch.setattr(Top, "run_async", run)
    return shown


@pytest.fixture
def sit_down(monkeypatch: pytest.MonkeyPatch, at_terminal: Callable[[str], Tty]) -> Callable[[], Tty]:
    """Put a person at a terminal; give what they see of the results."""

    def sit_down() -> Tty:
        out = Tty()
        at_terminal("")
        monkeypatch.setattr("sys.stdout", out)
        return out

    return sit_down


@pytest.mark.usefixtures("panel")
def test_it_shows_those_that_are_asked_for(cvm: Cvm, table: list[Top], sit_down: Callable[[], Tty]) -> None:
    sit_down()
    assert cvm("top", "--node", "1", "--state", "stopped,unknown", "--interval", "5").status == Exit.DONE
    (app,) = table
    assert {vps.node for vps in app.found} == {1}  # type: ignore[attr-defined]
    assert (app.known.wanted.search.text, app.known.every) == ("stopped,unknown", 5.0)


@pytest.mark.usefixtures("panel")
def test_afterwards_it_tells_what_was_done(
    cvm: Cvm, table: list[Top], monkeypatch: pytest.MonkeyPatch, sit_down: Callable[[], Tty]
) -> None:
    run = Top.run_async

    async def act(app: Top) -> None:
        await run(app)

    reports = [FleetReport("stop", (Outcome(reading(1).vps, "acme", reading(1, "stopped").status),), 1.0)]
    monkeypatch.setattr(Top, "reports", reports)
    monkeypatch.setattr(Top, "run_async", act)
    out = sit_down()
    assert cvm("top").status == Exit.DONE
    assert out.getvalue() == "stop: 1 stopped in 1.0 s\n"
    assert len(table) == 1


@pytest.mark.usefixtures("panel", "table")
@pytest.mark.parametrize("flag", ["--journal", "--no-journal"])
def test_what_is_left_to_do_of_what_it_kept_is_told(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, sit_down: Callable[[], Tty], flag: str
) -> None:
    async def cut_off(app: Top) -> None:
        fleet = await app.load()
        plan = await fleet.plan(PowerState.STOPPED)
        journal = app._journal_of(plan)  # pyright: ignore[reportPrivateUsage]
        if journal is None:
            return
        await journal.begin(
            Intent(verb=Verb.STOP, members=fleet.members, rollout=Rollout(), wait=True, timeout=1.0, interval=1.0)
        )
        await journal.close("cut off")
        app._acted.append(Acting(Verb.STOP, plan.to_do, journal))  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(Top, "run_async", cut_off)
    out = sit_down()
    assert cvm("top", flag).status == Exit.DONE
    assert ("To go on: cvm-async runs resume 2" in out.getvalue()) is (flag == "--journal")


@pytest.mark.usefixtures("panel", "table")
def test_what_ended_it_ends_the_command(cvm: Cvm, monkeypatch: pytest.MonkeyPatch, sit_down: Callable[[], Tty]) -> None:
    sit_down()

    async def fail(app: Top) -> None:
        app.failure = AuthenticationError("no", status_code=401)
        await asyncio.sleep(0)

    monkeypatch.setattr(Top, "run_async", fail)
    assert cvm("top").status == Exit.REFUSED


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize(
    ("number", "ended"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)], ids=["INT", "TERM"]
)
def test_a_signal_ends_the_command_as_every_other(
    cvm: Cvm,
    monkeypatch: pytest.MonkeyPatch,
    sit_down: Callable[[], Tty],
    number: signal.Signals,
    ended: Exit,
) -> None:
    async def leave(_: Top) -> None:
        """Leave as textual does: it takes a cancellation for a wish to."""
        signal.raise_signal(number)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    sit_down()
    monkeypatch.setattr(Top, "run_async", leave)
    assert cvm("top").status == ended
