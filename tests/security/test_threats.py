"""Whatever SECURITY.md says cannot be done has the test that it names; and no flag takes a token."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent.parent
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", (TOP / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (TOP / "SECURITY.md").read_text("utf-8"))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    tree = ast.parse((TOP / file).read_bytes())
    assert name in {each.name for each in ast.walk(tree) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_what_is_said_to_be_impossible_names_a_test() -> None:
    said = [held for _, verdict, held in ROWS if verdict.startswith("no")]
    assert len(said) >= 15
    assert [held for held in said if "::" not in held] == []


def test_no_option_takes_a_token() -> None:
    options = re.findall(r"--[\w-]+", (TOP / "docs/reference/options.md").read_text("utf-8"))
    assert "--profile" in options
    assert [option for option in options if re.search("token|secret|password", option)] == []
