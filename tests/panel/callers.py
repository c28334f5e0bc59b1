"""Callers for the panel's tests, by httpx and never by our own client: the panel is to be its witness."""

import httpx

from cvm_async.panel import PanelApp, SimulatedPanel


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
