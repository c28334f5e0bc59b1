"""What the README and the pages of docs/ show is run: every Python block, on the simulated panel, in its order."""

import ast
import inspect
import json
import re
import shlex
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
from cvm_async._profiles.file import DEFAULT, read_profiles
from cvm_async._profiles.place import profiles_path
from cvm_async._profiles.profile import KEYS, profile_of
from cvm_async.cli.app import app
from cvm_async.panel import SimulatedPanel

README = Path(__file__).parent.parent / "README.md"
PAGES = (README, *sorted((README.parent / "docs").rglob("*.md")))
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
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for variable in ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN", "CVM_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    tree = ast.parse(block)
    # The first block ends in asyncio.run, which a running loop refuses: its `main` is awaited like the others instead.
    tree.body = [node for node in tree.body if "asyncio.run" not in ast.unparse(node)]
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(tree, str(README), "exec"), names)  # noqa: S102 - running it is the point
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.args.args:
            cast("Callable[[], None]", names[node.name])()
        if isinstance(node, ast.AsyncFunctionDef):
            await call(cast("Callable[..., Awaitable[None]]", names[node.name]), tmp_path)


async def call(function: Callable[..., Awaitable[None]], folder: Path) -> None:
    """Call a function of the README with what the names of its parameters ask for."""
    async with (
        SimulatedPanel(vpses=40, nodes=4) as panel,
        SimulatedPanel(vpses=20, nodes=2) as second,
        session_on(panel) as session,
        session_on(second) as other,
    ):
        write_profiles(profiles_path(str(folder)), work=panel, home=second)
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


def write_profiles(path: Path, **panels: SimulatedPanel) -> None:
    tables = [
        f'[{name}]\nurl = "{panel.url}"\n'
        f'public_token = "{panel.public_token}"\nprivate_token = "{panel.private_token}"\n'
        for name, panel in panels.items()
    ]
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f'default_profile = "{next(iter(panels))}"\n{"".join(tables)}')


def session_on(panel: SimulatedPanel) -> CvmSession:
    return CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token)


def test_the_readme_has_blocks_to_run() -> None:
    assert len(BLOCKS) >= 5


def test_the_two_commands_stand_where_the_checks_look_for_them() -> None:
    text = README.read_text(encoding="utf-8")
    assert re.search(r"<!-- demo -->\n```sh\n.*cvm-async demo\n```", text)
    assert re.search(r"<!-- checks -->\n```sh\n.*nox\n```", text)


COMMANDS = [
    line.partition("#")[0].strip()
    for page in PAGES[1:]
    for block in re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.startswith("cvm-async ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_page_is_one(command: str) -> None:
    app.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)


PROFILES = [
    block
    for page in PAGES
    for block in re.findall(
        r"^<!-- profiles -->\n```toml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
]


@pytest.mark.parametrize("block", PROFILES)
def test_the_profiles_of_a_page_can_be_used(tmp_path: Path, block: str) -> None:
    path = tmp_path / "profiles.toml"
    path.touch(mode=0o600)
    path.write_text(block)
    file = read_profiles(path)
    assert [profile_of(file, name).url for name in file.every()]


def test_every_key_of_a_profile_is_told_of() -> None:
    text = (README.parent / "docs" / "reference" / "configuration.md").read_text("utf-8")
    rows = "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", rows)) == sorted([DEFAULT, *KEYS])


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
