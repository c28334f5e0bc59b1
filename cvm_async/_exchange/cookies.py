"""Keeps a given client's authentication from sending the panel's cookie back."""

from collections.abc import AsyncGenerator

import httpx


class CookieBlindAuth(httpx.Auth):
    """Another `httpx.Auth`, without the cookies that it would hand back to the panel.

    httpx's DigestAuth answers a challenge with the cookies that came with it. With the panel's among them, all our
    calls would run one after the other. Cookies that came otherwise stay: those that the user put into the client's
    headers, and those that the authentication got elsewhere.

    Attributes:
        answered: Whether our request has been answered already, so that something has seen it.
    """

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth
        self.answered = False

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        own = _pairs(request)
        theirs: set[str] = set()
        flow = self._auth.async_auth_flow(request)
        try:
            outgoing = await anext(flow)
            while True:
                if outgoing is request and theirs:
                    kept = [pair for pair in _pairs(request) if pair in own or _name(pair) not in theirs]
                    _set_cookies(request, kept)
                response = yield outgoing
                if outgoing is request:
                    self.answered = True
                    theirs.update(_name(cookie) for cookie in response.headers.get_list("Set-Cookie"))
                try:
                    outgoing = await flow.asend(response)
                except StopAsyncIteration:
                    return
        finally:
            await flow.aclose()


def _pairs(request: httpx.Request) -> list[str]:
    return [pair for part in request.headers.get("Cookie", "").split(";") if (pair := part.strip())]


def _name(cookie: str) -> str:
    return cookie.partition("=")[0].strip()


def _set_cookies(request: httpx.Request, pairs: list[str]) -> None:
    request.headers.pop("Cookie", None)
    if pairs:
        request.headers["Cookie"] = "; ".join(pairs)
