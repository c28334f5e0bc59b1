"""Each panel is looked at by itself; scrapes make no call; what may mend is tried again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx
import pytest
from mocked import LIST, STATUS, answer, refusal, session_over
from panels import calls, fleet_of, session_on, settled
from virtual_time import virtual

from cvm_async import AuthenticationError, ConfigurationError, CvmSession
from cvm_async.exporter import FleetCollector
from cvm_async.exporter.serving import Pace, Watching, serve
from cvm_async.panel import PanelApp

from .scraped import values

PACE = Pace(every=60.0, relist=120.0)


@contextlib.asynccontextmanager
async def watching(*sessions: CvmSession) -> AsyncGenerator[FleetCollector]:
    collector = FleetCollector(*sessions)
    task = asyncio.create_task(Watching(collector, sessions, PACE).run())
    await asyncio.sleep(1)
    yield collector
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    collector.close()


def panels(collector: FleetCollector) -> dict[str, float]:
    return values(collector.collect(), "cvm_panel_up", "panel")


@virtual
async def test_each_panel_is_looked_at_on_its_own_schedule() -> None:
    app, hung = PanelApp(vpses=fleet_of(1)), PanelApp(vpses=fleet_of(1))
    hung.hang_node(1)
    async with session_on(app, name="a") as one, session_on(hung, name="b") as other, watching(one, other) as collector:
        assert panels(collector) == {"a": 1}
        await asyncio.sleep(120)
        assert values(collector.collect(), "cvm_vps_up", "panel") == {"a": 1, "b": 0}
        assert len(calls(app, "status")) == 3
        hung.heal_node(1)


@virtual
async def test_a_scrape_makes_no_call() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app, name="a") as session, watching(session) as collector:
        made = len(app.requests)
        for _ in range(10):
            assert panels(collector) == {"a": 1}
        await settled()
        assert len(app.requests) == made


@virtual
async def test_a_panel_that_cannot_be_listed_is_down_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([httpx.ConnectError("refused")] * 3 + [answer(200, LIST)])

    def handle(request: httpx.Request) -> httpx.Response:
        found = next(answers) if request.url.path.endswith("list") else answer(200, STATUS)
        if isinstance(found, Exception):
            raise found
        return found

    async with session_over(httpx.MockTransport(handle)) as session, watching(session) as collector:
        await asyncio.sleep(30)
        assert panels(collector) == {session.name: 0}
        await asyncio.sleep(60)
        assert panels(collector) == {session.name: 1}
    assert "nothing can be read of it, and will be tried again" in caplog.text


Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


async def refused(_: httpx.Request) -> httpx.Response:
    return refusal(401, "No valid API token pair was specified.")


@virtual
async def test_where_all_panels_refuse_the_tokens_it_ends() -> None:
    sessions = [session_over(httpx.MockTransport(refused)) for _ in range(2)]
    with pytest.raises(AuthenticationError):
        await Watching(FleetCollector(*sessions), sessions, PACE).run()
    for session in sessions:
        await session.aclose()


@virtual
async def test_where_one_refuses_them_the_others_are_watched() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with (
        session_over(httpx.MockTransport(refused)) as lost,
        session_on(app, name="a") as well,
        watching(lost, well) as collector,
    ):
        await asyncio.sleep(200)
        assert panels(collector) == {"a": 1, lost.name: 0}


@virtual
async def test_it_serves_while_it_watches_and_ends_when_it_is_cancelled() -> None:
    app = PanelApp(vpses=fleet_of(1))
    ports: list[int] = []
    async with session_on(app, name="a") as session:
        task = asyncio.create_task(serve([session], host="127.0.0.1", port=0, pace=PACE, listening=ports.append))
        await asyncio.sleep(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"It is healthy." in await reader.read()
        writer.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.list_vpses()


@pytest.mark.parametrize("pace", [{"every": 0.0}, {"relist": -1.0}])
def test_a_pace_is_some_time(pace: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Pace(**pace)
