"""Polls in a row of a panel with one sick host node, by us and by hand: what the promise is tried on.

A panel of PHP workers, which go on for a caller who has left, is polled every 20 seconds for ten minutes on a virtual
clock. What came of each poll is a value, so that two ways of polling can be laid side by side.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from attrs import define, field
from panels import session_on
from virtual_time import virtual_loop

from cvm_async import CvmSession, Fleet, Limits, Progress
from cvm_async.panel import PanelApp

SICK = 3
"""The node that is in trouble."""
EVERY = 20.0
"""Seconds from the beginning of a poll to that of the next."""
POLLS = 30
"""Ten minutes of them."""
PATIENCE = 15.0
"""Seconds that a status is waited for: our default, and the same for the poll by hand."""
WIDTH = 16
"""Calls in flight: our default, and the same by hand."""

Trouble = Callable[[PanelApp], None]
Listed = list[tuple[int, int]]
"""The id and the node of each VPS."""


def now() -> float:
    return virtual_loop().time()


def panel(workers: int, *, vpses: int = 96, nodes: int = 8, **traits: float) -> PanelApp:
    """Give a panel with so many PHP workers, whose calls take a real one's time."""
    return PanelApp(vpses=vpses, nodes=nodes, workers=workers, **{"cost": 0.04, "latency": 0.2, **traits})  # type: ignore[arg-type]


def hung(app: PanelApp, node: int = SICK) -> None:
    app.hang_node(node)


def unreachable(app: PanelApp) -> None:
    """Let the node be unreachable as on the running panel: after 8 s a 500 with an empty body."""
    app.unreachable_node(SICK, after=8.0)


def well(_: PanelApp) -> None:
    pass


@define
class Poll:
    """What came of one poll.

    Attributes:
        began: When.
        read: VPSes whose status was read, and after how many seconds.
        lost: VPSes whose status was not, and why not.
        elapsed: Seconds to its end.
    """

    began: float = field(factory=now)
    read: dict[int, float] = field(init=False, factory=dict[int, float])
    lost: dict[int, str] = field(init=False, factory=dict[int, str])
    elapsed: float = field(init=False, default=0.0)

    def note(self, vps_id: int, error: BaseException | None) -> None:
        if error is None:
            self.read[vps_id] = now() - self.began
        else:
            self.lost[vps_id] = f"{type(error).__name__}: {error}"

    def end(self) -> "Poll":
        self.elapsed = now() - self.began
        return self

    def seconds_for(self, vps_ids: frozenset[int]) -> float:
        """Give the seconds until these were read; infinite where some were not."""
        return max(self.read.get(vps_id, float("inf")) for vps_id in vps_ids)


Polling = Callable[[], Awaitable[Poll]]


def healthy(app: PanelApp, node: int = SICK) -> frozenset[int]:
    return frozenset(vps.id for vps in app.world if vps.node != node)


def sick(app: PanelApp) -> frozenset[int]:
    return frozenset(vps.id for vps in app.world if vps.node == SICK)


async def in_a_row(polling: Polling, polls: int = POLLS, every: float = EVERY) -> list[Poll]:
    """Poll every so many seconds; later, where the one before is not done by then."""
    done: list[Poll] = []
    began = now()
    for number in range(polls):
        await asyncio.sleep(max(0.0, began + number * every - now()))
        done.append(await polling())
    return done


async def poll(fleet: Fleet) -> Poll:
    """Poll with a session's fleet."""
    result = Poll()

    def take(progress: Progress) -> None:
        result.note(progress.latest.vps.id, progress.latest.error)

    await fleet.status(progress=take)
    return result.end()


@asynccontextmanager
async def by_session(app: PanelApp, limits: Limits | None = None) -> AsyncGenerator[tuple[CvmSession, Polling]]:
    """Give a session, with all its defaults, and polls of one fleet of it."""
    async with session_on(app, limits=limits) as session:
        fleet = await session.fleet()
        yield session, lambda: poll(fleet)


@asynccontextmanager
async def by_hand(app: PanelApp) -> AsyncGenerator[Polling]:
    """Give polls with a plain client and a semaphore. The cookie is dropped, so that only the node is what counts."""
    async with _requests_to(app) as client:
        listed = [(vps.id, vps.node) for vps in app.world]
        yield lambda: _poll_by_hand(client, listed)
    await app.aclose()


async def _poll_by_hand(client: httpx.AsyncClient, listed: Listed) -> Poll:
    result, places = Poll(), asyncio.Semaphore(WIDTH)

    async def read(vps_id: int) -> None:
        async with places:
            client.cookies.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    response = await client.get(f"/api/client/vps/{vps_id}/status")
                response.raise_for_status()
                result.note(vps_id, None)
            except (TimeoutError, httpx.HTTPStatusError) as error:
                result.note(vps_id, error)

    async with asyncio.TaskGroup() as group:
        for vps_id, _ in listed:
            group.create_task(read(vps_id))
    return result.end()


def _requests_to(app: PanelApp) -> httpx.AsyncClient:
    headers = {"API-Public-Token": app.public_token, "API-Private-Token": app.private_token}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://panel.example.net", headers=headers)


async def occupy(app: PanelApp, calls: int) -> None:
    """Ask about the sick node's VPSes as somebody else's script does, and leave without an answer."""
    async with _requests_to(app) as client:
        asked = sorted(sick(app)) * calls
        tasks = [asyncio.ensure_future(client.get(f"/api/client/vps/{vps_id}/status")) for vps_id in asked[:calls]]
        await app.wait_for(lambda: app.busy_workers(node=SICK) == min(calls, app.workers or calls))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
