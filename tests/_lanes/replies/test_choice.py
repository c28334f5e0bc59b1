import sys

import pytest

from cvm_async._lanes.options import Http
from cvm_async._lanes.replies.choice import reader_of
from cvm_async._lanes.replies.h11_reply import H11Reply
from cvm_async._lanes.replies.httptools_reply import HttptoolsReply
from cvm_async._lanes.replies.reply import Reply
from cvm_async.errors import MissingExtraError


@pytest.fixture
def without_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, HttptoolsReply.__module__)
    monkeypatch.setitem(sys.modules, "httptools", None)


@pytest.mark.parametrize(
    ("http", "reader"), [("auto", HttptoolsReply), ("httptools", HttptoolsReply), ("h11", H11Reply)]
)
def test_the_parser_in_c_is_taken_where_it_is_installed_unless_another_is_asked_for(
    http: Http, reader: type[Reply]
) -> None:
    assert reader_of(http) is reader


@pytest.mark.parametrize("http", ["auto", "h11"])
@pytest.mark.usefixtures("without_httptools")
def test_without_it_the_one_in_python_reads(http: Http) -> None:
    assert reader_of(http) is H11Reply


@pytest.mark.usefixtures("without_httptools")
def test_who_asks_for_it_by_name_is_told_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"^http='httptools' needs httptools: pip install 'cvm_async\[fast\]'$"):
        reader_of("httptools")


def test_a_module_of_our_own_that_is_missing_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, HttptoolsReply.__module__, None)
    with pytest.raises(ModuleNotFoundError, match="httptools_reply"):
        reader_of("httptools")
