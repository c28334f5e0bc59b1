import subprocess
import sys

import pytest

import cvm_async.panel


@pytest.mark.parametrize("name", cvm_async.panel.__all__)
def test_every_name_that_is_offered_is_there(name: str) -> None:
    assert getattr(cvm_async.panel, name) is not None
    assert name in dir(cvm_async.panel)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = cvm_async.panel.nonsense


@pytest.mark.parametrize(
    ("imports", "without"),
    [
        pytest.param("cvm_async.panel", {"asyncio", "attrs", "uvicorn", "httptools"}, id="the package"),
        pytest.param("cvm_async.panel.app", {"uvicorn", "httptools", "httpx"}, id="the application"),
        pytest.param("cvm_async.panel.server", {"httpx", "cattrs", "cvm_async.models"}, id="the server"),
    ],
)
def test_nothing_is_imported_that_is_not_needed(imports: str, without: set[str]) -> None:
    script = f"import sys; before = set(sys.modules); import {imports}; print(*set(sys.modules) - before)"
    loaded = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert not without & set(loaded.split())
