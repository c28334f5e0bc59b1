"""The alerts and the dashboard: promtool takes them, the alerts tell what their tests say, and every metric exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cvm_async.exporter.metrics import ROWS

FOLDER = Path(__file__).parent.parent.parent / "examples" / "monitoring"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's prometheus, is not installed")

ALERTS = (FOLDER / "alerts.yml").read_text("utf-8")
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
SHOWN = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
ALERTED = [rule["expr"] for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]


def promtool(*arguments: object) -> str:
    ran = subprocess.run(  # noqa: S603 - the one that was found
        [str(PROMTOOL), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@needs_promtool
def test_promtool_takes_the_rules_and_the_configuration() -> None:
    assert "8 rules found" in promtool("check", "config", FOLDER / "prometheus.yml")


@needs_promtool
def test_the_alerts_tell_what_they_should_and_nothing_else() -> None:
    assert "SUCCESS" in promtool("test", "rules", FOLDER / "alerts_test.yml")


@needs_promtool
def test_what_the_dashboard_asks_can_be_asked(tmp_path: Path) -> None:
    asked = [expr.replace("$__rate_interval", "5m").replace("$panel", ".*") for expr in SHOWN]
    rules = [{"record": f"shown:{number}", "expr": expr} for number, expr in enumerate(asked)]
    path = tmp_path / "shown.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}), "utf-8")
    assert f"{len(SHOWN)} rules found" in promtool("check", "rules", path)


@pytest.mark.parametrize("expr", [*SHOWN, *ALERTED])
def test_a_metric_that_is_asked_for_is_one_with_the_labels_it_is_asked_by(expr: str) -> None:
    known = {row.name.removesuffix(suffix) + suffix: row for row in ROWS for suffix in ("", "_bucket")}
    named = re.findall(r"\bcvm_\w+", expr)
    assert [name for name in named if name not in known] == []
    labels = {label for name in named for label in known[name].labels} | {"le", "job"}
    by = re.findall(r"\b(?:by|on) \((.*?)\)", expr)
    assert {label.strip() for each in by for label in each.split(",")} <= labels


def test_no_two_parts_of_the_dashboard_lie_on_each_other() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
