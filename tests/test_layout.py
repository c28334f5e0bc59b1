"""A module is found at once from its test, and its test from the module: the same name, in the same folder."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "cvm_async"


def says_something(module: Path) -> bool:
    """Tell whether a module has more than its documentation and plain values."""
    silent = (ast.Expr, ast.Assign, ast.AnnAssign)
    return not all(isinstance(statement, silent) for statement in ast.parse(module.read_bytes()).body)


def place_of(module: Path, package: Path) -> Path:
    """Give the place of a module's tests: what a package itself has is tested under the package's name."""
    name = module.parent.name if module.stem == "__init__" else module.stem.strip("_")
    return module.parent.relative_to(package) / f"test_{name}.py"


def without_tests(package: Path, tests: Path) -> list[str]:
    modules = [module for module in sorted(package.rglob("*.py")) if says_something(module)]
    return [str(module.relative_to(package)) for module in modules if not (tests / place_of(module, package)).exists()]


def test_every_module_has_a_test_file_of_its_name() -> None:
    assert without_tests(PACKAGE, TESTS) == []


@pytest.mark.parametrize(
    ("module", "text", "tests", "missing"),
    [
        pytest.param("room.py", "import os", "test_room.py", False, id="a module"),
        pytest.param("_room.py", "import os", "test_room.py", False, id="an inner module"),
        pytest.param("room.py", "import os", "test_other.py", True, id="a module without tests"),
        pytest.param("floor/room.py", "import os", "floor/test_room.py", False, id="a module in a folder"),
        pytest.param("floor/room.py", "import os", "test_room.py", True, id="tests in another folder"),
        pytest.param("floor/__init__.py", "import os", "floor/test_floor.py", False, id="a package"),
        pytest.param("floor/__init__.py", '"""Rooms."""', "test_other.py", False, id="a package with nothing in it"),
        pytest.param("__main__.py", "import os", "test_main.py", False, id="the one that is run"),
        pytest.param("_version.py", '__version__ = "1"', "test_other.py", False, id="a value"),
    ],
)
def test_it_is_seen_where_one_is_missing(tmp_path: Path, module: str, text: str, tests: str, *, missing: bool) -> None:
    for path, content in ((tmp_path / "package" / module, text), (tmp_path / "tests" / tests, "")):
        path.parent.mkdir(parents=True)
        path.write_text(content)
    assert without_tests(tmp_path / "package", tmp_path / "tests") == [module] * missing
