from collections.abc import AsyncGenerator, Generator

import httpx
import pytest
from mocked import URL

from cvm_async._exchange.cookies import CookieBlindAuth

CHALLENGE = {
    "WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5',
    "Set-Cookie": "PHPSESSID=theirs; path=/",
}


class Challenging(httpx.AsyncBaseTransport):
    """Answers 401 with a cookie until there is an `Authorization`, and tells which cookies came each time."""

    def __init__(self) -> None:
        self.cookies: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.cookies.append(request.headers.get("Cookie"))
        if request.url.path == "/login":
            return httpx.Response(200, headers={"Set-Cookie": "gate=open; path=/"})
        return httpx.Response(200) if "Authorization" in request.headers else httpx.Response(401, headers=CHALLENGE)


async def exchange(auth: httpx.Auth, cookie: str | None = None) -> tuple[CookieBlindAuth, list[str | None]]:
    transport = Challenging()
    blind = CookieBlindAuth(auth)
    async with httpx.AsyncClient(transport=transport) as client:
        request = httpx.Request("GET", URL, headers={} if cookie is None else {"Cookie": cookie})
        response = await client.send(request, auth=blind)
        assert response.status_code == 200
    return blind, transport.cookies


async def test_digest_works_and_the_challenges_cookie_is_not_sent_back() -> None:
    _, cookies = await exchange(httpx.DigestAuth("bob", "builder"))
    assert cookies == [None, None]


async def test_httpx_by_itself_sends_the_challenges_cookie_back() -> None:
    transport = Challenging()
    async with httpx.AsyncClient(transport=transport) as client:
        await client.send(httpx.Request("GET", URL), auth=httpx.DigestAuth("bob", "builder"))
    assert transport.cookies == [None, "PHPSESSID=theirs"]


async def test_a_cookie_that_the_user_put_there_stays_also_if_the_panel_calls_its_own_the_same() -> None:
    _, cookies = await exchange(httpx.DigestAuth("bob", "builder"), "PHPSESSID=mine; a=1")
    assert cookies == ["PHPSESSID=mine; a=1"] * 2


class GateAuth(httpx.Auth):
    """Logs in elsewhere and shows that cookie, beside those of the answer, as a careless one would."""

    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Cookie"] = "early=1"
        response = yield request
        login = yield httpx.Request("GET", f"{URL}/login")
        request.headers["Authorization"] = "Gate"
        request.headers["Cookie"] = f"early=1; gate={login.cookies['gate']}; PHPSESSID={response.cookies['PHPSESSID']}"
        yield request


async def test_a_cookie_that_the_authentication_got_elsewhere_stays() -> None:
    _, cookies = await exchange(GateAuth())
    assert cookies == ["early=1", None, "early=1; gate=open"]


class ForgetfulAuth(httpx.Auth):
    """Takes all cookies off before the second try."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield request
        del request.headers["Cookie"]
        request.headers["Authorization"] = "Bare"
        yield request


async def test_a_cookie_that_the_authentication_takes_off_is_not_put_back() -> None:
    _, cookies = await exchange(ForgetfulAuth(), "a=1")
    assert cookies == ["a=1", None]


class FailingAuth(httpx.Auth):
    def __init__(self) -> None:
        self.is_over = False

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        try:
            yield request
        finally:
            self.is_over = True


async def test_the_users_authentication_is_ended_with_the_exchange_also_if_that_fails() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    auth = FailingAuth()
    blind = CookieBlindAuth(auth)
    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        with pytest.raises(httpx.ConnectError):
            await client.send(httpx.Request("GET", URL), auth=blind)
    assert auth.is_over
    assert not blind.answered


async def test_it_tells_whether_the_request_was_answered() -> None:
    blind, _ = await exchange(httpx.DigestAuth("bob", "builder"))
    assert blind.answered
