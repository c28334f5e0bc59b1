"""Whose word an `errors` key is: the panel's own, and those of the gateways and frameworks that may stand before it."""

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, floats, integers, lists, none, recursive, text

from cvm_async._api.calls import Call, list_vpses, power, status
from cvm_async._api.php import Json
from cvm_async._api.verbs import Verb
from cvm_async._api.words import own_words
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    CvmError,
    NoAnswerError,
    NodeUnreachableError,
    PanelError,
    PermissionDeniedError,
    RateLimitedError,
    VpsNotFoundError,
)

LOOKS: list[Call[object]] = [list_vpses(), status(7)]
ACTIONS: list[Call[object]] = [power(verb, 7) for verb in (Verb.START, Verb.STOP, Verb.RESTART)]
SPECIFIC: Final = (
    ActionFailedError,
    AuthenticationError,
    NodeUnreachableError,
    PermissionDeniedError,
    VpsNotFoundError,
)
CODES: Final = (200, 201, 206, 302, 400, 401, 403, 404, 405, 409, 413, 421, 422, 426, 431, 500, 502, 503, 504, 522, 599)

OWN: list[tuple[str, dict[str, Json], tuple[str, ...]]] = [
    ("the documented one", {"errors": ["No."]}, ("No.",)),
    ("several", {"errors": ["No.", "Never."]}, ("No.", "Never.")),
    ("an array with a gap", {"errors": {"0": "No.", "2": "Never."}}, ("No.", "Never.")),
    ("an array from 1", {"errors": {"1": "No."}}, ("No.",)),
    ("beside an empty response", {"response": [], "errors": ["No."]}, ("No.",)),
    ("beside a null response", {"errors": ["No."], "response": None}, ("No.",)),
    ("with an empty one", {"errors": ["", "No.", " "]}, ("No.",)),
    ("very many and long ones", {"errors": [*["x" * 5000] * 50]}, ("x" * 1000,) * 20),
]
FOREIGN: list[tuple[str, Json]] = [
    ("JSON:API", {"errors": [{"status": "404", "title": "Not Found", "detail": "no route"}]}),
    ("JSON:API with a version", {"jsonapi": {"version": "1.0"}, "errors": [{"code": "x"}]}),
    ("GraphQL", {"data": None, "errors": [{"message": "no", "locations": [{"line": 1}]}]}),
    ("Cloudflare", {"success": False, "errors": [{"code": 10000, "message": "no"}], "messages": [], "result": None}),
    ("Cloudflare without a reason", {"success": False, "errors": []}),
    ("a gateway with a code", {"errors": [{"code": 1}]}),
    ("codes alone", {"errors": [404]}),
    ("AWS", {"message": "Missing Authentication Token", "errors": ["no"]}),
    ("Spring", {"timestamp": "2026-11-25", "status": 404, "error": "Not Found", "errors": [{"field": "x"}]}),
    ("Spring with texts", {"status": 401, "error": "Unauthorized", "message": "no", "errors": ["no"]}),
    ("Laravel", {"message": "The given data was invalid.", "errors": {"email": ["is required"]}}),
    ("Laravel's errors alone", {"errors": {"email": ["is required"]}}),
    ("Rails", {"errors": {"name": "can't be blank"}}),
    ("ASP.NET", {"type": "about:blank", "title": "no", "status": 400, "errors": {"$": ["no"]}}),
    ("Docker's registry", {"errors": [{"code": "UNAUTHORIZED", "message": "no", "detail": None}]}),
    ("Vault", {"errors": [], "warnings": None}),
    ("lists of texts", {"errors": [["no"]]}),
    ("texts and objects", {"errors": ["no", {"code": 1}]}),
    ("texts and numbers", {"errors": ["no", 5]}),
    ("texts and null", {"errors": ["no", None]}),
    ("an array with a gap and an object", {"errors": {"0": "no", "2": {"code": 1}}}),
    ("an empty array", {"errors": []}),
    ("an empty object", {"errors": {}}),
    ("an empty text", {"errors": ""}),
    ("empty texts", {"errors": ["", " \n"]}),
    ("a text", {"errors": "no"}),
    ("null", {"errors": None}),
    ("true", {"errors": True}),
    ("a number", {"errors": 3}),
]


@pytest.mark.parametrize(("answer", "words"), [row[1:] for row in OWN], ids=[row[0] for row in OWN])
def test_sentences_in_a_php_array_are_the_panels_own(answer: Json, words: tuple[str, ...]) -> None:
    assert own_words(answer) == words


@pytest.mark.parametrize("answer", [*OWN], ids=lambda row: row[0])
def test_the_panels_own_words_give_a_specific_error_after_every_verb(answer: tuple[str, Json, tuple[str, ...]]) -> None:
    body = json.dumps(answer[1]).encode()
    for status_code, kind in (
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, VpsNotFoundError),
        (503, NodeUnreachableError),
    ):
        assert {type(error_of(call, status_code, body)) for call in (*LOOKS, *ACTIONS)} == {kind}
    assert {type(error_of(call, 500, body)) for call in ACTIONS} == {ActionFailedError}
    assert {type(error_of(call, 200, body)) for call in ACTIONS} == {ActionFailedError}


@pytest.mark.parametrize("answer", [row[1] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
@pytest.mark.parametrize("status_code", CODES)
def test_any_other_errors_are_nobodys_word_and_after_an_action_its_outcome_is_unknown(
    answer: Json, status_code: int
) -> None:
    body = json.dumps(answer).encode()
    assert own_words(answer) == ()
    for call in LOOKS:
        error = error_of(call, status_code, body)
        assert type(error) is PanelError
        assert (error.status_code, error.errors) == (status_code, ())
    for call in ACTIONS:
        error = error_of(call, status_code, body)
        assert type(error) is NoAnswerError
        assert "is unknown: look at its status before you repeat this" in error.message


@pytest.mark.parametrize("answer", [row[1] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
def test_too_many_calls_are_too_many_whoever_says_so(answer: Json) -> None:
    body = json.dumps(answer).encode()
    assert {type(error_of(call, 429, body)) for call in (*LOOKS, *ACTIONS)} == {RateLimitedError}


def test_what_another_says_is_quoted_for_who_has_to_find_it() -> None:
    body = b'<br />\n{"errors":[{"code":1,"message":"no \x1b[31mroute"}]}'
    assert error_of(status(7), 400, body).message == (
        'something in front of the panel answered 400 Bad Request with {"errors":[{"code":1,"message":"no '
        '\ufffd[31mroute"}]}, or the panel broke'
    )


any_json = recursive(
    none() | booleans() | integers() | floats() | text(),
    lambda inner: lists(inner, max_size=4) | dictionaries(text(), inner, max_size=4),
    max_leaves=10,
)


@given(any_json)
def test_any_answer_has_words_or_none(answer: Json) -> None:
    assert all(own_words(answer))
    assert all(map(str.strip, own_words({"errors": answer})))


def error_of(call: Call[object], status_code: int, body: bytes) -> CvmError:
    with pytest.raises(CvmError) as caught:
        call.read(status_code, body)
    return caught.value
