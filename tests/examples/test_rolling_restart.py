"""The rolling restart runs as it stands."""

import runpy
from pathlib import Path

import pytest

from cvm_async import CvmSession, FleetReport, VpsStatus
from cvm_async.panel import SimulatedPanel

EXAMPLES = Path(__file__).parents[2] / "examples"


async def test_the_rolling_restart_restarts_each_running_vps_once(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(EXAMPLES / "rolling_restart.py"))
    async with (
        SimulatedPanel(vpses=20, nodes=4) as panel,
        CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token) as session,
    ):
        report: FleetReport[VpsStatus | None] = await example["rolling_restart"](session)
        running = [outcome.vps.id for outcome in report]
    assert report.failed == ()
    assert sorted(panel.actions) == [(vps_id, "restart") for vps_id in sorted(running)]
    assert f"[{len(running)}/{len(running)}]" in capsys.readouterr().out


async def test_the_rolling_restart_needs_no_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CVM_URL", raising=False)
    example = runpy.run_path(str(EXAMPLES / "rolling_restart.py"))
    await example["main"]()
    assert " running in " in capsys.readouterr().out.splitlines()[-1]
