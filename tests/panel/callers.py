"""Callers for the panel's tests, by httpx and never by our own client: the panel is to be its witness."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import httpx

from cvm_async.panel import PanelApp, SimulatedPanel

T = TypeVar("T")


def tokens(panel: PanelApp) -> dict[str, str]:
    return {"API-Public-Token": panel.public_token, "API-Private-Token": panel.private_token}


def without_socket(app: PanelApp, *, base: str = "http://panel.example.net") -> httpx.AsyncClient:
    """Give a client that calls the application in the same event loop, and keeps no cookies."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{base}/api/client/vps/")
    client.headers.update(tokens(app))
    client.event_hooks["request"].append(_without_cookie)
    return client


def over_socket(panel: SimulatedPanel) -> httpx.AsyncClient:
    # It waits as long as it takes: a busy machine is no fault of the panel's.
    client = httpx.AsyncClient(base_url=f"{panel.url}/api/client/vps/", trust_env=False, timeout=None)  # noqa: S113
    client.headers.update(tokens(panel))
    return client


async def _without_cookie(request: httpx.Request) -> None:
    if "explicit-cookie" not in request.headers:
        request.headers.pop("cookie", None)


def errors(response: httpx.Response) -> list[str]:
    return cast("list[str]", response.json()["errors"])


async def gathered(*calls: Coroutine[Any, Any, T]) -> list[T]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


async def get(app: PanelApp, *paths: str) -> list[httpx.Response]:
    """Call all at once."""
    async with without_socket(app) as client:
        return await gathered(*(client.get(path) for path in paths))


async def post(app: PanelApp, path: str, form: dict[str, str] | None = None) -> httpx.Response:
    async with without_socket(app) as client:
        return await client.post(path, data=form)


async def turns(number: int = 30) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
