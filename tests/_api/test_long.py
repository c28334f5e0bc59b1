"""A long answer is what the same answer would be if it were short; see `test_decode` for what that is."""

import json
from collections.abc import Generator
from typing import TypeVar

import pytest

from cvm_async._api.long import LongPage
from cvm_async._api.php import Json, NotJsonError, Page
from cvm_async._api.windows import WINDOW

T = TypeVar("T")

D = '<br />\n<b>Warning</b>:  Undefined key "x" in <b>/srv/panel/client.php</b> on line <b>17</b><br />\n'
NOISE = D * (2 * WINDOW // len(D))
FATAL = "<br />\n<b>Fatal error</b>:  Uncaught Exception: gone in <b>/srv/a.php</b> on line <b>1</b><br />\n"
JSON = json.dumps({"response": {"status": "running", "x": ["y" * 99] * 99}})
VALUE: Json = json.loads(JSON)


def run(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


def value_of(body: str) -> tuple[Json, int]:
    return run(LongPage(body.encode()).value())


FOUND: dict[str, tuple[str, str]] = {
    "alone": ("", JSON + " " * WINDOW),
    "behind a byte order mark": ("\ufeff\n", JSON + " " * WINDOW + "\ufeff"),
    "behind white space": (" \n" * WINDOW, JSON),
    "behind diagnostics": (NOISE, JSON),
    "indented": (NOISE, json.dumps(VALUE, indent="\t")),
    "without a line of its own": (NOISE.rstrip(), JSON),
    "behind a torn answer": ('{"response":{"vpses":[' + NOISE, JSON),
    "behind quoted openings": ('x {"response":' * 9 + NOISE, JSON),
    "behind and before quoted openings": ('x {"response":' * 9 + NOISE + 'x {"errors":' * 3, JSON),
    "an empty one at the end": (NOISE, "[]"),
    "another object on the last line": (NOISE, '{"status":"ok"}\n'),
}


@pytest.mark.parametrize(("before", "source"), FOUND.values(), ids=list(FOUND))
def test_the_json_is_found_where_it_would_be_in_a_short_answer(before: str, source: str) -> None:
    value, opening = value_of(before + source)
    assert value == Page.of((before + source).encode()).value()[0] == json.loads(source.rstrip("\ufeff"))
    assert (before + source).encode()[opening:].startswith(source[:1].encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (NOISE, "an HTML page"),
        (f"{JSON}\n{NOISE}", "JSON with something behind it"),
        (NOISE + '{"response":{"a":1}', "no JSON"),
        (f"<html>{NOISE}\n{JSON}", "an HTML page"),
        ("x" * 2 * WINDOW, "no JSON"),
        ("<p>" * WINDOW, "an HTML page"),
    ],
    ids=["diagnostics", "not at the end", "cut", "a page of HTML", "text", "tags"],
)
def test_what_is_none_is_refused_with_a_reason(body: str, reason: str) -> None:
    with pytest.raises(NotJsonError, match=reason):
        value_of(body)


QUESTIONS: dict[str, str] = {
    "blank": "\n" + " " * 2 * WINDOW,
    "diagnostics alone": NOISE,
    "diagnostics with a fatal error at the end": NOISE + FATAL,
    "diagnostics with a fatal error before the end": NOISE + FATAL + NOISE,
    "a page": "<!DOCTYPE html>" + "<p>x</p>" * WINDOW,
    "JSON": JSON * 9,
    "text": "Could not connect. " * WINDOW,
    "text that speaks of one": "Fatal error " * WINDOW,
}


@pytest.mark.parametrize("body", QUESTIONS.values(), ids=list(QUESTIONS))
def test_it_tells_of_itself_what_it_would_if_it_were_short(body: str) -> None:
    long, short = LongPage(body.encode()), Page.of(body.encode())
    assert long.is_blank() == short.is_blank()
    assert long.is_diagnostics_alone() == short.is_diagnostics_alone()
    assert long.is_foreign() == short.is_foreign()
    assert (long.fatal() or "")[:60] == (short.fatal() or "")[:60]
    assert (long.words() or "…") == (short.words() or "…")
    for position in (1, 5, len(body) // 2):
        assert (long.words_before(position) or "…") == (short.words_before(position) or "…")
        assert long.source(position) == short.source(position)
