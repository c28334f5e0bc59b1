"""An editor shows on hover what stands below a field, and nothing else: so each public one has its text and unit there.

Pyright and pylance take a text literal below a field for its documentation; an `Attributes:` section of the class they
show with the class alone.
"""

import ast
import enum
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator

import pytest

import cvm_async

OURS = {
    ours.__qualname__: ours
    for name in cvm_async.__all__
    if isinstance(public := getattr(cvm_async, name), type)
    for ours in public.__mro__
    if ours.__module__.startswith("cvm_async.")
}

UNITS = re.compile(
    r"\b(bytes|megabytes|seconds|CPUs|VPSes|calls|failures|times|tries|threshold|number|status|id|node)\b",
    re.IGNORECASE,
)
"""What a number may be one of."""


def tree_of(ours: type) -> ast.ClassDef:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(ours))).body
    assert isinstance(tree, ast.ClassDef)
    return tree


def attributes(tree: ast.ClassDef, *, members: bool) -> Iterator[tuple[str, str, str | None]]:
    """Give what users read of a class, with its type and the text below: fields, what `__init__` sets, and members."""
    inits = [each.body for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    for statements in (tree.body, *inits):
        for statement, below in itertools.pairwise([*statements, ast.Pass()]):
            name, kind = declared(statement, members=members)
            # `args` is Python's own.
            if not name.startswith("_") and name != "args" and not kind.startswith("ClassVar"):
                yield name, kind, text_of(below)


def declared(statement: ast.stmt, *, members: bool) -> tuple[str, str]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=kind):
            return name, ast.unparse(kind)
        case ast.Assign(targets=[ast.Attribute(attr=name)]):
            return name, ""
        case ast.Assign(targets=[ast.Name(id=name)]) if members:
            return name, ""
        case _:
            return "_", ""


def text_of(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str() as text)):
            return text
        case _:
            return None


def faults(tree: ast.ClassDef, *, members: bool = False) -> list[str]:
    """Give what an editor could not tell: attributes without a text, numbers without a unit, sections it hides."""
    doc = ast.get_docstring(tree) or ""
    found = ["Attributes:"] if "Attributes:" in doc else []
    for name, kind, text in attributes(tree, members=members):
        if text is None:
            found.append(name)
        elif re.search(r"\b(int|float)\b", kind) and not UNITS.search(text):
            found.append(f"{name}: no unit")
    return found


@pytest.mark.parametrize("ours", OURS.values(), ids=OURS)
def test_an_editor_tells_what_each_public_attribute_is_and_in_which_unit(ours: type) -> None:
    assert faults(tree_of(ours), members=issubclass(ours, enum.Enum)) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param('"""A."""\nram: int\n"""In bytes."""', [], id="told"),
        pytest.param("ram: int", ["ram"], id="not told"),
        pytest.param("ram: int = 3\n_disk: int", ["ram"], id="an inner one"),
        pytest.param('ram: int\n"""How much."""', ["ram: no unit"], id="without a unit"),
        pytest.param('"""A.\n\nAttributes:\n    ram: In bytes.\n"""', ["Attributes:"], id="in a section"),
        pytest.param("kind: ClassVar[str]", [], id="of the class"),
        pytest.param("def __init__(self) -> None:\n    self.code = 3", ["code"], id="of the initialiser"),
        pytest.param('def __init__(self) -> None:\n    self.code = 3\n    """HTTP."""', [], id="told there"),
    ],
)
def test_it_is_seen_where_something_is_missing(body: str, found: list[str]) -> None:
    (tree,) = ast.parse("class A:\n" + textwrap.indent(body, "    ")).body
    assert isinstance(tree, ast.ClassDef)
    assert faults(tree) == found
