"""What the README and the pages of docs/ show is run: every Python block, on the simulated panel, in its order."""

import ast
import inspect
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from cvm_async import (
    CvmSession,
    Fleet,
    FleetReport,
    Outcome,
    PowerState,
    Problem,
    SplitTraffic,
    Vps,
    VpsStatus,
)
from cvm_async.panel import SimulatedPanel

README = Path(__file__).parent.parent / "README.md"
PAGES = (README, *sorted((README.parent / "docs").glob("*.md")))
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
]


def title(block: str) -> str:
    """Give the block's last function, or what it begins with."""
    names = re.findall(r"def (\w+)", block)
    return names[-1] if names else block.split("\n", 1)[0]


@pytest.mark.parametrize("block", BLOCKS, ids=title)
async def test_a_block_of_the_readme_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where runs are kept: not among the user's own.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    tree = ast.parse(block)
    # The first block ends in asyncio.run, which a running loop refuses: its `main` is awaited like the others instead.
    tree.body = [node for node in tree.body if "asyncio.run" not in ast.unparse(node)]
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(tree, str(README), "exec"), names)  # noqa: S102 - running it is the point
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.args.args:
            cast("Callable[[], None]", names[node.name])()
        if isinstance(node, ast.AsyncFunctionDef):
            await call(cast("Callable[..., Awaitable[None]]", names[node.name]))


async def call(function: Callable[..., Awaitable[None]]) -> None:
    """Call a function of the README with what the names of its parameters ask for."""
    async with (
        SimulatedPanel(vpses=40, nodes=4) as panel,
        SimulatedPanel(vpses=20, nodes=2) as second,
        session_on(panel) as session,
        session_on(second) as other,
    ):
        fleet: Fleet = await session.fleet()
        given = {
            "url": panel.url,
            "public": panel.public_token,
            "private": panel.private_token,
            "session": session,
            "other": other,
            "fleet": fleet,
            "cvm_panel": panel,
        }
        await function(**{name: given[name] for name in inspect.signature(function).parameters})


def session_on(panel: SimulatedPanel) -> CvmSession:
    return CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token)


def test_the_readme_has_blocks_to_run() -> None:
    assert len(BLOCKS) >= 5


def test_the_two_commands_stand_where_the_checks_look_for_them() -> None:
    text = README.read_text(encoding="utf-8")
    assert re.search(r"<!-- demo -->\n```sh\n.*cvm-async demo\n```", text)
    assert re.search(r"<!-- checks -->\n```sh\n.*nox\n```", text)


def test_a_report_as_json_is_what_it_is_said_to_be() -> None:
    (block,) = re.findall(
        r"^<!-- a report -->\n```json\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    status = VpsStatus(
        state=PowerState.RUNNING,
        state_text="running",
        ram_used=402_653_184,
        traffic=SplitTraffic(912_727_849, 16_923_948),
        extra={"uptime": 86_400},
        problems=(Problem("response.disk_used", '"N/A"', "a whole number"),),
    )
    vps = Vps(
        id=17,
        hostname="web-017.example.net",
        node=3,
        virtualization_type=1,
        guaranteed_ram=512,
        disk_space=10_240,
        cpu_count=1,
    )
    report = FleetReport("status", (Outcome(vps, "panel.example.net", status, elapsed=0.042),), 0.058)
    assert json.loads(block) == report.to_dict()


FIGURES = re.findall(r"<!-- from (\S+) -->\n((?:\|.*\n)+)", README.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("report", "table"), FIGURES)
def test_the_figures_are_those_of_a_published_run(report: str, table: str) -> None:
    published = (README.parent / report).read_text(encoding="utf-8").splitlines()
    assert set(table.splitlines()) <= set(published)
