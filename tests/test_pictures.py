"""The pictures of the pages are drawn by a script, from real runs: it runs, and shows what they are about."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_pictures_can_be_drawn(tmp_path: Path) -> None:
    command = [sys.executable, str(DOCS / "pictures.py"), "--into", str(tmp_path)]
    # What is run is this interpreter and our own script.
    subprocess.run(command, check=True, timeout=120)  # noqa: S603
    drawn = {path.name: path.read_text("utf-8").replace("&#160;", " ") for path in tmp_path.iterdir()}
    assert set(drawn) == {"top.svg", "watch.svg"}
    for part in ("60 VPSes", "✕ 3 lost 8/8", "trouble", "2 selected", " 30s"):
        assert part in drawn["top.svg"]
    for part in ("node 3 of panel.example.net: unreachable, with 8 VPSes", "running -&gt; stopped"):
        assert part in drawn["watch.svg"]
    assert "https://cdn" not in str(drawn)


def test_the_pages_show_them() -> None:
    assert "docs/images/top.svg" in (DOCS.parent / "README.md").read_text("utf-8")
    # The other two were taken by hand: of chromium at the exporter's page, and at a Prometheus that scrapes it.
    shown = {path.name for path in (DOCS / "images").iterdir()}
    assert shown == {"top.svg", "watch.svg", "exporter.png", "prometheus.png"}
