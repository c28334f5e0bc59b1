"""A run outlives its process: killed at any moment, it is taken up again, and nothing is lost and nothing done twice.

The panel is another process than the one that is killed, and its ledger is the witness. Here are a few such deaths;
`nox -s crashes` has hundreds.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from attrs import evolve

from cvm_async import CvmSession, FleetReport, NoAnswerError, VpsStatus, WaitTimeoutError
from cvm_async.panel import Power, SimulatedPanel
from cvm_async.runs.record import UNSETTLED, RunRecord, TargetState
from cvm_async.runs.store import RunStore
from runs.victims import Order, Victims

DEATHS = int(os.environ.get("CVM_ASYNC_DEATHS", "20"))
"""How many processes are killed for each verb, and as many as resume."""

STOPS = int(os.environ.get("CVM_ASYNC_STOPS", "4"))
"""How many processes of each verb stand still for longer than they wait for anything."""

PATIENCE = 0.1
"""Seconds: all timeouts of who stands still. An attempt may take five times that: to connect, and for the answer."""

VPSES = 24
POWER = {"stop": Power.RUNNING, "start": Power.STOPPED, "restart": Power.RUNNING}

pytestmark = [pytest.mark.long, pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")]


def posts(panel: SimulatedPanel) -> Counter[int | None]:
    return Counter(record.vps for record in panel.requests if record.verb == "restart" or record.verb in POWER)


async def killed(victims: Victims, order: Order, panel: SimulatedPanel, chance: random.Random) -> int:
    """Begin, and kill when so many actions more have begun on the panel, or a moment later; give how it ended."""
    before = len(panel.actions)
    moment = chance.randrange(VPSES + 2)
    pid = await victims.begin(order)
    ended = asyncio.create_task(victims.ended())
    reached = asyncio.create_task(panel.wait_for(lambda: len(panel.actions) >= before + moment))
    await asyncio.wait([ended, reached], return_when=asyncio.FIRST_COMPLETED)
    for _ in range(chance.randrange(40)):
        await asyncio.sleep(0)
    if not ended.done():
        os.kill(pid, signal.SIGKILL)
    reached.cancel()
    return await ended


def assert_written_ahead(record: RunRecord, panel: SimulatedPanel) -> None:
    """What the panel was asked for, the journal knew of; what the journal calls done was done."""
    by_id = {target.vps_id: target for target in record.targets}
    for vps in posts(panel):
        assert vps is not None
        assert by_id[vps].sent_at is not None
    done = {vps for vps, _ in panel.actions}
    for target in record.targets:
        if target.state in (TargetState.DONE, TargetState.ANSWERED):
            assert target.vps_id in done


def assert_nothing_lost(report: FleetReport[VpsStatus | None], before: RunRecord, panel: SimulatedPanel) -> None:
    assert len(report) == VPSES
    done = Counter(vps for vps, _ in panel.actions)
    assert max(posts(panel).values(), default=0) <= 1
    in_flight = {target.vps_id for target in before.targets if target.state in UNSETTLED}
    for outcome in report:
        if outcome.ok or isinstance(outcome.error, WaitTimeoutError):
            assert done[outcome.vps.id] == 1
        else:
            assert isinstance(outcome.error, NoAnswerError)
            assert outcome.vps.id in in_flight


def order_for(panel: SimulatedPanel, verb: str, runs: RunStore) -> Order:
    """Have all VPSes in the state that the verb leads out of, and give the order to act on them."""
    for vps in range(1, VPSES + 1):
        panel.set_power(vps, POWER[verb])
    return Order(
        verb=verb,
        url=panel.url,
        public_token=panel.public_token,
        private_token=panel.private_token,
        runs=str(runs.path),
    )


async def taken_up(runs: RunStore, panel: SimulatedPanel, run_id: str) -> FleetReport[VpsStatus | None]:
    """Go on with a run, in this process."""
    async with (
        CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token) as session,
        runs.open(run_id) as run,
    ):
        return await run.resume(await session.fleet(), settle=0.2)


@pytest.mark.parametrize("verb", ["stop", "start", "restart"])
@pytest.mark.parametrize("wait", [False, True], ids=["", "waiting"])
async def test_a_killed_run_is_taken_up_and_loses_nothing(verb: str, tmp_path: Path, *, wait: bool) -> None:
    chance = random.Random(verb)  # noqa: S311 - no secret
    async with Victims() as victims:
        for death in range(DEATHS // 2):
            async with SimulatedPanel(vpses=VPSES, nodes=6, shutdown_time=0.004, boot_time=0.004) as panel:
                runs = RunStore(tmp_path / str(death))
                order = evolve(order_for(panel, verb, runs), wait=wait, batch=chance.choice([(), (1, 5, 100)]))
                await killed(victims, order, panel, chance)
                if not runs.list():
                    assert panel.actions == []
                    continue
                run_id = runs.list()[0].id
                assert_written_ahead(runs.read(run_id), panel)
                # And the one who takes it up may die as well.
                if death % 2:
                    await killed(victims, evolve(order, run_id=run_id), panel, chance)
                before = runs.read(run_id)
                assert_written_ahead(before, panel)
                report = await taken_up(runs, panel, run_id)
                assert_nothing_lost(report, before, panel)


@pytest.mark.parametrize("verb", ["stop", "start", "restart"])
async def test_a_run_whose_process_stood_still_sends_nothing_twice_and_claims_nothing(
    verb: str, tmp_path: Path
) -> None:
    chance = random.Random(verb)  # noqa: S311 - no secret
    async with Victims() as victims:
        for stop in range(STOPS):
            async with SimulatedPanel(vpses=VPSES, nodes=6, shutdown_time=0.004, boot_time=0.004) as panel:
                runs = RunStore(tmp_path / str(stop))
                order = evolve(order_for(panel, verb, runs), wait=bool(stop % 2), patience=PATIENCE)
                # Every second time right after an intent, and every second of either kind the panel is restarted.
                if stop % 4 < 2:
                    await stood_still(victims, order, panel, chance, restarts=bool(stop % 2))
                else:
                    await stood_still_after_an_intent(victims, order, runs, panel, chance, restarts=bool(stop % 2))
                if not runs.list():
                    assert panel.actions == []
                    continue
                run_id = runs.list()[0].id
                before = runs.read(run_id)
                assert_written_ahead(before, panel)
                assert_nothing_lost(await taken_up(runs, panel, run_id), before, panel)


async def stood_still(
    victims: Victims, order: Order, panel: SimulatedPanel, chance: random.Random, *, restarts: bool
) -> None:
    """Begin, stop the process at some moment, let it go on after all its time is over, and wait for its end."""
    moment = chance.randrange(VPSES)
    pid = await victims.begin(order)
    ended = asyncio.create_task(victims.ended())
    reached = asyncio.create_task(panel.wait_for(lambda: len(panel.actions) >= moment))
    await asyncio.wait([ended, reached], return_when=asyncio.FIRST_COMPLETED)
    for _ in range(chance.randrange(40)):
        await asyncio.sleep(0)
    if not ended.done():
        os.kill(pid, signal.SIGSTOP)
        await time_passes(panel, restarts=restarts)
        os.kill(pid, signal.SIGCONT)
    reached.cancel()
    await ended


async def stood_still_after_an_intent(
    victims: Victims, order: Order, runs: RunStore, panel: SimulatedPanel, chance: random.Random, *, restarts: bool
) -> None:
    """The same, right after an intent's commit; what was to be sent then is not sent so much later."""
    pid = await victims.begin(evolve(order, still_at=1 + chance.randrange(VPSES)))
    place = await victims.stands_still()
    await time_passes(panel, restarts=restarts)
    (summary,) = runs.list()
    target = runs.read(summary.id).targets[place]
    assert target.state is TargetState.SENT
    os.kill(pid, signal.SIGCONT)
    await victims.ended()
    assert target.vps_id not in posts(panel)


async def time_passes(panel: SimulatedPanel, *, restarts: bool) -> None:
    """Let more time pass than one who waits waits for anything; it is another process's, and so real."""
    if restarts:
        panel.refuse_connections()
    await asyncio.sleep(6 * PATIENCE)
    if restarts:
        panel.accept_connections()
