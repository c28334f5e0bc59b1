"""Plays a page of the documentation: what it shows is done, block by block, on simulated panels, as its reader would.

- `python`: run; its functions are called with what the names of their parameters ask for. With a title it is a file
  that a later block runs.
- `console`: the lines behind `$` are run, and print what stands below them; `…` stands for anything.
- `sh`: what cannot be run here, as it installs or asks a person: each line must be one that could be.
- `json`, `toml`, `yaml`: read.
- `bash`: a script with servers of its own, which has a test of its own.
"""

import ast
import asyncio
import inspect
import io
import json
import re
import runpy
import shlex
import tomllib
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import yaml

from cvm_async import CvmSession
from cvm_async._profiles.place import profiles_path
from cvm_async.cli import main
from cvm_async.cli.app import app
from cvm_async.panel import SimulatedPanel

TOP = Path(__file__).parent.parent
README = TOP / "README.md"
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
PAGES = (README, *sorted((TOP / "docs").rglob("*.md")))
_BLOCK = re.compile(r"^```(\w*)(?: title=\"([\w.]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXTRAS = re.compile(r"(?:cvm_async|\.)\[([\w,]+)\]")
_PANEL = re.compile(r"<!-- a panel of (\d+) VPSes on (\d+) nodes -->")
_TIME = re.compile(r"\d+(\.\d)? s\b")
_GAPS = re.compile(r"[ ─]+")


@attrs.frozen
class Block:
    """A block of code on a page."""

    page: Path
    language: str
    title: str
    text: str


def name_of(page: Path) -> str:
    return str(page.relative_to(TOP))


def blocks(page: Path) -> Iterator[Block]:
    for language, title, text in _BLOCK.findall(page.read_text("utf-8")):
        yield Block(page, language, title, text)


@attrs.frozen
class Stage:
    """What a page is played on: two panels, one of which the environment names, and a folder."""

    panel: SimulatedPanel
    second: SimulatedPanel
    folder: Path
    environment: pytest.MonkeyPatch

    def play(self, block: Block) -> None:
        plays: Mapping[str, Callable[[Block], object]] = {
            "python": self._python,
            "console": self._console,
            "sh": self._sh,
            "json": lambda each: json.loads(each.text),
            "toml": lambda each: tomllib.loads(each.text),
            "yaml": lambda each: yaml.safe_load(each.text),
            # Tried by `cluster/test_by_hand.py`, where there is a Postgres.
            "bash": lambda each: None if "<!-- by hand -->" in each.page.read_text() else pytest.fail(each.text),
            # How a command is used, as the program itself says it.
            "text": lambda each: None if "from the program" in each.page.read_text() else pytest.fail(each.text),
        }
        plays[block.language](block)

    def _python(self, block: Block) -> None:
        if block.title:
            (self.folder / block.title).write_text(block.text, "utf-8")
            return
        tree = ast.parse(block.text)
        # What runs itself is called as the others are.
        tree.body = [node for node in tree.body if "asyncio.run" not in ast.unparse(node)]
        names: dict[str, object] = {"__name__": "page"}
        exec(compile(tree, name_of(block.page), "exec"), names)  # noqa: S102 - running it is the point
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.args.args and not node.decorator_list:
                cast("Callable[[], None]", names[node.name])()
            if isinstance(node, ast.AsyncFunctionDef):
                asyncio.run(self._call(cast("Callable[..., Awaitable[None]]", names[node.name])))

    async def _call(self, function: Callable[..., Awaitable[None]]) -> None:
        wanted = inspect.signature(function).parameters
        async with session_on(self.panel) as session, session_on(self.second) as other:
            given: Mapping[str, Callable[[], Any]] = {
                "url": lambda: self.panel.url,
                "public": lambda: self.panel.public_token,
                "private": lambda: self.panel.private_token,
                "session": lambda: session,
                "other": lambda: other,
                "panel": lambda: self.panel,
                "cvm_panel": lambda: self.panel,
            }
            values: dict[str, object] = {name: given[name]() for name in wanted if name != "fleet"}
            if "fleet" in wanted:
                values["fleet"] = await session.fleet()
            await function(**values)

    def _sh(self, block: Block) -> None:
        lines = block.text.replace("\\\n", " ").splitlines()
        for words in (shlex.split(each, comments=True) for line in lines for each in line.split(" && ")):
            if words[:1] == ["export"]:
                self._export([each.partition("=")[0] for each in words[1:]])
            elif words:
                check_command(words)

    def _export(self, names: list[str]) -> None:
        values = {
            "CVM_URL": self.panel.url,
            "CVM_PUBLIC_TOKEN": self.panel.public_token,
            "CVM_PRIVATE_TOKEN": self.panel.private_token,
        }
        for name in names:
            self.environment.setenv(name, values[name])

    def _console(self, block: Block) -> None:
        for command, expected in commands(block.text):
            printed = self._run(command)
            pattern = ".*?".join(re.escape(part) for part in shape(expected).split("…"))
            if not re.fullmatch(pattern, shape(printed), re.DOTALL):
                pytest.fail(f"{name_of(block.page)}: $ {command}\nprints\n{printed}\nand not\n{expected}")

    def _run(self, command: str) -> str:
        """Run a line of commands, each given what the one before it printed; give what a person sees."""
        shown, printed = io.StringIO(), ""
        for each in command.split(" | "):
            out = io.StringIO()
            is_last = command.endswith(each)
            with (
                pytest.MonkeyPatch.context() as patch,
                redirect_stdout(shown if is_last else out),
                redirect_stderr(shown),
            ):
                patch.setattr("sys.stdin", io.StringIO(printed))
                words = shlex.split(each, comments=True)
                if words[0] == "python":
                    runpy.run_path(str(self.folder / words[1]), run_name="__main__")
                else:
                    assert words[0] == "cvm-async"
                    main(words[1:])
            printed = out.getvalue()
        return shown.getvalue()


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Give each command of a block, and what stands below it."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert not parts[0]
    yield from zip(parts[1::2], parts[2::2], strict=True)


def shape(text: str) -> str:
    """Give a text without what differs from run to run: times, and how wide they make a table."""
    lines = (_GAPS.sub(" ", _TIME.sub("0 s", line)).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def check_command(words: list[str]) -> None:
    """Find a command one that could be run: an option that there is, an extra, a file."""
    match [Path(words[0]).name, *words[1:]]:
        case ["cvm-async", *tokens]:
            app.parse_args(tokens, exit_on_error=False, print_error=False)
        case ["pip", "install", *packages]:
            extras = {extra for each in packages for found in _EXTRAS.findall(each) for extra in found.split(",")}
            assert extras <= {*PROJECT["project"]["optional-dependencies"]}
        case ["python", "-m", "benchmarks" | "benchmarks.key_to_paint", *_]:
            pass
        case ["python", file, *_]:
            assert (TOP / file).exists()
        case ["nox", *_] | ["python3", "-m", "venv", ".venv"] | ["git", "clone", *_] | ["cd", *_]:
            pass
        case _:
            pytest.fail(f"nothing tries this: {shlex.join(words)}")


@contextmanager
def stage(page: Path, folder: Path, environment: pytest.MonkeyPatch) -> Generator[Stage]:
    """Set up what a page is played on. Its panel is the profile `work`, the default one, and the second `home`."""
    for name in ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN", "CVM_PROFILE", "CVM_CA_FILE", "NO_COLOR", "LINES"):
        environment.delenv(name, raising=False)
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        environment.setenv(name, str(folder))
    environment.setenv("COLUMNS", "110")
    (vpses, nodes), *_ = [*_PANEL.findall(page.read_text("utf-8")), ("40", "4")]
    with SimulatedPanel(vpses=int(vpses), nodes=int(nodes)) as panel, SimulatedPanel(vpses=20, nodes=2) as second:
        write_profiles(folder, work=panel, home=second)
        yield Stage(panel, second, folder, environment)


def session_on(panel: SimulatedPanel) -> CvmSession:
    return CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token)


def write_profiles(folder: Path, **panels: SimulatedPanel) -> None:
    """Keep profiles for panels, the first of them as the default."""
    tables = [
        f'[{name}]\nurl = "{panel.url}"\n'
        f'public_token = "{panel.public_token}"\nprivate_token = "{panel.private_token}"\n'
        for name, panel in panels.items()
    ]
    path = profiles_path(str(folder))
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f'default_profile = "{next(iter(panels))}"\n{"".join(tables)}')
