import asyncio
import time

import httpx
import pytest
from panels import account_of, calls, fleet_of, session_on
from virtual_time import run_virtual, virtual

from cvm_async import (
    ConfigurationError,
    CvmSession,
    Limits,
    NoAnswerError,
    NotSentError,
    PowerState,
    SessionClosedError,
    Timeouts,
)
from cvm_async._account.account import loop_time
from cvm_async.panel import PanelApp


@virtual
async def test_the_time_is_that_of_the_running_loop() -> None:
    await asyncio.sleep(12)
    assert loop_time() == 12


def test_without_a_loop_the_time_is_the_machines() -> None:
    before = time.monotonic()
    assert before <= loop_time() <= time.monotonic()


@virtual
async def test_an_id_that_was_listed_goes_through_the_gate_of_its_node() -> None:
    app = PanelApp(vpses=fleet_of(7, 7, 8), latency=1.0)
    async with session_on(app, limits=Limits(per_node=1)) as session:
        await session.status(1)
        assert session.node_states() == []
        await session.list_vpses()
        await asyncio.gather(session.status(1), session.status(2), session.status(3))
        assert app.peak_in_flight(node=7) == 1
        assert [report.node for report in session.node_states()] == [7, 8]
        assert session.node_states() == account_of(session).node_states()


@virtual
async def test_a_status_is_bounded_by_its_own_time_the_sessions_or_the_runs_whichever_is_least() -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3, 4), latency=100.0)
    async with session_on(app, timeouts=Timeouts(total=9.0)) as session:
        bounds = ((5.0, 7.0, 5), (7.0, 5.0, 5), (None, 12.0, 9), (None, 3.0, 3))
        for vps, (timeout, within, bound) in enumerate(bounds, 1):
            began = loop_time()
            with pytest.raises(NoAnswerError, match=f"within the {bound} s"):
                await account_of(session).status(vps, timeout=timeout, within=within)
            assert loop_time() - began == pytest.approx(bound)


@virtual
async def test_closing_sends_away_who_waits_for_a_turn_and_what_comes_after() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), latency=1.0)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        tasks = [asyncio.create_task(session.status(vps)) for vps in (1, 2)]
        await asyncio.sleep(0.5)
        await session.aclose()
        await session.aclose()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(ends[1], SessionClosedError)
        for call in (
            session.status(1),
            session.stop(1),
            session.list_vpses(),
            session.wait_until(1, PowerState.RUNNING),
        ):
            with pytest.raises(SessionClosedError, match="is closed: make a new one"):
                await call
    assert len(calls(app, "status")) == 1


def test_a_session_that_is_used_on_a_second_loop_says_so() -> None:
    app = PanelApp(vpses=1)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    session = CvmSession(
        "https://p.example.net", public_token=app.public_token, private_token=app.private_token, client=client
    )

    async def use() -> None:
        await session.status(1)

    async def again() -> None:
        with pytest.raises(ConfigurationError, match="first used on another event loop"):
            await session.status(1)
        await session.aclose()
        await client.aclose()

    run_virtual(use())
    run_virtual(again())


@virtual
async def test_a_word_that_is_no_state_is_refused_and_one_that_is_will_do() -> None:
    async with session_on(PanelApp(vpses=1)) as session:
        with pytest.raises(ConfigurationError, match="a state is one of running, stopped"):
            await session.wait_until(1, "on")  # type: ignore[arg-type]
        status = await session.wait_until(1, "running")  # type: ignore[arg-type]
        assert status.state is PowerState.RUNNING


@virtual
async def test_a_call_that_waits_for_its_turn_is_unsent_when_its_time_is_over() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), latency=10.0)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        first = asyncio.create_task(session.status(1))
        await asyncio.sleep(1)
        with pytest.raises(NotSentError):
            await session.status(2, timeout=2.0)
        await first
