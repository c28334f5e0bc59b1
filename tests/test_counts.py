"""What a call costs, counted and not timed: one that got a tenth dearer is seen here, on any machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "benchmarks" / "counts.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def dearer(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, object], list[str]]:
    # The benchmarks are no part of what is installed.
    monkeypatch.syspath_prepend(ROOT)  # pyright: ignore[reportUnknownMemberType] -- pytest leaves it untyped
    function: Callable[[object, object], list[str]] = import_module("benchmarks.counting").dearer
    return function


def test_a_call_costs_no_more_than_when_it_was_counted_last(dearer: Callable[[object, object], list[str]]) -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    if PYTHON not in kept:
        pytest.skip(f"nobody has counted on Python {PYTHON} yet")
    # In a process of its own, where no coverage counts along.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-m", "benchmarks.counting"]
    run = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)  # noqa: S603 - this interpreter
    more = dearer(json.loads(run.stdout.splitlines()[-1]), kept[PYTHON])
    advice = "Mend it; or, if it is worth that, on each Python: python -m benchmarks.counting --renew"
    assert not more, f"a call costs more than a tenth more: {'; '.join(more)}. {advice}"


@pytest.mark.parametrize(("now", "found"), [(100, 0), (110, 0), (111, 1), (50, 0)])
def test_a_tenth_more_is_borne(dearer: Callable[[object, object], list[str]], now: int, found: int) -> None:
    told = dearer({"a status": {"function calls": now}}, {"a status": {"function calls": 100}})
    assert told == found * ["a status: 111 function calls now, 100 before"]


def test_what_was_not_counted_before_is_not_compared(dearer: Callable[[object, object], list[str]]) -> None:
    assert dearer({"a list": {"bytes": 5}}, {"a status": {"bytes": 1}}) == []
