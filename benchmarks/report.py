"""Writes findings down: Markdown for people, JSON for comparisons, SVG for a look."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.findings import Finding, Table
from benchmarks.plots import draw


def markdown_table(table: Table) -> str:
    """Give the table in GitHub's Markdown: labels to the left, figures to the right."""
    lines = [
        *([f"**{table.title}**", ""] if table.title else []),
        "| " + " | ".join(table.columns) + " |",
        "|---|" + "---:|" * (len(table.columns) - 1),
        *("| " + " | ".join(row) + " |" for row in table.rows),
    ]
    return "\n".join(lines)


def markdown(findings: Sequence[Finding], machine: Mapping[str, str]) -> str:
    """All of it, as one page."""
    parts = ["# Benchmarks of `cvm_async`", "\n".join(f"- {name}: {value}" for name, value in machine.items())]
    for finding in findings:
        parts += [f"## ({finding.key}) {finding.title}", finding.about]
        parts += [markdown_table(table) for table in finding.tables]
        parts += [f"![{plot.title}]({finding.key}-{plot.name}.svg)" for plot in finding.plots]
        if finding.notes:
            parts.append("\n".join(f"- {note}" for note in finding.notes))
    return "\n\n".join(parts) + "\n"


def write(folder: Path, findings: Sequence[Finding], machine: Mapping[str, str]) -> None:
    """Write `report.md`, `report.json` and the plots; what an earlier run left is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    (folder / "report.md").write_text(markdown(findings, machine), encoding="utf-8")
    whole = {
        "machine": dict(machine),
        "findings": [
            {
                "key": finding.key,
                "title": finding.title,
                "tables": [
                    {"title": table.title, "columns": table.columns, "rows": table.rows} for table in finding.tables
                ],
                "notes": finding.notes,
                "runs": finding.raw,
            }
            for finding in findings
        ],
    }
    (folder / "report.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for finding in findings:
        for plot in finding.plots:
            draw(plot, folder / f"{finding.key}-{plot.name}.svg")
