"""What a status code means, by whose word it is: a table of the codes that panels, proxies and hosts of PHP send."""

import asyncio

import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, text

from cvm_async._api.answers import Meaning, is_unrouted, meaning_of, passes, passes_soon, row_of
from cvm_async._api.verbs import Verb
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    ConfigurationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    PermissionDeniedError,
    Problem,
    RateLimitedError,
    SessionClosedError,
    VpsNotFoundError,
    WaitTimeoutError,
)

READS = (Verb.LIST, Verb.STATUS)
ACTIONS = (Verb.START, Verb.STOP, Verb.RESTART)
SAID = ("Because.",)

OWN: list[tuple[int, type[CvmError], type[CvmError]]] = [
    (200, PanelError, ActionFailedError),
    (400, PanelError, PanelError),
    (401, AuthenticationError, AuthenticationError),
    (403, PermissionDeniedError, PermissionDeniedError),
    (404, VpsNotFoundError, VpsNotFoundError),
    (422, PanelError, ActionFailedError),
    (429, RateLimitedError, RateLimitedError),
    (500, PanelError, ActionFailedError),
    (502, PanelError, PanelError),
    (503, NodeUnreachableError, NodeUnreachableError),
    (524, PanelError, PanelError),
    (999, PanelError, PanelError),
]
"""The status code of an answer with the panel's own errors, and what it means after a look and after an action."""

FOREIGN: list[tuple[int, type[CvmError], type[CvmError]]] = [
    (100, PanelError, NoAnswerError),
    *[(code, PanelError, NoAnswerError) for code in (200, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308)],
    *[
        (code, PanelError, NoAnswerError)
        for code in (400, 401, 403, 404, 405, 407, 408, 410, 411, 413, 414, 415, 417, 421, 422, 426, 428, 431, 451)
    ],
    (429, RateLimitedError, RateLimitedError),
    *[(code, PanelError, NoAnswerError) for code in (500, 501, 502, 503, 504, 507, 508, 511, 529, 530, 599, 999)],
    *[(code, PanelError, NoAnswerError) for code in range(520, 528)],
]
"""The same, of one without."""


@pytest.mark.parametrize(("status_code", "look", "action"), OWN)
def test_the_panels_own_errors_give_the_specific_error(
    status_code: int, look: type[CvmError], action: type[CvmError]
) -> None:
    assert {meaning_of(status_code, SAID, verb).kind for verb in READS} == {look}
    assert {meaning_of(status_code, SAID, verb).kind for verb in ACTIONS} == {action}
    assert all(meaning_of(status_code, SAID, verb).own for verb in Verb)


@pytest.mark.parametrize(("status_code", "look", "action"), FOREIGN)
def test_anybody_elses_answer_says_nothing_of_a_vps_a_node_or_the_tokens(
    status_code: int, look: type[CvmError], action: type[CvmError]
) -> None:
    assert {meaning_of(status_code, (), verb).kind for verb in READS} == {look}
    assert {meaning_of(status_code, (), verb).kind for verb in ACTIONS} == {action}
    assert not any(meaning_of(status_code, (), verb).own for verb in Verb)


@pytest.mark.parametrize("verb", [*READS, *ACTIONS])
@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("No valid API token pair was specified.", AuthenticationError),
        ("The specified API token pair does not have access to this API.", PermissionDeniedError),
        ("The specified VPS ID does not exist or is not accessible to this user.", VpsNotFoundError),
    ],
)
def test_a_documented_sentence_tells_the_kind_of_an_error_with_200(
    sentence: str, kind: type[PanelError], verb: Verb
) -> None:
    assert meaning_of(200, ("Oh.", sentence), verb).kind is kind


@given(status_code=integers(100, 999), errors=lists(text()).map(tuple), verb=sampled_from(Verb))
def test_every_answer_means_something(status_code: int, errors: tuple[str, ...], verb: Verb) -> None:
    meaning = meaning_of(status_code, errors, verb)
    assert meaning.own is bool(errors)
    if not meaning.own:
        assert meaning.kind in (PanelError, RateLimitedError, NoAnswerError)


@pytest.mark.parametrize("status_code", [429, 502, 503, 504, 508, *range(520, 528), 529])
@pytest.mark.parametrize("verb", Verb)
def test_no_room_is_overload_and_no_word_of_a_node(status_code: int, verb: Verb) -> None:
    assert meaning_of(status_code, (), verb).overloaded
    assert meaning_of(status_code, (), verb).kind is not NodeUnreachableError


@pytest.mark.parametrize("status_code", [200, 301, 401, 403, 404, 413, 500])
def test_other_answers_are_no_overload(status_code: int) -> None:
    assert not any(meaning_of(status_code, errors, verb).overloaded for errors in ((), SAID) for verb in Verb)


