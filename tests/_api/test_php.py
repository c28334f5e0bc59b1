"""JSON is found behind whatever PHP prints before it, at a bounded cost, and nothing else is taken for it."""

import json

import pytest
from hypothesis import given
from hypothesis.strategies import binary, characters, dictionaries, floats, integers, lists, none, recursive, text

from cvm_async._api.php import Json, NotJsonError, Page, Unusable, array_items

DIAGNOSTIC = '<br />\n<b>Warning</b>:  Undefined key "x" in <b>/srv/panel/client.php</b> on line <b>17</b><br />\n'
VALUE = {"response": {"status": "running"}}
JSON = json.dumps(VALUE)
INDENTED = json.dumps(VALUE, indent="\t")

any_text = text(characters(codec="utf-8"))
any_json = recursive(
    none() | integers(-(10**30), 10**30) | floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: lists(inner, max_size=4) | dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


def value_of(body: str | bytes) -> Json:
    return Page.of(body.encode() if isinstance(body, str) else body).value()[0]


@pytest.mark.parametrize(
    "body",
    [
        JSON,
        f"\n  {JSON}\r\n\n",
        f"\ufeff{JSON}",
        f"\ufeff\n{DIAGNOSTIC}{JSON}",
        INDENTED,
        f"{DIAGNOSTIC}{JSON}",
        f"{DIAGNOSTIC * 50}{JSON}\n",
        f"{DIAGNOSTIC}{INDENTED}",
        f"{DIAGNOSTIC.rstrip()}{JSON}",
        f"\nWarning: foo in /srv/x.php on line 3\n{JSON}",
        f'[2013-07-01] {{"response": 1}} was logged\n{JSON}',
        f'{{"response": 5}} {DIAGNOSTIC}{JSON}',
        '{"errors": ' * 100 + JSON,
    ],
    ids=[
        "alone",
        "in white space",
        "behind a byte order mark",
        "behind a mark and a diagnostic",
        "indented",
        "behind a diagnostic",
        "behind many",
        "indented, behind a diagnostic",
        "behind a diagnostic without a line break",
        "behind a plain diagnostic",
        "behind a log line that quotes an opening",
        "behind another value",
        "behind many openings",
    ],
)
def test_the_json_that_a_page_ends_with_is_its_value(body: str) -> None:
    assert value_of(body) == VALUE


@pytest.mark.parametrize("empty", ["[]", "{}", "[ ]"])
def test_an_empty_value_behind_diagnostics_is_found(empty: str) -> None:
    assert value_of(DIAGNOSTIC + empty) in ([], {})


def test_a_value_with_other_keys_is_found_on_the_last_line() -> None:
    assert value_of(f'{DIAGNOSTIC}{{"vpses":[]}}\n') == {"vpses": []}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "no JSON"),
        ("null", "no JSON"),
        ("17", "no JSON"),
        ('"running"', "no JSON"),
        ("Sorry", "no JSON"),
        ("<html><body>Sorry</body></html>", "an HTML page"),
        (f"<!DOCTYPE html>\n<html>{JSON}", "an HTML page"),
        (f"<HTML>\n{JSON}", "an HTML page"),
        (DIAGNOSTIC, "an HTML page"),
        ('{"response": {"status": "running"', "no JSON (Expecting ',' delimiter at character 33)"),
        (f"{JSON}{DIAGNOSTIC}", "JSON with something behind it"),
        ('{"response": ' + "[" * 100_000, "JSON that is nested too deep"),
        ('{"response": ' + '{"a":' * 100_000, "JSON that is nested too deep"),
    ],
    ids=[
        "empty",
        "null",
        "a number",
        "a string",
        "words",
        "a page",
        "JSON in a page",
        "JSON in a shouted page",
        "diagnostics alone",
        "cut",
        "diagnostics behind",
        "deep arrays",
        "deep objects",
    ],
)
def test_what_is_no_json_says_what_it_is(body: str, reason: str) -> None:
    with pytest.raises(NotJsonError) as caught:
        value_of(body)
    assert str(caught.value) == reason


@given(any_json)
def test_every_json_object_comes_back_as_it_was(value: Json) -> None:
    whole: Json = {"response": value}
    assert value_of(json.dumps(whole)) == whole
    assert value_of(DIAGNOSTIC + json.dumps(whole, ensure_ascii=False)) == whole


@given(binary())
def test_any_bytes_give_a_value_or_no_json(body: bytes) -> None:
    page = Page.of(body)
    try:
        page.value()
    except NotJsonError as error:
        assert str(error)  # noqa: PT017 - the other outcome is as good


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_lacks_is_unusable_where_it_stands(constant: str) -> None:
    assert value_of(f'{{"response": [1, {constant}]}}') == {"response": [1, Unusable(constant)]}


def test_a_number_of_thousands_of_digits_is_unusable_where_it_stands() -> None:
    assert value_of(f'{{"response": [1, {"7" * 5000}]}}') == {"response": [1, Unusable("a number of 5,000 digits")]}


def test_bytes_that_are_no_utf_8_are_unusable_where_they_stand() -> None:
    body = b'{"response": ["caf\xe9", {"caf\xe9": "\xff", "web": 1}, "\\ud800"]}'
    bad = Unusable("text that is no UTF-8")
    assert value_of(body) == {"response": [bad, {"caf\ufffd": bad, "web": 1}, "\ufffd"]}


