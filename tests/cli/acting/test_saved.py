"""What a saved report says is to be done again is done, once, and on its own panel alone."""

import json
from pathlib import Path

import pytest

from cli.conftest import Cvm, use
from cvm_async.cli.exits import Exit
from cvm_async.panel import Answer, Power, SimulatedPanel

NO = Answer(status=500, body=b'{"errors": ["The VPS failed to shut down."]}')
LOST = Answer(status=502, body=b"<html>", after_action=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.json"


def told(path: Path) -> dict[int, str]:
    return {each["id"]: each["result"] for each in json.loads(path.read_text())["outcomes"]}


def test_what_failed_was_not_begun_or_is_unknown_is_done_again_and_nothing_else(
    cvm: Cvm, panel: SimulatedPanel, path: Path
) -> None:
    panel.set_power(1, Power.SUSPENDED)
    panel.inject(NO, verb="stop", vps=2)
    panel.inject(LOST, verb="stop", vps=3)
    # The second failure ends it.
    tokens = ("stop", "1-5,12", "--yes", "--batch", "1", "--max-failures", "1", "--report", str(path))
    assert cvm(*tokens).status == Exit.PARTLY
    assert told(path) == {1: "not possible", 2: "failed", 3: "unknown", 4: "skipped", 5: "skipped", 12: "unchanged"}
    panel.actions.clear()
    ran = cvm("stop", "--retry-failed", str(path), "--yes", "--report", str(path))
    assert ran.status == Exit.DONE
    # It had been stopped, as looking showed.
    assert told(path) == {2: "changed", 3: "unchanged", 4: "changed", 5: "changed"}
    assert sorted(panel.actions) == [(2, "stop"), (4, "stop"), (5, "stop")]
    again = cvm("stop", "--retry-failed", str(path))
    assert (again.status, again.err) == (Exit.DONE, f"nothing is to be done again in {path}\n")


def test_a_restart_that_may_have_been_is_named_before_it_is_done_again(
    cvm: Cvm, panel: SimulatedPanel, path: Path
) -> None:
    panel.inject(LOST, verb="restart", vps=1)
    assert cvm("restart", "1", "--report", str(path)).status == Exit.FAILED
    ran = cvm("restart", "--retry-failed", str(path))
    assert ran.status == Exit.DONE
    assert "Perhaps restarted already, which looking cannot tell: web-001.example.net (1)" in ran.err


def saved(panel: SimulatedPanel, *ids: int, **changed: object) -> str:
    outcomes = [{"panel": "127.0.0.1", "id": each, "result": "failed"} for each in ids]
    report = {"version": 1, "verb": "stop", "outcomes": outcomes, "panels": {"127.0.0.1": f"{panel.url}/"}}
    return json.dumps({**report, **changed})


def test_a_report_of_the_librarys_own_will_do(cvm: Cvm, panel: SimulatedPanel, path: Path) -> None:
    path.write_text(saved(panel, 1, panels={}))
    assert cvm("stop", "--retry-failed", str(path)).status == Exit.DONE
    assert panel.actions == [(1, "stop")]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"panels": {"127.0.0.1": "https://other.example.net/"}}, "is a report of 127.0.0.1 (https://other.example"),
        ({"outcomes": [{"panel": "other", "id": 1, "result": "failed"}]}, "is a report of other, and this is 127.0."),
        ({"verb": "start"}, "is the report of a start, and not of a stop"),
        ({"version": 2}, "is no report that was saved with --report"),
        ({"outcomes": 7}, "is no report that was saved with --report"),
    ],
    ids=["at another address", "of another name", "another verb", "another version", "something else"],
)
def test_another_report_is_refused_and_nothing_is_done(
    cvm: Cvm, panel: SimulatedPanel, path: Path, changed: dict[str, object], sentence: str
) -> None:
    path.write_text(saved(panel, 1, **changed))
    ran = cvm("stop", "--retry-failed", str(path), "--yes")
    assert ran.status == Exit.USAGE
    assert sentence in ran.err
    assert panel.actions == []


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "\x00", '{"version": 1}'], ids=repr)
@pytest.mark.usefixtures("panel")
def test_what_is_no_report_is_refused(cvm: Cvm, path: Path, text: str) -> None:
    path.write_text(text)
    ran = cvm("stop", "--retry-failed", str(path), "--yes")
    assert (ran.status, "is no report that was saved" in ran.err) == (Exit.USAGE, True)


@pytest.mark.usefixtures("panel")
def test_one_that_is_not_there_is_named(cvm: Cvm, path: Path) -> None:
    ran = cvm("stop", "--retry-failed", str(path))
    assert (ran.status, ran.err) == (Exit.USAGE, f"cvm-async: {path} cannot be read: No such file or directory\n")


def test_vpses_that_are_gone_are_named_and_nothing_is_done(cvm: Cvm, panel: SimulatedPanel, path: Path) -> None:
    path.write_text(saved(panel, 1, *range(100, 110)))
    ran = cvm("stop", "--retry-failed", str(path), "--yes")
    assert ran.status == Exit.FAILED
    assert "no VPS 100, 101, 102, 103, 104, 105, 106, 107 and 2 more, which" in ran.err
    assert panel.actions == []


def test_a_report_and_names_are_not_both_given(cvm: Cvm, panel: SimulatedPanel, path: Path) -> None:
    for tokens in (["1"], ["--all"], ["--node", "1"]):
        ran = cvm("stop", *tokens, "--retry-failed", str(path))
        assert (ran.status, "not both" in ran.err) == (Exit.USAGE, True)
    assert panel.requests == []


def test_a_report_that_could_not_be_saved_is_refused_before_anything_is_done(
    cvm: Cvm, panel: SimulatedPanel, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "report.json"):
        ran = cvm("stop", "1", "--report", str(path))
        assert (ran.status, "the report cannot be saved as" in ran.err) == (Exit.USAGE, True)
    assert panel.requests == []


def test_more_than_one_needs_a_yes_where_nobody_can_be_asked(cvm: Cvm, panel: SimulatedPanel, path: Path) -> None:
    path.write_text(saved(panel, 1, 2))
    assert cvm("stop", "--retry-failed", str(path)).status == Exit.USAGE
    assert panel.requests == []


def test_two_panels_of_one_name_are_told_apart_by_their_addresses(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    with SimulatedPanel(vpses=3) as one, SimulatedPanel(vpses=3) as other:
        use(monkeypatch, one)
        one.inject(NO, verb="stop")
        assert cvm("stop", "1", "--report", str(path)).status == Exit.FAILED
        use(monkeypatch, other)
        assert cvm("stop", "--retry-failed", str(path)).status == Exit.USAGE
        assert other.actions == []
