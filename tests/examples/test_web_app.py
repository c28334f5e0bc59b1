"""The web service on the simulated panel: FastAPI whole, asked by httpx without a socket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
from panels import session_on
from virtual_time import virtual, virtual_loop

from cvm_async import CvmSession
from cvm_async.panel import PanelApp, faults
from examples.fleets import SLOW, panel

pytest.importorskip("fastapi", reason="the frameworks are installed for the newest Python alone")

import web_app

KEY = {"Authorization": "Bearer k3y"}


@asynccontextmanager
async def served(app: PanelApp, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[httpx.AsyncClient]:
    """Give a client of the web service, which runs on a session with that panel."""
    monkeypatch.setenv("API_KEY", "k3y")
    async with session_on(app) as session:
        monkeypatch.setattr(CvmSession, "from_env", lambda: session)
        transport = httpx.ASGITransport(web_app.app, raise_app_exceptions=False)
        async with (
            web_app.lifespan(web_app.app),
            httpx.AsyncClient(transport=transport, base_url="http://fleet") as client,
        ):
            yield client


@virtual
async def test_the_fleet_and_a_vps_are_given_by_name() -> None:
    with pytest.MonkeyPatch.context() as patch:
        async with served(panel(), patch) as client:
            fleet = (await client.get("/fleet")).json()
            vps = (await client.get("/vps/web1")).json()
    assert (fleet["verb"], fleet["ok"]) == ("status", 5)
    assert (vps["vps"]["id"], vps["status"]["state"], vps["job"]) == (1, "running", None)


@virtual
async def test_a_restart_that_takes_long_is_accepted_and_its_job_found_again() -> None:
    app = panel()
    with pytest.MonkeyPatch.context() as patch:
        async with served(app, patch) as client:
            for _ in range(2):
                restarted = await client.post("/vps/web1/restart", headers=KEY)
                assert restarted.status_code == 202
                assert (restarted.json()["verb"], restarted.json()["state"]) == ("restart", "sent")
            assert virtual_loop().time() == 2 * web_app.PATIENCE
            assert (await client.get("/vps/web1")).json()["job"]["state"] == "sent"
            await asyncio.sleep(SLOW)
            assert (await client.get("/vps/web1")).json()["job"] is None
    assert app.actions == [(1, "restart")]


@virtual
async def test_a_restart_that_is_quick_is_done() -> None:
    app = PanelApp(vpses=2, nodes=1, boot_time=0.0, shutdown_time=0.0)
    with pytest.MonkeyPatch.context() as patch:
        async with served(app, patch) as client:
            restarted = await client.post("/vps/1/restart", headers=KEY)
    assert (restarted.status_code, restarted.json()["state"]) == (200, "done")
    assert app.actions == [(1, "restart")]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
@virtual
async def test_who_has_no_key_does_nothing(headers: dict[str, str]) -> None:
    app = panel()
    with pytest.MonkeyPatch.context() as patch:
        async with served(app, patch) as client:
            assert (await client.post("/vps/web1/restart", headers=headers)).status_code in {401, 403}
    assert app.requests == []


@pytest.mark.parametrize(
    ("name", "fault", "status_code", "kind"),
    [
        ("wbe1", None, 404, "vps_not_found"),
        ("db1", None, 409, "ambiguous_name"),
        ("%20", None, 400, "configuration"),
        ("web1", faults.Answer(status=401, body=b'{"errors": ["https://panel.example.net"]}'), 502, "authentication"),
    ],
)
@virtual
async def test_an_error_is_answered_with_its_kind_and_what_a_user_may_know(
    name: str, fault: faults.Answer | None, status_code: int, kind: str
) -> None:
    app = panel()
    if fault is not None:
        app.inject(fault, times=None)
    with pytest.MonkeyPatch.context() as patch:
        async with served(app, patch) as client:
            answer = await client.get(f"/vps/{name}")
    assert (answer.status_code, answer.json()["error"]) == (status_code, kind)
    assert "panel.example.net" not in answer.text
