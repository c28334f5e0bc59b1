"""What the page on clusters has a reader do by hand is done as it stands: a Postgres, two workers and a run."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from pages import TOP, blocks

from cluster.makes import keep_profiles
from cluster.servers import missing, programs, unprivileged
from cvm_async.panel import Power, SimulatedPanel

PAGE = TOP / "docs" / "how-to" / "cluster.md"
PYTHON = f'exec "{sys.executable}"'

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def commands_of(folder: Path) -> Path:
    """Give a folder with the commands that the page takes, of this checkout; Postgres refuses to be root."""
    found = programs()
    assert found is not None
    as_other = "runuser -u postgres -- " if unprivileged() is not None else ""
    texts = {
        "python": f'{PYTHON} "$@"',
        "cvm-async": f'{PYTHON} -m cvm_async "$@"',
        "initdb": f'exec {as_other}{found}/initdb --no-sync "$@"',
        "pg_ctl": f'exec {as_other}{found}/pg_ctl "$@"',
    }
    (folder / "bin").mkdir()
    for name, text in texts.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    return folder / "bin"


async def test_the_page_can_be_done_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cvm-hand-"))
    if (user := unprivileged()) is not None:
        os.chown(folder, user, -1)
    [script] = [block.text for block in blocks(PAGE) if block.language == "bash"]
    for block in blocks(PAGE):
        if block.title:
            (folder / block.title).write_text(block.text)
    monkeypatch.setenv("PATH", f"{commands_of(folder)}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    async with SimulatedPanel(vpses=6, nodes=2) as one, SimulatedPanel(vpses=4, nodes=2) as two:
        for panel, vpses in ((one, 6), (two, 4)):
            for vps in range(1, vpses + 1):
                panel.set_power(vps, Power.RUNNING)
        keep_profiles(folder, {"acme-1": one, "acme-2": two}, region="eu")
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-c", script),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out = (await shell.communicate())[0].decode()
        acted = sorted(one.actions), sorted(two.actions)
    shutil.rmtree(folder)
    assert "10 of 10" in out, out
    assert acted == ([(vps, "restart") for vps in range(1, 7)], [(vps, "restart") for vps in range(1, 5)])
