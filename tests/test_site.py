"""Every page of the documentation is in the site's navigation, tells of all there is, and links to what is there."""

import importlib
import re
import runpy
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
DOCS = TOP / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
REFERENCE = "\n".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md"))
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


def public_names() -> set[str]:
    """Give what the package offers, and the packages below it that say what they offer."""
    packages = [
        "cvm_async",
        *sorted(f"cvm_async.{each.parent.name}" for each in TOP.glob("cvm_async/[a-z]*/__init__.py")),
    ]
    return {f"{name}.{each}" for name in packages for each in getattr(importlib.import_module(name), "__all__", ())}


def test_the_reference_has_every_public_name_once() -> None:
    told = re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE)
    assert sorted(told) == sorted(public_names() - {"cvm_async.__version__"})


def test_what_pages_say_of_the_program_is_what_it_is_now() -> None:
    written: dict[Path, str] = runpy.run_path(str(DOCS / "generate.py"))["written"]()
    assert [str(path) for path, text in written.items() if path.read_text("utf-8") != text] == []  # `nox -s pages`
