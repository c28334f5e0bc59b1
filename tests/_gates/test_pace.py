"""The pace on models of what limits rates, and through a whole session on a panel behind such a limit."""

import asyncio
import copy
import itertools
import math
from collections.abc import Mapping
from typing import Protocol

import httpx
import pytest
from attrs import define, field
from virtual_time import virtual

from cvm_async import CvmSession, Limits
from cvm_async._gates.pace import Pace
from cvm_async.panel import PanelApp

ALLOWED = 20.0
"""Calls a second that the limits of these tests let through."""


HAIR = 1e-6
"""What floats may be wrong by."""


class Limiter(Protocol):
    """What lets requests through, or not."""

    def admits(self, now: float) -> bool:
        """Tell whether one that comes now goes through."""
        ...


@define
class LimitReq:
    """Nginx's `limit_req`: a leaky bucket off which a refused request takes nothing; a burst may come at once."""

    rate: float
    burst: float
    _excess: float = field(init=False, default=0.0)
    _last: float = field(init=False, default=-1e9)

    def admits(self, now: float) -> bool:
        excess = max(0.0, self._excess - (now - self._last) * self.rate) + 1
        # The first one of an idle bucket is not in excess.
        if excess > self.burst + 1 + HAIR:
            return False
        self._excess, self._last = excess, now
        return True


@define
class Window:
    """A limit of so many in each window of so many seconds, which begins by the clock."""

    number: int
    seconds: float
    _begun: int = field(init=False, default=-1)
    _taken: int = field(init=False, default=0)

    def admits(self, now: float) -> bool:
        window = math.floor((now + HAIR) / self.seconds)
        if window != self._begun:
            self._begun, self._taken = window, 0
        self._taken += 1
        return self._taken <= self.number


@define
class SlidingWindow:
    """A limit of so many in any so many seconds."""

    number: int
    seconds: float
    _taken: list[float] = field(init=False, factory=list[float])

    def admits(self, now: float) -> bool:
        self._taken = [then for then in self._taken if then > now - self.seconds + HAIR]
        if len(self._taken) >= self.number:
            return False
        self._taken.append(now)
        return True


