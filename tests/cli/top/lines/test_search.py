"""What is typed behind `/` must all fit."""

import pytest
from watches import LOST, reading

from cvm_async.cli.top.lines.search import Search

READINGS = [
    reading(1),
    reading(2, "stopped", node=2),
    reading(13, "running", node=2, error=LOST, panel="other"),
    reading(4, None, node=3, error=LOST),
    reading(5, None, node=None),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 13, 4, 5]),
        ("  ", [1, 2, 13, 4, 5]),
        ("VPS1", [1, 13]),
        ("running", [1, 13]),
        ("stop", [2]),
        ("node:2", [2, 13]),
        ("node:2 stopped", [2]),
        ("node:", [1, 2, 13, 4, 5]),
        ("id:1", [1]),
        ("1", [1, 13]),
        ("stale", [13]),
        ("unreachable", [4]),
        ("unread", [4, 5]),
        ("panel:other", [13]),
        ("acme", [1, 2, 4, 5]),
        ("-acme", [13]),
        ("stopped,stale", [2, 13]),
        ("-node:2,node:3", [1, 5]),
        ("-", [1, 2, 13, 4, 5]),
        (",", [1, 2, 13, 4, 5]),
        ("nothing", []),
        ("vps:1", []),
    ],
)
def test_words_choose(text: str, ids: list[int]) -> None:
    search = Search.of(text)
    assert [each.vps.id for each in READINGS if search.fits(each)] == ids


def test_it_keeps_what_was_typed() -> None:
    assert Search.of("  web   Stopped ").text == "web Stopped"
