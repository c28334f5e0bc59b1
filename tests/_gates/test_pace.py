"""The pace on models of what limits rates, and through a whole session on a panel behind such a limit."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from attrs import define, field
from virtual_time import virtual

from cvm_async import CvmSession, Limits
from cvm_async.panel import PanelApp

ALLOWED = 20.0
"""Calls a second that the limits of these tests let through."""


@define
class LimitReq(httpx.AsyncBaseTransport):
    """Nginx's `limit_req` in front of a panel: a leaky bucket off which a refused request takes nothing.

    Attributes:
        panel: What is behind it.
        burst: Requests that may come at once besides.
        answer: The status that it refuses with.
        headers: And the headers.
    """

    panel: httpx.ASGITransport
    burst: int
    answer: int
    headers: Mapping[str, str]
    refused: int = field(init=False, default=0)
    _excess: float = field(init=False, default=0.0)
    _last: float = field(init=False, default=-1e9)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now = asyncio.get_running_loop().time()
        excess = max(0.0, self._excess - (now - self._last) * ALLOWED) + 1
        # The first one of an idle bucket is not in excess; a hair is float's.
        if excess > self.burst + 1 + 1e-6:
            self.refused += 1
            return httpx.Response(self.answer, html="<h1>slow down</h1>", headers=dict(self.headers))
        self._excess, self._last = excess, now
        return await self.panel.handle_async_request(request)


REFUSALS = [
    pytest.param(429, {}, id="429"),
    pytest.param(503, {}, id="503 of nginx"),
    pytest.param(429, {"Retry-After": "1"}, id="429 that asks to wait a second"),
    pytest.param(503, {"Retry-After": "1"}, id="503 that asks to wait a second"),
]


async def polled(vpses: int, limit: LimitReq, app: PanelApp, limits: Limits) -> float:
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
    vpses = 400 if headers else 80
    app = PanelApp(vpses=vpses, nodes=8, latency=0.05)
    rate = await polled(vpses, LimitReq(httpx.ASGITransport(app), burst, answer, headers), app, limits)
    assert rate >= 0.8 * ALLOWED