@define
class Front(httpx.AsyncBaseTransport):
    """A proxy with a limit in front of a panel.

    Attributes:
        panel: What is behind it.
        limiter: Lets requests through.
        answer: The status that it refuses with.
        headers: And the headers.
        refused: How many it has refused.
    """

    panel: httpx.ASGITransport
    limiter: Limiter
    answer: int
    headers: Mapping[str, str]
    refused: int = field(init=False, default=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.limiter.admits(asyncio.get_running_loop().time()):
            return await self.panel.handle_async_request(request)
        self.refused += 1
        return httpx.Response(self.answer, html="<h1>slow down</h1>", headers=dict(self.headers))


REFUSALS = [
    pytest.param(429, {}, id="429"),
    pytest.param(503, {}, id="503 of nginx"),
    pytest.param(429, {"Retry-After": "1"}, id="429 that asks to wait a second"),
    pytest.param(503, {"Retry-After": "1"}, id="503 that asks to wait a second"),
]


async def polled(vpses: int, limit: Front, app: PanelApp, limits: Limits) -> float:
    """Give the rate at which a whole fleet was read, every VPS of it."""
    async with httpx.AsyncClient(transport=limit) as client:
        session = CvmSession(
            "https://panel.example.net",
            public_token=app.public_token,
            private_token=app.private_token,
            client=client,
            limits=limits,
        )
        async with session:
            fleet = await session.fleet()
            report = await fleet.status()
    await app.aclose()
    assert len(report.ok) == vpses, report.failed[:3]
    return vpses / report.elapsed


@pytest.mark.parametrize(
    "limits", [pytest.param(Limits(), id="fixed"), pytest.param(Limits(max_concurrency="adaptive"), id="adaptive")]
)
@pytest.mark.parametrize("burst", [0, 20])
@pytest.mark.parametrize(("answer", "headers"), REFUSALS)
@virtual
async def test_behind_a_limit_on_the_rate_a_whole_fleet_is_read_at_four_fifths_of_it(
    answer: int, headers: dict[str, str], burst: int, limits: Limits
) -> None:
    app = PanelApp(vpses=80, nodes=8, latency=0.05)
    front = Front(httpx.ASGITransport(app), LimitReq(ALLOWED, burst), answer, headers)
    assert await polled(80, front, app, limits) >= 0.8 * ALLOWED
    # What is asked in vain is little.
    assert front.refused < 80


RATES = [
    pytest.param(LimitReq(1, 0), 1, id="1/s"),
    pytest.param(LimitReq(5, 0), 5, id="5/s"),
    pytest.param(LimitReq(5, 5), 5, id="5/s, burst"),
    pytest.param(LimitReq(10, 0), 10, id="10/s"),
    pytest.param(LimitReq(10, 10), 10, id="10/s, burst"),
    pytest.param(LimitReq(50, 0), 50, id="50/s"),
    pytest.param(LimitReq(50, 50), 50, id="50/s, burst"),
    pytest.param(Window(10, 1.0), 10, id="10 in each second"),
    pytest.param(Window(20, 1.0), 20, id="20 in each second"),
    pytest.param(Window(60, 60.0), 1, id="60 in each minute"),
    pytest.param(SlidingWindow(10, 1.0), 10, id="10 in any second"),
    pytest.param(SlidingWindow(20, 1.0), 20, id="20 in any second"),
]


@pytest.mark.parametrize("vpses", [80, 200, 400])
@pytest.mark.parametrize(("limiter", "allowed"), RATES)
@virtual
async def test_so_it_is_whatever_the_limit(limiter: Limiter, allowed: float, vpses: int) -> None:
    app = PanelApp(vpses=vpses, nodes=8, latency=0.05)
    front = Front(httpx.ASGITransport(app), copy.deepcopy(limiter), 429, {})
    assert await polled(vpses, front, app, Limits()) >= 0.8 * allowed


@pytest.mark.parametrize("latency", [0.0, 0.2, 0.9])
@virtual
async def test_answers_that_come_late_do_not_lead_astray(latency: float) -> None:
    app = PanelApp(vpses=80, nodes=8, latency=latency)
    front = Front(httpx.ASGITransport(app), LimitReq(5, 0), 429, {})
    assert await polled(80, front, app, Limits()) >= 0.8 * 5


@virtual
async def test_who_asks_for_a_pause_gets_it_from_the_whole_session_and_the_rest_of_a_window_is_used() -> None:
    app = PanelApp(vpses=80, nodes=8, latency=0.05)
    front = Front(httpx.ASGITransport(app), Window(60, 60.0), 429, {"Retry-After": "30"})
    assert await polled(80, front, app, Limits()) >= 1.0
    # Those that were under way with the first one, and what was asked once after 30 seconds.
    assert front.refused < 20


@virtual
async def test_a_pause_as_short_as_can_be_told_is_kept_by_the_call_that_was_refused() -> None:
    app = PanelApp(vpses=1, nodes=1)
    front = Front(httpx.ASGITransport(app), LimitReq(1.0, 1), 429, {"Retry-After": "1"})
    async with httpx.AsyncClient(transport=front) as client:
        session = CvmSession(
            "https://panel.example.net", public_token=app.public_token, private_token=app.private_token, client=client
        )
        async with session:
            loop = asyncio.get_running_loop()
            await session.list_vpses()
            await session.list_vpses()
            began = loop.time()
            await session.status(1)
            assert loop.time() - began >= 1.0
    await app.aclose()
    assert front.refused == 1


def test_where_more_is_allowed_again_it_goes_faster_and_after_a_vain_try_it_waits_longer_for_the_next() -> None:
    pace, tries, now, limiter = Pace(), list[float](), 0.0, LimitReq(20.0, 0)
    pace.refused(0.0, 0.0, None)
    for _ in range(2000):
        now = max(now, pace.next_start)
        pace.started(now)
        if limiter.admits(now):
            pace.accepted(now, now)
        else:
            pace.refused(now, now, None)
            tries.append(now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries[-4:])]
    assert pauses == sorted(pauses)
    limiter.rate = 100.0
    for _ in range(2000):
        now = max(now, pace.next_start)
        pace.started(now)
        pace.accepted(now, now)
    assert pace.rate > 90.0


@virtual
async def test_what_passes_between_two_polls_says_nothing_of_a_window() -> None:
    app = PanelApp(vpses=80, nodes=8, latency=0.05)
    front = Front(httpx.ASGITransport(app), Window(20, 1.0), 429, {})
    async with httpx.AsyncClient(transport=front) as client:
        session = CvmSession(
            "https://panel.example.net", public_token=app.public_token, private_token=app.private_token, client=client
        )
        async with session:
            fleet = await session.fleet()
            for _ in range(5):
                report = await fleet.status()
                assert len(report.ok) / report.elapsed >= 0.8 * ALLOWED
                await asyncio.sleep(60.0)
    await app.aclose()
