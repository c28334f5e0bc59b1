"""The names keep to Prometheus' conventions, and the reference page says what the rows say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest

from cvm_async.exporter.metrics import ROWS, Row

from .scraped import Families, openmetrics, parsed_openmetrics

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "metrics.md"
PROMTOOL = shutil.which("promtool")


def filled() -> Families:
    families = [row.family() for row in ROWS]
    for row, family in zip(ROWS, families, strict=True):
        labels = ["x"] * len(row.labels)
        if row.kind == "histogram":
            family.add_metric(labels, [("1.0", 1), ("+Inf", 1)], 1)  # type: ignore[arg-type]
        else:
            family.add_metric(labels, 1)  # type: ignore[arg-type, call-arg]
    return Families(families)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool, of Debian's prometheus, is not installed")
def test_promtool_finds_nothing_to_say() -> None:
    ran = subprocess.run(  # noqa: S603 - the one that was found
        [str(PROMTOOL), "check", "metrics"], input=generate_latest(filled()), capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_openmetrics_takes_them_too() -> None:
    assert {each.name for each in parsed_openmetrics(openmetrics(filled()))} == {
        row.name.removesuffix("_total") for row in ROWS
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_metric_says_its_unit_and_what_it_says(row: Row) -> None:
    assert row.name.startswith("cvm_")
    assert (row.kind == "counter") is row.name.endswith("_total")
    assert row.help.endswith(".")
    assert row.labels[0] == "panel"


def test_the_reference_has_a_row_for_each_metric() -> None:
    shown = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    labels = {row.name: ", ".join(f"`{label}`" for label in row.labels) for row in ROWS}
    assert shown == [(row.name, row.kind, labels[row.name], row.help) for row in ROWS]
