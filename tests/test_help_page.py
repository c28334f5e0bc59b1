import io
import pydoc
import re

import pytest

import cvm_async
import cvm_async.panel

A_PAGE = 100
"""Lines."""
PACKAGES = [cvm_async, cvm_async.panel]


def shown(thing: object) -> str:
    """Give what `help` prints."""
    written = io.StringIO()
    pydoc.Helper(output=written).help(thing)
    return written.getvalue()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_help_of_a_package_is_a_page_that_names_all_there_is(package: object) -> None:
    page = shown(package)
    assert page.count("\n") <= A_PAGE
    assert set(vars(package)["__all__"]) - set(re.findall(r"\w+", page)) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_page_of_help_names_nothing_that_is_not_there(package: object) -> None:
    _, _, told = (vars(package)["__doc__"] or "").partition("All of it")
    names = set(re.findall(r"\b[A-Z]\w*[a-z][A-Z]\w*\b", told))
    assert names - {*dir(package)} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_whoever_completes_a_name_sees_all(package: object) -> None:
    assert dir(package) == sorted(vars(package)["__all__"])


def test_what_is_in_a_package_has_its_own_help() -> None:
    assert "status" in shown(cvm_async.CvmSession)
