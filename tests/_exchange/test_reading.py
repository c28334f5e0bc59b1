import logging
import pickle
from traceback import TracebackException

import httpx
import pytest
from mocked import LIST, LISTED, PRIVATE, TOKENS, VERBS, Panel, answer, echoing, failure, logged, refusal, session_over
from turns import others
from virtual_time import virtual

from cvm_async._api.verbs import Verb
from cvm_async._api.windows import WINDOW
from cvm_async._exchange.received import SHORT_BODY
from cvm_async.errors import DecodeError, NoAnswerError, PanelError
from cvm_async.settings import Limits, Retry


@pytest.mark.parametrize(
    ("verb", "limit", "sentence"),
    [
        (
            Verb.LIST,
            900,
            "900 bytes: Limits(max_body=…) sets how long a list may be, and display_errors of PHP makes one long",
        ),
        (Verb.STATUS, 900, "900 bytes, as none of the panel's about one VPS is"),
        (Verb.STATUS, 2 * SHORT_BODY, "1,048,576 bytes, as none of the panel's about one VPS is"),
        (
            Verb.STOP,
            900,
            (
                "900 bytes, as none of the panel's about one VPS is; whether the VPS was stopped is unknown: look at"
                " its status before you repeat this"
            ),
        ),
    ],
)
@virtual
async def test_a_good_answer_that_is_too_long_is_a_decode_error_that_says_so(
    verb: Verb, limit: int, sentence: str
) -> None:
    panel = Panel(answer(200, b"a" * 2 * SHORT_BODY))
    session = session_over(panel, limits=Limits(max_body=limit), retry=Retry(attempts=1))
    error = await failure(session, verb)
    assert isinstance(error, DecodeError)
    assert error.message == f"the answer of panel.example.net cannot be read: it is longer than {sentence}"
    assert [problem.path for problem in error.problems] == ["the body"]


@virtual
async def test_an_answer_in_a_foreign_packing_is_told_as_such() -> None:
    panel = Panel(answer(200, b"\xff", headers={"Content-Encoding": "br"}))
    error = await failure(session_over(panel, retry=Retry(attempts=1)), Verb.STATUS)
    assert error.message == (
        'the answer of panel.example.net cannot be read: it is compressed as "br", which was not asked for'
    )


@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_a_redirect_is_an_error_that_says_where_to_but_nothing_unsafe(verb: Verb) -> None:
    location = f"https://evil.example.net/?{PRIVATE}\x9b31m{'a' * 400}".encode("latin-1")
    response = answer(302)
    response.headers = httpx.Headers([(b"Location", location)])
    panel = Panel(response)
    client = httpx.AsyncClient(transport=panel, follow_redirects=True)
    error = await failure(session_over(client=client), verb)
    assert isinstance(error, NoAnswerError if verb.row.method == "POST" else PanelError)
    assert "wants to send us to https://evil.example.net/?[token]\ufffd31maaa" in error.message
    assert len(error.message) < 500
    assert len(panel.requests) == 1


@pytest.mark.parametrize(
    ("status", "header"), [(302, "Location"), (200, "Content-Encoding")], ids=["a redirect", "a foreign packing"]
)
@virtual
async def test_what_a_header_echoes_is_not_among_the_locals_of_the_traceback(status: int, header: str) -> None:
    panel = Panel(answer(status, b"x", headers={header: f"br-{PRIVATE}"}))
    error = await failure(session_over(panel), Verb.STOP)
    told = TracebackException.from_exception(error, capture_locals=True)
    assert not [line for line in told.format() if PRIVATE in line and "test_reading" not in line]


@pytest.mark.parametrize("status", [200, 401, 500])
@virtual
async def test_an_answer_that_echoes_the_tokens_gives_an_error_that_does_not(status: int) -> None:
    async def echo(request: httpx.Request) -> httpx.Response:
        return refusal(status, echoing(request))

    error = await failure(session_over(Panel(echo)), Verb.START)
    assert isinstance(error, PanelError)
    assert "api-private-token: [token]" in error.errors[0]
    assert not any(token in text for token in TOKENS for text in (str(error), repr(error), repr(vars(error))))
    assert not any(token.encode() in pickle.dumps(error) for token in TOKENS)


@virtual
async def test_a_page_that_shows_the_tokens_is_quoted_without_them() -> None:
    async def dump(_: httpx.Request) -> httpx.Response:
        return answer(200, f"<pre>HTTP_API_PRIVATE_TOKEN => {PRIVATE}</pre>".encode())

    error = await failure(session_over(Panel(dump), retry=Retry(attempts=1)), Verb.STATUS)
    assert isinstance(error, DecodeError)
    assert error.excerpt == "<pre>HTTP_API_PRIVATE_TOKEN => [token]</pre>"


@virtual
async def test_a_long_list_is_read_in_slices_between_which_others_run() -> None:
    vpses = [{**LISTED, "id": str(number)} for number in range(1, 2001)]
    body = {"response": {"vpses": vpses}}

    async with session_over(Panel(answer(200, body), answer(200, LIST))) as session, others() as turns:
        await session.list_vpses()
        long = turns.count
        await session.list_vpses()
    assert len(str(body)) > WINDOW
    assert long > 5 + (turns.count - long)


@pytest.mark.parametrize("status", [200, 500])
@virtual
async def test_a_long_page_that_shows_the_tokens_is_quoted_without_them_and_others_run_meanwhile(status: int) -> None:
    async def dump(_: httpx.Request) -> httpx.Response:
        return answer(status, f"<pre>{PRIVATE}</pre>\nFatal error: {PRIVATE}".encode() + b" " * 2 * WINDOW)

    async with others() as turns:
        error = await failure(session_over(Panel(dump), retry=Retry(attempts=1)), Verb.LIST)
    assert error.message.startswith("PHP broke off on the panel")
    assert "Fatal error: [token]" in error.message
    assert not any(token in text for token in TOKENS for text in (str(error), repr(vars(error))))
    assert turns.count > 20


@virtual
async def test_diagnostics_of_php_are_warned_of_once_a_session(caplog: pytest.LogCaptureFixture) -> None:
    body = b"<br />\n<b>Warning</b>: Undefined array key in <b>x.php</b><br />\n" + b'{"response":[]}'
    for _ in range(2):
        async with session_over(Panel(answer(200, body), answer(200, body))) as session:
            await session.start(1)
            await session.stop(1)
    warning = "panel.example.net: PHP prints diagnostics before the answer; read past them, here and from now on: "
    assert logged(caplog, logging.WARNING) == [f"{warning}Warning: Undefined array key in x.php"] * 2
