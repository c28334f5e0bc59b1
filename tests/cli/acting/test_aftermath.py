"""What is unknown comes with the command that looks at it, ready to be pasted."""

import json
from pathlib import Path

import pytest
from values import vps

from cvm_async import FleetReport, NoAnswerError, Outcome
from cvm_async.cli.acting.aftermath import Aftermath, look_command
from cvm_async.cli.acting.journals import Reach
from cvm_async.cli.results import Report
from cvm_async.cli.terminal import Terminal


@pytest.mark.parametrize(
    ("ids", "flags", "command"),
    [
        ([84, 76, 68], [], "cvm-async status 68 76 84"),
        ([5, 1, 2, 3, 9, 10], [], "cvm-async status 1-3 5 9 10"),
        ([7], ["--profile", "prod"], "cvm-async status 7 --profile prod"),
        (range(1, 1000, 2), ["--profile", "prod"], "cvm-async status --all --profile prod"),
    ],
    ids=["some", "rows of them", "of a profile", "more than anybody copies"],
)
def test_a_command_looks_at_them(ids: list[int], flags: list[str], command: str) -> None:
    assert look_command(ids, flags) == command


def report(*panels: str) -> Report:
    error = NoAnswerError("silence", method="POST")
    return FleetReport("stop", tuple(Outcome(vps(7), panel, error=error) for panel in panels), 1.0)


@pytest.mark.parametrize("json_too", [False, True], ids=["for a person", "as JSON"])
def test_it_names_the_profile_that_was_given(capsys: pytest.CaptureFixture[str], *, json_too: bool) -> None:
    Aftermath(Terminal.here(json=json_too), Reach(["prod"]), {"prod": "https://prod"}, None)(report("prod"))
    printed = capsys.readouterr()
    told = "Look at what is unknown: cvm-async status 7 --profile prod\n"
    assert (printed.out, printed.err) == (("", told) if json_too else (told, ""))


@pytest.mark.parametrize("reach", [Reach(["a,b"]), Reach(every=True)])
def test_of_several_panels_each_has_a_command_of_its_own(capsys: pytest.CaptureFixture[str], reach: Reach) -> None:
    panels = {"a": "https://a", "b": "https://b"}
    Aftermath(Terminal.here(), reach, panels, None)(report("a", "b"))
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "cvm-async status 7 --profile a",
        "cvm-async status 7 --profile b",
    ]


def test_a_report_that_is_kept_says_where_and_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    after = Aftermath(Terminal.here(), Reach(), {"a": "https://a"}, path)
    after(report("a"))
    assert json.loads(path.read_text())["panels"] == {"a": "https://a"}
    assert capsys.readouterr().out.startswith(
        f"The report is in {path}; do the rest again with: cvm-async stop --retry"
    )
    after(FleetReport("stop", (Outcome(vps(7), "a", None),), 1.0))
    assert capsys.readouterr().out == f"The report is in {path}\n"


def test_what_was_only_seen_takes_the_place_of_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_text("of an earlier run")
    error = NoAnswerError("cut off before its status was read")
    looked: Report = FleetReport("status", (Outcome(vps(7), "a", error=error),), 1.0)
    Aftermath(Terminal.here(), Reach(), {"a": "https://a"}, path)(looked)
    assert path.read_text() == "of an earlier run"
    assert capsys.readouterr().out == ""