def test_bytes_that_are_no_utf_8_deep_inside_are_no_json() -> None:
    with pytest.raises(NotJsonError, match="nested too deep"):
        value_of(b'{"response":' + b"[" * 5_000 + b'"\xff"' + b"]" * 5_000 + b"}")


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ([5, 6], [(0, 5), (1, 6)]),
        ([], []),
        ({"0": 5, "2": 6}, [("0", 5), ("2", 6)]),
        ({"2": 5, "-1": 6}, [("2", 5), ("-1", 6)]),
        ({"0": 5, "total": 6}, None),
        ({"": 5}, None),
        ({"9" * 20: 5}, None),
        ({}, None),
        ("", None),
        (None, None),
        (5, None),
    ],
    ids=repr,
)
def test_an_array_is_one_however_php_writes_it(value: Json, items: list[tuple[int | str, Json]] | None) -> None:
    found = array_items(value)
    assert (None if found is None else [*found]) == items


def test_bytes_that_are_no_utf_8_do_not_matter_in_diagnostics() -> None:
    assert value_of(b"Warning: caf\xe9\n" + JSON.encode()) == VALUE


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\ud800", "\ufffd"),
        (r"\uDFFF", "\ufffd"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\uD83D\uDE00", "\U0001f600"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\\ud800", r"\ud800"),
        (r"\\\ud800", "\\\ufffd"),
        (r"\"\ud800\/", '"\ufffd/'),
    ],
)
def test_only_lone_surrogates_are_replaced(written: str, read: str) -> None:
    assert value_of(f'{{"response": "{written}"}}') == {"response": read}


@given(text(characters(codec=None)))
def test_no_text_comes_out_that_cannot_be_encoded(raw: str) -> None:
    json.dumps(value_of(json.dumps({"response": [raw, {raw: raw}]})), ensure_ascii=False).encode()


def test_control_characters_in_text_are_let_through() -> None:
    assert value_of('{"response": "a\nb\x01"}') == {"response": "a\nb\x01"}


@pytest.mark.parametrize(
    ("body", "blank"), [("", True), (" \r\n\t\ufeff", True), ("[]", False)], ids=["empty", "white", "not"]
)
def test_a_page_of_white_space_is_blank(body: str, *, blank: bool) -> None:
    assert Page.of(body.encode()).is_blank() is blank


@pytest.mark.parametrize(
    ("body", "alone"),
    [
        (DIAGNOSTIC, True),
        (DIAGNOSTIC * 3, True),
        ("\nNotice: foo in /srv/x.php on line 3\n", True),
        ("", False),
        (f"{DIAGNOSTIC}Sorry, no database", False),
        (f"{DIAGNOSTIC}<br />\n<b>Fatal error</b>:  oh in <b>/x</b> on line <b>1</b><br />\n", False),
        ("<br />\n<b>Fatal error</b>:  oh in <b>/x</b> on line <b>1</b><br />\n", False),
        (DIAGNOSTIC + JSON, False),
    ],
    ids=["one", "three", "plain", "none", "with words", "with a fatal one", "a fatal one", "with JSON"],
)
def test_harmless_diagnostics_can_be_all_there_is(body: str, *, alone: bool) -> None:
    assert Page.of(body.encode()).is_diagnostics_alone() is alone


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("<br />\n<b>Fatal error</b>:  Uncaught X in <b>/a.php</b> on line <b>3</b><br />", "Fatal error:"),
        ("\nPHP Parse error:  syntax error in /srv/a.php on line 3\n", "Parse error:"),
        ("\nRecoverable fatal error: Argument 1 in /srv/a.php on line 3\n", "fatal error:"),
    ],
)
def test_what_ended_php_is_told_and_not_what_it_printed_before(said: str, told: str) -> None:
    fatal = Page.of(f"{DIAGNOSTIC * 40}{said}".encode()).fatal()
    assert fatal is not None
    assert fatal.startswith(told)
    assert "<" not in fatal


@pytest.mark.parametrize("body", ["", JSON, DIAGNOSTIC, "Could not connect."])
def test_what_did_not_end_in_an_error_has_none(body: str) -> None:
    assert Page.of(body.encode()).fatal() is None


@pytest.mark.parametrize(
    ("body", "foreign"),
    [
        ("<!DOCTYPE html><html>", True),
        ("\n<HTML>", True),
        ('<?xml version="1.0"?>', True),
        (DIAGNOSTIC, False),
        ("", False),
    ],
)
def test_a_whole_page_is_told_from_diagnostics(body: str, *, foreign: bool) -> None:
    assert Page.of(body.encode()).is_foreign() is foreign


def test_what_stands_before_the_json_is_told_without_tags() -> None:
    page = Page.of(f"\ufeff{DIAGNOSTIC}\x1b[31m{JSON}".encode())
    assert page.words_before(page.value()[1]) == (
        'Warning: Undefined key "x" in /srv/panel/client.php on line 17 \ufffd[31m'
    )


@pytest.mark.parametrize("start", ["", "\ufeff", " \n"])
def test_nothing_before_the_json_is_no_diagnostic(start: str) -> None:
    page = Page.of(f"{start}{JSON}".encode())
    assert page.words_before(page.value()[1]) is None


@pytest.mark.parametrize(
    "junk",
    ['{"response":', '{"errors":[', "[", "{ ", "\n{", "\n[]x", "<br />", "<", "\\ud800", '{"response":"'],
)
def test_a_megabyte_of_anything_is_tried_only_a_few_times(junk: str) -> None:
    page = Page.of((junk * (1_000_000 // len(junk))).encode())
    assert len(list(page.openings())) <= 10
    with pytest.raises(NotJsonError):
        page.value()
