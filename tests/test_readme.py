"""What the README and the pages of docs/ show is done: every block, on simulated panels, in its order."""

import json
import re
import runpy
from pathlib import Path

import pytest
from pages import PAGES, README, blocks, check_command, name_of, stage

from cvm_async import (
    FleetReport,
    Outcome,
    PowerState,
    Problem,
    SplitTraffic,
    Vps,
    VpsStatus,
)
from cvm_async._profiles.file import read_profiles
from cvm_async._profiles.profile import profile_of


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_shows_can_be_done(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(page, tmp_path, monkeypatch) as on:
        for block in blocks(page):
            on.play(block)


def test_what_pages_say_of_the_program_is_what_it_is_now() -> None:
    written: dict[Path, str] = runpy.run_path(str(README.parent / "docs" / "generate.py"))["written"]()
    assert [str(path) for path, text in written.items() if path.read_text("utf-8") != text] == []  # `nox -s pages`


def test_the_readme_has_blocks_to_run() -> None:
    assert {"python", "sh"} <= {block.language for block in blocks(README)}


def test_the_two_commands_stand_where_the_checks_look_for_them() -> None:
    text = README.read_text(encoding="utf-8")
    assert re.search(r"<!-- demo -->\n```sh\n.*cvm-async demo\n```", text)
    assert re.search(r"<!-- checks -->\n```sh\n.*nox\n```", text)


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


def test_a_report_as_json_is_what_it_is_said_to_be() -> None:
    text = (README.parent / "docs/reference/json.md").read_text("utf-8")
    (block,) = re.findall(r"^<!-- a report -->\n```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
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


SETTINGS = [
    block
    for page in PAGES
    for block in re.findall(
        r"^<!-- an assistant's settings -->\n```json\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
]


@pytest.mark.parametrize("block", SETTINGS)
def test_what_an_assistant_is_told_to_start_is_a_command(block: str) -> None:
    for server in json.loads(block)["mcpServers"].values():
        check_command([server["command"], *server["args"]])


FIGURES = [
    found
    for page in PAGES
    for found in re.findall(r"<!-- from (\S+) -->\n((?:\|.*\n)+)", page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("report", "table"), FIGURES)
def test_the_figures_are_those_of_a_published_run(report: str, table: str) -> None:
    published = (README.parent / report).read_text(encoding="utf-8").splitlines()
    assert set(table.splitlines()) <= set(published)
