"""Tokens are masked wherever they are kept, and hidden however they are echoed."""

import base64
import copy
import gc
import html
import io
import json
import pickle
import pprint
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from urllib.parse import quote

import attrs
import httpx
import pytest
from hypothesis import given, strategies as st
from mocked import LIST, account_of, answer
from panels import NO_RETRY
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from cvm_async import CvmError, CvmSession, PowerState
from cvm_async._exchange.tokens import BLANK, Tokens, UntracedHeaders, blank_out_headers, has_tokens
from cvm_async.errors import ConfigurationError

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1).filter(
    lambda text: text == text.strip()
)
SECRET = "a/Secret+of'0urs\\\"&<c>"
"""With all that is spelt differently somewhere."""
PLAIN = "5ecretW0rdOfOurs"
"""Spelt alike everywhere, so that none of a printer's escapes hides it from a test."""


@given(PRINTABLE, PRINTABLE)
def test_tokens_of_printable_ascii_are_sent_as_they_are(public: str, private: str) -> None:
    headers = httpx.Headers({"Accept": "application/json"})
    Tokens.checked(public, private).put_into(headers)
    assert (headers["API-Public-Token"], headers["API-Private-Token"]) == (public, private)
    assert has_tokens(headers)
    blank_out_headers(headers)
    assert (headers["API-Public-Token"], headers["API-Private-Token"]) == (BLANK, BLANK)
    assert not has_tokens(httpx.Headers())


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("s3cret\n", id="a line break at the end"),
        pytest.param("s3cret\r\nX-Header: 1", id="a line break within"),
        pytest.param("s3\x00cret", id="a control character"),
        pytest.param("s3cret\x7f", id="DEL"),
        pytest.param("s3crèt", id="an accent"),
        pytest.param(" s3cret", id="a space before"),
        pytest.param("s3cret ", id="a space behind"),
        pytest.param("   ", id="spaces alone"),
        pytest.param(b"s3cret", id="bytes"),
        pytest.param(None, id="None"),
    ],
)
@pytest.mark.parametrize("which", ["public_token", "private_token"])
def test_what_can_be_no_token_is_refused_by_name_and_not_quoted(token: str, which: str) -> None:
    pair = {"public_token": "good", "private_token": "good"} | {which: token}
    with pytest.raises(ConfigurationError) as refusal:
        Tokens.checked(pair["public_token"], pair["private_token"])
    assert str(refusal.value).startswith(which)
    assert "s3" not in str(refusal.value)


def test_tokens_show_themselves_nowhere_and_are_not_pickled() -> None:
    tokens = Tokens.checked("public-token", "private-token")
    assert repr(tokens) == str(tokens) == "Tokens(…)"
    for way in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="not pickled"):
            way(tokens)


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param('a/"b" &<c>', id="as it is"),
        pytest.param('a/\\"b\\" &<c>', id="in JSON"),
        pytest.param('a\\/\\"b\\" &<c>', id="in PHP's JSON"),
        pytest.param("a/&quot;b&quot; &amp;&lt;c&gt;", id="in HTML"),
        pytest.param("a%2F%22b%22%20%26%3Cc%3E", id="in a query"),
        pytest.param("a/%22b%22%20%26%3Cc%3E", id="in a path"),
    ],
)
def test_a_token_is_hidden_however_it_is_echoed(echo: str) -> None:
    tokens = Tokens.checked("public-token", 'a/"b" &<c>')
    assert tokens.hide_in(f"<{echo}> of public-token \ud800") == "<[token]> of [token] \ud800"


def test_a_token_within_the_other_leaves_no_rest_of_it() -> None:
    assert Tokens.checked("abcdef", "abcdef-ghi").hide(b"abcdef-ghi, abcdef") == b"[token], [token]"


def test_text_without_a_token_stays_and_so_do_words_that_are_no_secret() -> None:
    assert Tokens.checked("a", "the").hide(b"a panel, the panel") == b"a panel, the panel"


def slashed(token: str) -> str:
    return token.replace("\\", "\\\\").replace("'", "\\'")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda token: json.dumps(token)[1:-1],
    "PHP's JSON": lambda token: json.dumps(token)[1:-1].replace("/", "\\/"),
    "PHP's JSON with JSON_HEX": lambda token: "".join(
        f"\\u{ord(c):04X}" if c in "<>&'\"" else json.dumps(c)[1:-1] for c in token
    ),
    "PHP's var_export": slashed,
    # With both quotes behind it, Python's takes the single ones.
    "Python's repr": lambda token: repr(f"{token}'\"")[1:-4],
    "a repr in a repr": lambda token: slashed(slashed(token)),
    "HTML": html.escape,
    "HTML as PHP writes it": lambda token: html.escape(token).replace("&#x27;", "&#039;"),
    "HTML in HTML": lambda token: html.escape(html.escape(token)),
    "HTML without quotes": lambda token: html.escape(token, quote=False),
    "numbers in HTML": lambda token: "".join(f"&#{ord(character)};" for character in token),
    "a query": lambda token: quote(token, safe=""),
    "a query in small letters": lambda token: re.sub("%..", lambda escape: escape[0].lower(), quote(token, safe="")),
    "a path": quote,
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_every_usual_spelling_is_hidden(spell: Callable[[str], str]) -> None:
    assert Tokens.checked("public", SECRET).hide_in(f"Header: {spell(SECRET)}!") == "Header: [token]!"


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("slash", ["/", "\\/"], ids=["a slash as it is", "a slash as PHP escapes it"])
def test_so_is_every_spelling_in_a_text_that_came_as_json(spell: Callable[[str], str], slash: str) -> None:
    escaped = json.dumps(f"Header: {spell(SECRET)}!").replace("/", slash)
    assert Tokens.checked("public", SECRET).hide_in(escaped) == '"Header: [token]!"'


