"""No message that reaches a terminal names what only Python has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cvm_async
from cvm_async.cli.shell.wording import FLAGS, in_flags

PACKAGE = Path(cvm_async.__file__).parent
PYTHONS = re.compile(
    r"\b[a-z]\w*=(?=[A-Z\w])|\b[A-Za-z_.]+\([^)]*\)|`|\b(" + "|".join(n for n in FLAGS if "_" in n) + r")\b"
)
"""An argument, a call, code, or a setting by its name in Python."""

NOT_READ_THERE = (
    "knows no session",  # Of what was pickled: commands have sessions.
    "was never closed",
    "is read inside",
    "need httptools",
    "needs keyring",
    "VpsList(",
    "style=",
    "ca_file in a profile",  # What a profile names it.
    "CREATE TABLE",
    "INSERT INTO",
    "UPDATE ",
    "DELETE FROM",
    "SELECT ",
    "EXISTS ",
    "user_version",
    "Fatal|Parse",
    "as `list` gives it",
    "; charset=",
    "color-scheme",
    "<html",
    "<head",
    "<section",
    "PRAGMA ",
    "is now node_states()",
)
"""In texts that no command prints, or that tell what to install."""


def texts(module: Path) -> Iterator[str]:
    """Give what a module has as texts, but for its documentation and annotations."""
    tree = ast.parse(module.read_bytes())
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said |= {id(part) for node in ast.walk(tree) for part in annotations(node)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said | inside:
            yield node.value


def annotations(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("annotation", "returns"):
        annotation = getattr(node, name, None)
        if isinstance(annotation, ast.AST):
            yield from ast.walk(annotation)


def test_no_message_of_the_library_names_what_only_python_has() -> None:
    modules = [each for each in sorted(PACKAGE.rglob("*.py")) if not {"cli", "mcp", "panel", "_lanes"} & {*each.parts}]
    messages = [text for module in modules for text in texts(module) if " " in text]
    assert len(messages) > 100
    left = [text for text in map(in_flags, messages) if PYTHONS.search(text)]
    assert [text for text in left if not any(each in text for each in NOT_READ_THERE)] == []


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("allow_insecure=True if", "--insecure if"),
        (
            "NO_PROXY name x, make the client with trust_env=False, or allow_insecure=True",
            "NO_PROXY name x, or give --insecure",
        ),
        ("every must be a finite number", "--interval must be a finite number"),
        ("8 had failed, and max_failures is 3", "8 had failed, and --max-failures is 3"),
        ("the panel must be read", "the panel must be read"),
        ("reading pauses", "reading pauses"),
    ],
)
def test_settings_are_told_as_flags(said: str, read: str) -> None:
    assert in_flags(said) == read


@pytest.mark.parametrize("name", FLAGS)
def test_a_setting_that_is_refused_is_told_as_its_flag(name: str) -> None:
    assert in_flags(f"{name} must be a count, not 0") == f"{FLAGS[name]} must be a count, not 0"