def test_a_503_of_the_panels_own_is_a_lost_node_and_no_overload() -> None:
    assert meaning_of(503, SAID, Verb.STATUS) == Meaning(NodeUnreachableError, own=True, overloaded=False)
    assert meaning_of(429, SAID, Verb.STATUS).overloaded


LATER = "a wait goes on"
SOON = "and a GET is tried again"
NEVER = "neither"


@pytest.mark.parametrize(
    ("error", "when"),
    [
        *[
            (PanelError("x", status_code=code), SOON)
            for code in (408, 425, 502, 503, 504, 508, *range(520, 531), 598, 599)
        ],
        *[(PanelError("x", status_code=code), LATER) for code in (200, 500, 501, 505, 507, 511)],
        *[(PanelError("x", status_code=code), NEVER) for code in (302, 400, 401, 403, 404, 405, 407, 413, 451)],
        (RateLimitedError("x", status_code=429), SOON),
        (NodeUnreachableError("x"), SOON),
        (AuthenticationError("x", status_code=200), NEVER),
        (PermissionDeniedError("x", status_code=200), NEVER),
        (VpsNotFoundError("x", status_code=200), NEVER),
        (NotSentError("x"), SOON),
        (NotSentError("x", may_pass=False), NEVER),
        (NoAnswerError("x"), SOON),
        (DecodeError("x"), SOON),
        (ConfigurationError("x"), NEVER),
        (SessionClosedError("x"), NEVER),
        (WaitTimeoutError("x"), NEVER),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {getattr(value, 'status_code', '')}" if isinstance(value, CvmError) else ""
    ),
)
def test_what_passes_is_said_once_for_waits_and_for_retries(error: CvmError, when: str) -> None:
    assert (passes(error), passes_soon(error)) == (when != NEVER, when == SOON)


def test_a_cancellation_does_not_pass() -> None:
    assert not passes_soon(asyncio.CancelledError())


@given(integers(100, 999))
def test_what_passes_soon_passes(status_code: int) -> None:
    row = row_of(status_code)
    assert row.passes or not row.passes_soon


@pytest.mark.parametrize("status_code", [200, 403])
def test_of_a_node_all_that_is_documented_of_a_refusal_is_that_one_may_not_see_it(status_code: int) -> None:
    assert meaning_of(status_code, ("You do not have a VPS on it.",), Verb.NODE).kind is PermissionDeniedError
    assert meaning_of(404, SAID, Verb.NODE).kind is PanelError


NOT_JSON = DecodeError("no JSON")
WITHOUT_RESPONSE = DecodeError("x", problems=(Problem("response", "absent", "there"),))
MALFORMED = DecodeError("x", problems=(Problem("response.status", "absent", "there"),))


def said(status_code: int, *errors: str) -> PanelError:
    return PanelError("x", status_code=status_code, errors=errors)


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        pytest.param(said(404), True, id="a 404 of the web server's"),
        pytest.param(said(405), True, id="a 405 of its"),
        pytest.param(said(500), True, id="an empty 500"),
        pytest.param(NOT_JSON, True, id="no JSON"),
        pytest.param(WITHOUT_RESPONSE, True, id="JSON without a response"),
        pytest.param(said(404, "No such API call."), True, id="the panel's own 404 for a path"),
        pytest.param(said(200, "The page was not found."), True, id="the same, told as 200"),
        pytest.param(said(404, "The specified VPS ID does not exist."), False, id="no such VPS"),
        pytest.param(said(200, "The specified VPS ID does not exist."), False, id="the same, told as 200"),
        pytest.param(said(200, "Something failed."), False, id="another word of the panel's"),
        pytest.param(said(503, "The node does not exist."), False, id="a node that is away"),
        pytest.param(said(502), False, id="a proxy's 502"),
        pytest.param(said(403), False, id="a firewall's 403"),
        pytest.param(MALFORMED, False, id="a response that is malformed"),
        pytest.param(NoAnswerError("x"), False, id="silence"),
        pytest.param(NotSentError("x"), False, id="no connection"),
    ],
)
def test_whether_a_reading_failed_as_on_a_panel_that_lacks_its_path(error: CvmError, *, is_so: bool) -> None:
    assert is_unrouted(error, Verb.STATUS) is is_so


def test_that_there_is_no_such_node_is_no_word_of_a_path() -> None:
    assert not is_unrouted(said(404, "The node does not exist."), Verb.NODE)
    assert is_unrouted(said(404, "The call does not exist."), Verb.NODE)