@given(st.text(st.characters(max_codepoint=0x7F), max_size=7), st.text(st.characters(max_codepoint=0x7F), max_size=7))
def test_inside_a_text_in_base64_it_is_hidden_too(before: str, after: str) -> None:
    whole = base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
    hidden = Tokens.checked("public", SECRET).hide_in(whole)
    assert BLANK in hidden
    assert len(hidden.replace(BLANK, "")) <= len(whole) - 4 * (len(SECRET) - 2) // 3


def reachable(start: object, most: int = 200_000) -> Iterator[object]:
    """Give all that the garbage collector finds from an object on, modules, classes and functions left out."""
    left, seen = [start], {id(start)}
    while left and len(seen) < most:
        here = left.pop()
        yield here
        for each in gc.get_referents(here):
            if id(each) not in seen and not isinstance(each, (type, type(sys), type(reachable))):
                seen.add(id(each))
                left.append(each)


def shows(thing: object) -> bool:
    """Tell whether it is text with the token."""
    return (isinstance(thing, str) and PLAIN in thing) or (isinstance(thing, bytes) and PLAIN.encode() in thing)


class EchoingPanel(httpx.AsyncBaseTransport):
    """Lists two VPSes, and answers everything else with a page that shows the headers of the request; keeps nothing."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/list"):
            return answer(200, LIST)
        echo = f"the private token was {request.headers['API-Private-Token']}"
        return answer(500, {"errors": [echo]} if request.method == "GET" else echo)


async def things() -> dict[str, object]:
    """Give what a person may print, or a logger may walk through."""
    async with httpx.AsyncClient(transport=EchoingPanel()) as client:
        session = CvmSession(
            "https://panel.example.net", public_token="public", private_token=PLAIN, client=client, retry=NO_RETRY
        )
        fleet = await session.fleet()
        found: dict[str, object] = {
            "session": session,
            "account": account_of(session),
            "fleet": fleet,
            "report": await fleet.status(),
            "plan": await fleet.plan(PowerState.RUNNING),
            "stream": fleet.stream_status(),
            "client": client,
        }
        for name, call in (("status", session.status(1)), ("stop", session.stop(1))):
            try:
                await call
            except CvmError as error:
                found[f"error of {name}"] = error
        with pytest.raises(CvmError) as raised:
            (await fleet.stop()).raise_for_failures()
        found["fleet error"] = raised.value
        await session.aclose()
        return found


PRINTERS: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "pprint": pprint.pformat,
    "rich": lambda thing: pretty_repr(thing, max_depth=30),
    "attrs.asdict": lambda thing: repr(attrs.asdict(thing)) if attrs.has(type(thing)) else "",  # type: ignore[arg-type]
    "vars": lambda thing: repr(getattr(thing, "__dict__", {})),
}


@pytest.mark.parametrize("show", PRINTERS.values(), ids=PRINTERS)
async def test_no_printer_finds_a_token(show: Callable[[object], str]) -> None:
    for name, thing in (await things()).items():
        assert PLAIN not in show(thing), name


async def test_nothing_that_leads_on_from_an_error_or_a_session_is_a_token() -> None:
    for name, thing in (await things()).items():
        assert not [each for each in reachable(thing) if shows(each)], name


def with_locals(error: BaseException) -> str:
    """Give tracebacks as the standard library and rich write them, with what the frames' locals are."""
    kind, trace = type(error), error.__traceback__
    lines = traceback.TracebackException(kind, error, trace, capture_locals=True).format()
    console = Console(file=io.StringIO(), width=300)
    console.print(Traceback.from_exception(kind, error, trace, show_locals=True, locals_max_string=100_000))
    assert isinstance(console.file, io.StringIO)
    return "".join(lines) + console.file.getvalue()


async def test_a_traceback_with_locals_shows_no_token() -> None:
    for name, thing in (await things()).items():
        if isinstance(thing, CvmError):
            shown = with_locals(thing)
            assert "errors" in shown or "unknown" in shown, name
            assert PLAIN not in shown, name


@pytest.mark.parametrize(
    ("url", "public", "private"),
    [
        ("http://panel.example.net", "public", PLAIN),
        ("nonsense", "public", PLAIN),
        ("https://panel.example.net", "public", f"{PLAIN}\n"),
        ("https://panel.example.net", f" {PLAIN}", "private"),
        ("https://panel.example.net", "", PLAIN),
    ],
    ids=["in the clear", "no address", "a line break", "a space", "one alone"],
)
def test_nor_does_that_of_a_session_that_cannot_be_made(url: str, public: str, private: str) -> None:
    environ = {"CVM_URL": url, "CVM_PUBLIC_TOKEN": public, "CVM_PRIVATE_TOKEN": private}
    with pytest.raises(ConfigurationError) as refused:
        CvmSession.from_env(environ)
    # The frame of this test has the token, and is not ours.
    trace = refused.value.__traceback__
    assert trace is not None
    assert PLAIN not in with_locals(refused.value.with_traceback(trace.tb_next))


def test_a_tracer_that_captures_headers_gets_no_token_and_who_sends_them_does() -> None:
    headers = UntracedHeaders({"Accept": "a, b"})
    Tokens("public", PLAIN).put_into(headers)
    assert headers.get_list("accept", split_commas=True) == ["a", "b"]
    assert headers.get_list("API-Private-Token", split_commas=True) == ["[token]"]
    assert headers.get_list("API-Private-Token") == [headers["API-Private-Token"]] == [PLAIN]
    assert dict(headers.raw)[b"API-Private-Token"].decode() == PLAIN
