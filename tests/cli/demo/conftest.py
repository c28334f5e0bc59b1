"""Simulated panels without sockets, for a demonstration that takes no time and comes out alike on any machine."""

import asyncio

import httpx
import pytest

from cvm_async.panel import SimulatedPanel


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever calls a simulated panel, by httpx or by ours, reach it without a network."""
    served: list[SimulatedPanel] = []

    async def serve(panel: SimulatedPanel) -> SimulatedPanel:
        served.append(panel)
        return panel

    async def end(panel: SimulatedPanel, *_: object) -> None:
        await panel.aclose()

    def url(panel: SimulatedPanel) -> str:
        return f"https://panel-{served.index(panel)}.example.net"

    async def answer(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        called = next(panel for panel in served if httpx.URL(panel.url).host == request.url.host)
        try:
            # What a network does for a timeout.
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                return await httpx.ASGITransport(called).handle_async_request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=request) from error

    monkeypatch.setattr(SimulatedPanel, "__aenter__", serve)
    monkeypatch.setattr(SimulatedPanel, "__aexit__", end)
    monkeypatch.setattr(SimulatedPanel, "url", property(url))
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
