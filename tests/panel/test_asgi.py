from collections.abc import Mapping
from typing import cast

import pytest

from cvm_async.panel.asgi import CLOSE_CONNECTION, RESET_CONNECTION, Delivery, HttpRequest, HttpResponse, instead
from cvm_async.panel.faults import Answer, Cut, Reset, too_many_requests

SESSION = "09e3779b97f4a7c15f39cc0605"


class Server:
    """What an ASGI server is to the application: messages, and the wish to drop the connection."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, object]] = []
        self.dropped: list[str] = []
        self.to_receive = ["http.request", "http.disconnect"]

    async def receive(self) -> Mapping[str, object]:
        return {"type": self.to_receive.pop(0)}

    async def send(self, message: Mapping[str, object]) -> None:
        self.sent.append(message)

    def request(self, *headers: tuple[bytes, bytes], offers_to_drop: bool = True) -> HttpRequest:
        scope: dict[str, object] = {"type": "http", "method": "GET", "path": "/", "headers": headers}
        if offers_to_drop:
            scope["extensions"] = {
                RESET_CONNECTION: lambda: self.dropped.append("reset"),
                CLOSE_CONNECTION: lambda: self.dropped.append("closed"),
            }
        return HttpRequest.of_scope(scope, self.receive)


async def delivered(delivery: Delivery) -> Server:
    server = Server()
    await server.request().deliver(delivery, server.send)
    return server


def header(server: Server, name: bytes) -> bytes | None:
    headers = cast("list[tuple[bytes, bytes]]", server.sent[0]["headers"])
    return dict(headers).get(name)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_not_http_is_refused_as_asgi_asks_for(kind: str) -> None:
    with pytest.raises(NotImplementedError, match=kind):
        HttpRequest.of_scope({"type": kind}, Server().receive)


def test_tokens_and_session_are_found_among_the_headers() -> None:
    request = Server().request(
        (b"accept", b"*/*"),
        (b"api-public-token", b"pub"),
        (b"api-private-token", b"priv"),
        (b"cookie", b"a=b; PHPSESSID=" + SESSION.encode() + b"; c=d"),
    )
    assert (request.tokens, request.session) == (("pub", "priv"), SESSION)


def test_without_them_tokens_are_empty_and_there_is_no_session() -> None:
    request = Server().request((b"cookie", b"XPHPSESSID=1"), offers_to_drop=False)
    assert (request.tokens, request.session, request.reset) == (("", ""), None, None)


async def test_an_answer_is_html_with_a_cookie_and_its_length() -> None:
    server = await delivered(HttpResponse.of_panel(200, b"[]", SESSION))
    assert header(server, b"content-type") == b"text/html; charset=UTF-8"
    assert header(server, b"set-cookie") == f"PHPSESSID={SESSION}; path=/".encode()
    assert header(server, b"content-length") == b"2"
    assert server.sent[1] == {"type": "http.response.body", "body": b"[]", "more_body": False}
    assert not server.dropped


async def test_what_is_answered_instead_has_no_cookie() -> None:
    server = await delivered(instead(too_many_requests(retry_after="7")))
    assert server.sent[0]["status"] == 429
    assert header(server, b"retry-after") == b"7"
    assert header(server, b"set-cookie") is None


async def test_an_answer_instead_may_have_another_content_type() -> None:
    server = await delivered(instead(Answer(headers={"Content-Type": "application/json"})))
    assert header(server, b"content-type") == b"application/json"


async def test_nothing_is_sent_to_a_caller_who_has_gone() -> None:
    server = await delivered(None)
    assert (server.sent, server.dropped) == ([], [])


async def test_a_reset_sends_nothing_and_waits_until_the_server_has_seen_it() -> None:
    server = await delivered(instead(Reset()))
    assert (server.sent, server.dropped, server.to_receive) == ([], ["reset"], [])


@pytest.mark.parametrize(
    ("body", "fault", "length", "comes"),
    [
        pytest.param(b"123456", Cut(), b"6", b"123", id="half of it"),
        pytest.param(b"123456", Cut(keep=1), b"6", b"1", id="so much of it"),
        pytest.param(b"123456", Cut(keep=0), b"6", b"", id="only the headers"),
        pytest.param(b"123456", Cut(keep=99), b"6", b"12345", id="all but a byte"),
        pytest.param(b"", Cut(), b"1", b"", id="an empty body"),
        pytest.param(b"", Cut(keep=3), b"1", b"", id="more of an empty body than there is"),
    ],
)
async def test_a_cut_announces_more_than_comes_and_closes(body: bytes, fault: Cut, length: bytes, comes: bytes) -> None:
    server = await delivered(HttpResponse.of_panel(200, body, SESSION).cut(fault))
    assert header(server, b"content-length") == length
    assert server.sent[1] == {"type": "http.response.body", "body": comes, "more_body": True}
    assert server.dropped == ["closed"]


async def test_where_the_server_does_not_offer_to_drop_an_error_says_so() -> None:
    server = Server()
    with pytest.raises(ConnectionResetError, match="simulated panel"):
        await server.request(offers_to_drop=False).deliver(Reset(), server.send)


@pytest.mark.parametrize(
    ("messages", "fields"),
    [
        pytest.param([{"type": "http.request", "body": b"template=7&x="}], {"template": "7", "x": ""}, id="at once"),
        pytest.param(
            [{"type": "http.request", "body": b"temp", "more_body": True}, {"type": "http.request", "body": b"late=7"}],
            {"template": "7"},
            id="in pieces",
        ),
        pytest.param(
            [{"type": "http.request", "body": b"template=7", "more_body": True}, {"type": "http.disconnect"}],
            {},
            id="cut off",
        ),
        pytest.param([{"type": "http.request"}], {}, id="none"),
    ],
)
async def test_a_form_is_read_as_it_comes(messages: list[dict[str, object]], fields: dict[str, str]) -> None:
    async def receive() -> Mapping[str, object]:
        return messages.pop(0)

    request = HttpRequest.of_scope({"type": "http", "method": "POST", "path": "/", "headers": ()}, receive)
    assert await request.form() == fields
