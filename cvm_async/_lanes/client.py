"""`LaneClient` is an `httpx.AsyncClient` that leaves out what has no effect on a plain request.

It can also ignore the cookies of answers: extracting them is a third of what httpx itself spends on a call, and some
servers run all calls that carry the same cookie one after the other.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from cvm_async._lanes import options
from cvm_async._lanes.mocked import is_watched

if TYPE_CHECKING:
    from httpx._client import UseClientDefault

_httpx_logger = logging.getLogger("httpx")


class _UnfilledCookies(httpx.Cookies):
    """Cookies that the user put in, and none that came with an answer."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Extract none."""


class _TimedStream(httpx.AsyncByteStream):
    """Tells the response, once it is closed, how long all of it took."""

    def __init__(self, response: httpx.Response, started: float) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 -- narrows, as in httpx's client
        self._stream = response.stream
        self._response = response
        self._started = started

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
        self._response.elapsed = timedelta(seconds=time.perf_counter() - self._started)


class LaneClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` that takes a shorter way where nothing calls for the longer one.

    Args:
        transport: Takes the requests that no mount does.
        mounts: As in httpx; where there are any, every request has to be matched with them.
        cookies: Are sent in any case.
        keep_cookies: Whether cookies that come with an answer are kept, and sent back.
        default_encoding: As in httpx.
        rest: httpx's other arguments.
    """

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport,
        mounts: Mapping[str, httpx.AsyncBaseTransport | None] | None = None,
        cookies: options.Cookies | None = None,
        keep_cookies: bool = True,
        default_encoding: str | Callable[[bytes], str] = "utf-8",
        **rest: Any,  # noqa: ANN401 -- `lane_client` has them typed; said once is enough
    ) -> None:
        super().__init__(transport=transport, mounts=mounts, default_encoding=default_encoding, **rest)
        # httpx keeps it to itself.
        self._encoding = default_encoding
        self.keeps_cookies: bool = keep_cookies
        self.cookies = cookies

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{', closed' if self.is_closed else ''} over {self._transport!r}>"

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies that are sent."""
        return self._jar

    @cookies.setter
    def cookies(self, cookies: options.Cookies | None) -> None:
        self._jar = httpx.Cookies(cookies) if self.keeps_cookies else _UnfilledCookies(cookies)

    @property
    def adds_nothing(self) -> bool:
        """Whether it would hand a request without authentication on as it is, to the transport for its URL."""
        return not (
            self.is_closed
            or any(self.event_hooks.values())
            # Its records tell of each request.
            or _httpx_logger.isEnabledFor(logging.INFO)
            or is_watched()
        )

    def transport_for(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """Give the transport that takes the requests to a URL."""
        return self._transport_for_url(url) if self._mounts else self._transport

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: "options.Auth | UseClientDefault | None" = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: "bool | UseClientDefault" = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send a request, as httpx's own `send` does.

        A request without authentication, hooks or redirects to follow goes straight to the transport: httpx's own way
        has generators for these, and makes a log record that nobody reads.
        """
        if follow_redirects is httpx.USE_CLIENT_DEFAULT:
            follow_redirects = self.follow_redirects
        if (
            follow_redirects
            or (self.auth is not None if auth is httpx.USE_CLIENT_DEFAULT else auth is not None)
            or request.url.userinfo
            or not isinstance(request.stream, httpx.AsyncByteStream)
            or not self.adds_nothing
        ):
            return await super().send(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
        started = time.perf_counter()
        if "timeout" not in request.extensions:
            request.extensions = {**request.extensions, "timeout": self.timeout.as_dict()}
        try:
            response = await self.transport_for(request.url).handle_async_request(request)
        except httpx.RequestError as error:
            error.request = request
            raise
        response.request = request
        response.default_encoding = self._encoding
        if self.keeps_cookies and "Set-Cookie" in response.headers:
            self.cookies.extract_cookies(response)
        if response.has_redirect_location:
            response = await self._with_next_request(request, response)
        if isinstance(response.stream, httpx.ByteStream):
            response.elapsed = timedelta(seconds=time.perf_counter() - started)
        else:
            response.stream = _TimedStream(response, started)
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response

    async def _with_next_request(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        # Only httpx can make `next_request`: give it the answer that we have.
        async def answer(_: httpx.Request) -> httpx.Response:
            return response

        try:
            replaying = httpx.AsyncClient(
                transport=httpx.MockTransport(answer), cookies=self.cookies, default_encoding=self._encoding
            )
            return await replaying.send(request, stream=True)
        except BaseException:
            await response.aclose()
            raise
