"""The script for cron, run after run on the simulated panel."""

import stat
from collections.abc import Callable, Coroutine
from pathlib import Path

import changes_by_mail
import pytest
from panels import session_on
from virtual_time import run_virtual

from cvm_async import CvmSession
from cvm_async.panel import PanelApp, faults
from examples.fleets import panel


async def main(app: PanelApp, path: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        async with session_on(app) as session:
            patch.setattr(changes_by_mail, "opened", given(session))
            return await changes_by_mail.main(path)


def given(session: CvmSession) -> Callable[[], Coroutine[object, object, CvmSession]]:
    async def opened() -> CvmSession:
        return session

    return opened


def run(path: Path, app: PanelApp) -> int:
    return run_virtual(main(app, path))


def changed(**states: str) -> PanelApp:
    """Give the panel as it is when the script runs another time."""
    app = panel()
    for name, state in states.items():
        app.set_power(int(name.removeprefix("vps")), state)
    return app


def test_the_first_run_tells_what_there_is_and_the_others_what_has_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "snapshot"
    printed: list[str] = []
    for app in (changed(), changed(), changed(vps1="stopped"), changed(vps1="stopped")):
        assert run(path, app) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0].startswith("5 VPSes at ")
    assert printed[1:] == ["", "web1.example.net (1) on node 1: running -> stopped\n", ""]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_node_that_is_lost_is_told_once_and_so_is_its_return(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "snapshot"
    lost = panel()
    lost.unreachable_node(1, after=0.0, answer="503")
    printed: list[list[str]] = []
    for app in (panel(), lost, panel()):
        assert run(path, app) == 0
        printed.append(capsys.readouterr().out.splitlines())
    assert [len(lines) for lines in printed[1:]] == [1, 1]
    assert "unreachable, with 5 VPSes" in printed[1][0]
    assert "back, with 5 VPSes" in printed[2][0]


def test_a_run_that_cannot_ask_the_panel_fails_and_forgets_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "snapshot"
    run(path, panel())
    kept = path.read_bytes()
    refusing = panel()
    refusing.inject(faults.Answer(status=401, body=b'{"errors": ["no"]}'), times=None)
    capsys.readouterr()
    assert run(path, refusing) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("the fleet cannot be looked at: ")
    assert path.read_bytes() == kept


def test_what_another_version_has_kept_is_a_first_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "snapshot"
    path.write_bytes(b"no pickle")
    assert run(path, panel()) == 0
    assert capsys.readouterr().out.startswith("5 VPSes at ")


@pytest.mark.parametrize("url", ["https://panel.example.net", None])
async def test_the_panel_comes_from_the_environment_or_from_a_profile(
    url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_on(panel()) as session:
        monkeypatch.delenv("CVM_URL", raising=False)
        if url is not None:
            monkeypatch.setenv("CVM_URL", url)
        way, other = ("from_profile", "from_env") if url is None else ("from_env", "from_profile")
        monkeypatch.setattr(CvmSession, way, lambda: session)
        monkeypatch.setattr(CvmSession, other, None)
        assert await changes_by_mail.opened() is session
