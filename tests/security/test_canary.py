"""Tokens that no other text has are looked for in all that comes out of a program that uses them: they are nowhere."""

import json
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from assistants import assistant
from panels import session_on
from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from cvm_async import CvmError, CvmSession, FleetError, Limits, Retry, Timeouts
from cvm_async.cli import main
from cvm_async.exporter import FleetCollector
from cvm_async.panel import Answer, Cut, Fault, PanelApp, Reset, SimulatedPanel, redirect
from cvm_async.runs.store import RunStore

PUBLIC, PRIVATE = "canary-public-3f9a1c77", "canary-private-b84e02d5"
ECHO = f"<pre>API-Private-Token: {PRIVATE} {PUBLIC}</pre>".encode()

FAULTS: dict[str, Fault | None] = {
    "none": None,
    "a page that echoes them": Answer(body=ECHO),
    "a refusal that echoes them": Answer(status=401, body=json.dumps({"errors": [f"{PRIVATE} is wrong"]}).encode()),
    "an error that echoes them": Answer(status=500, body=json.dumps({"errors": [PUBLIC, PRIVATE]}).encode()),
    "headers that echo them": Answer(status=502, headers={"x-token": PRIVATE, "location": f"/{PRIVATE}"}),
    "a redirect that holds them": redirect(f"https://evil.example/?token={PRIVATE}"),
    "a connection that is cut": Cut(),
    "a connection that is reset": Reset(),
}


@pytest.fixture(autouse=True)
def every_log(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "cvm_async", "httpx", "httpcore", "mcp", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name or None)


@pytest.fixture
async def panel() -> AsyncIterator[SimulatedPanel]:
    async with SimulatedPanel(vpses=2, public_token=PUBLIC, private_token=PRIVATE) as panel:
        yield panel


def session_with(panel: SimulatedPanel, client: httpx.AsyncClient | None = None) -> CvmSession:
    return CvmSession(
        panel.url,
        public_token=PUBLIC,
        private_token=PRIVATE,
        client=client,
        retry=Retry(attempts=1),
        limits=Limits(max_concurrency=4),
        timeouts=Timeouts(read=30.0),
    )


def shown(error: BaseException) -> Iterator[str]:
    """Give all ways in which an error is written down."""
    # The frames from here on are ours: that of the test holds what it was given.
    trace = error.__traceback__
    if trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.TracebackException(type(error), error, trace, capture_locals=True)
    yield f"{error} {error!r} {vars(error)}"
    yield "".join(lines.format(chain=False))
    if isinstance(error, CvmError):
        yield repr(pickle.dumps(error))
        yield error.user_message
    for link in (error.__cause__, error.__context__):
        if link is not None:
            yield from shown(link)


def assert_nowhere(*texts: object) -> None:
    for text in map(str, texts):
        assert PUBLIC not in text
        assert PRIVATE not in text


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("own", [True, False], ids=["the session's client", "a client of httpx's"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_nothing_of_a_session_shows_them_whatever_the_panel_does(
    panel: SimulatedPanel,
    fault: Fault | None,
    own: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
) -> None:
    if fault is not None:
        panel.inject(fault, times=None)
    async with httpx.AsyncClient() as client, session_with(panel, None if own else client) as session:
        calls: list[Callable[[], Any]] = [
            session.list_vpses,
            lambda: session.status(1),
            lambda: session.restart(1),
            session.fleet,
        ]
        for call in calls:
            try:
                assert_nowhere(repr(await call()))
            except CvmError as error:
                assert_nowhere(*shown(error))
        assert_nowhere(repr(session), session.node_states())
    # Beyond our reach: httpcore, which is no part of ours, logs the headers of answers, and here the panel echoes.
    ours = [each for each in caplog.records if not (each.name == "httpcore.http11" and "response_headers" in each.msg)]
    assert_nowhere(*(f"{record.getMessage()} {vars(record)}" for record in ours))


async def test_nothing_of_a_report_shows_them(panel: SimulatedPanel, tmp_path: Path) -> None:
    async with session_with(panel) as session:
        fleet = await session.fleet()
        panel.inject(Answer(body=ECHO), times=None)
        report = await fleet.restart(journal=RunStore(tmp_path).new())
        assert_nowhere(report, repr(report), json.dumps(report.to_dict()), pickle.dumps(report))
        with pytest.raises(FleetError) as failed:
            report.raise_for_failures()
        assert_nowhere(*shown(failed.value))
    assert_nowhere(*(path.read_bytes() for path in files(tmp_path)))


async def test_no_metric_shows_them(panel: SimulatedPanel) -> None:
    registry = CollectorRegistry()
    async with session_with(panel) as session:
        collector = FleetCollector(session)
        registry.register(collector)
        panel.inject(Answer(status=500, body=ECHO), times=None)
        with pytest.raises(CvmError):
            await session.fleet()
        assert_nowhere(generate_latest(registry))


async def test_no_tool_tells_an_assistant_of_them(caplog: pytest.LogCaptureFixture) -> None:
    app = PanelApp(vpses=2, public_token=PUBLIC, private_token=PRIVATE)
    async with session_on(app, name="work") as session, assistant(session) as here:
        for fault in FAULTS.values():
            if isinstance(fault, Answer):
                app.inject(fault, times=None)
            for tool in ("list_vpses", "vps_status", "fleet_summary", "changes_since"):
                assert_nowhere((await here.call(tool)).model_dump_json())
            assert_nowhere((await here.call("plan_power", action="stop", all=True)).model_dump_json())
            app.clear_faults()
    assert_nowhere(caplog.text)


COMMANDS = (
    "list",
    "status --json",
    "status -o yaml --verbose",
    "describe 1",
    "restart 1 2 --yes --verbose",
    "stop 1 --dry-run",
)


@pytest.mark.parametrize("name", ["none", "a page that echoes them", "a refusal that echoes them"])
def test_no_command_prints_them(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for folder in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(folder, str(tmp_path))
    monkeypatch.delenv("CVM_PROFILE", raising=False)
    with SimulatedPanel(vpses=2, public_token=PUBLIC, private_token=PRIVATE) as panel:
        fault = FAULTS[name]
        if fault is not None:
            panel.inject(fault, times=None)
        monkeypatch.setenv("CVM_URL", panel.url)
        monkeypatch.setenv("CVM_PUBLIC_TOKEN", PUBLIC)
        monkeypatch.setenv("CVM_PRIVATE_TOKEN", PRIVATE)
        for command in COMMANDS:
            main([*command.split(), "--retries", "0"])
    printed = capsys.readouterr()
    assert_nowhere(printed.out, printed.err)
    assert_nowhere(*(path.read_bytes() for path in files(tmp_path)))
