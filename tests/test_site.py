"""Every page of the documentation is in the site's navigation, and links to what is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parent.parent
DOCS = TOP / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(?:#([^)\s]+))?\)")


def test_every_page_is_in_the_navigation_once() -> None:
    _, _, navigation = (TOP / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")
    assert sorted(re.findall(r"[\w/-]+\.md", navigation)) == [str(page.relative_to(DOCS)) for page in PAGES]


@pytest.mark.parametrize("page", [*PAGES, *TOP.glob("*.md")], ids=lambda page: str(page.relative_to(TOP)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    linked = [page.parent / target for target, _ in LINK.findall(page.read_text("utf-8"))]
    assert [str(each) for each in linked if not each.resolve().is_file()] == []


def test_no_page_links_out_of_the_site() -> None:
    linked = {page.parent / target for page in PAGES for target, _ in LINK.findall(page.read_text("utf-8"))}
    assert [str(each) for each in linked if not each.resolve().is_relative_to(DOCS)] == []


def test_the_site_asks_nothing_of_anybody() -> None:
    settings: dict[str, Any] = yaml.safe_load((TOP / "mkdocs.yml").read_text("utf-8"))
    assert settings["theme"]["font"] is False
    named = [*settings["extra"]["polyfills"], *settings["extra_css"], *settings.get("extra_javascript", ())]
    assert [each for each in named if not (DOCS / each).is_file()] == []
    pictures = [target for page in PAGES for target in re.findall(r"!\[[^]]*\]\((\S+)\)", page.read_text("utf-8"))]
    assert [each for each in pictures if "//" in each] == []
