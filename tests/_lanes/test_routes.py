"""Whether tokens that travel unencrypted stay on this machine is judged from the route, not from the URL."""

from collections.abc import Callable
from functools import partial

import aiohttp
import httpx
import pytest
from loopback import LoopbackServer
from mocked import PRIVATE, PUBLIC

from cvm_async import ConfigurationError, CvmSession, fast_client, lane_client
from cvm_async.panel import SimulatedPanel
from cvm_async.transport import goes_through_proxy

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")

PROXY = "http://127.0.0.1:9"
Make = Callable[[], httpx.AsyncClient]


class Wrapping(httpx.AsyncBaseTransport):
    """A transport of the user's around another."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        # As transports do that know who holds them.
        self.outer = self


PROXIED: dict[str, Make] = {
    "httpx": lambda: httpx.AsyncClient(proxy=PROXY),
    "lanes": lambda: lane_client(proxy=PROXY),
    "fast": lambda: fast_client(proxy=httpx.Proxy(PROXY)),
    "lanes with limits": lambda: lane_client(proxy="https://127.0.0.1:9", mounts={"all://panel.invalid": None}),
    "a mount": lambda: httpx.AsyncClient(mounts={"http://": httpx.AsyncHTTPTransport(proxy=PROXY)}),
    "a mount of lanes": lambda: lane_client(mounts={"all://127.0.0.1": httpx.AsyncHTTPTransport(proxy=PROXY)}),
    "a transport": lambda: httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(proxy=PROXY)),
    "a wrapped transport": lambda: httpx.AsyncClient(transport=Wrapping(httpx.AsyncHTTPTransport(proxy=PROXY))),
}
DIRECT: dict[str, Make] = {
    "httpx": httpx.AsyncClient,
    "lanes": lane_client,
    "fast": fast_client,
    "a mount for another": lambda: lane_client(mounts={"all://panel.invalid": httpx.AsyncHTTPTransport(proxy=PROXY)}),
    "a mount of nothing": lambda: lane_client(proxy=PROXY, mounts={"http://": None}),
    "a wrapped transport": lambda: httpx.AsyncClient(transport=Wrapping(httpx.AsyncHTTPTransport())),
    "a mock": lambda: httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))),
}


def session(url: str, client: httpx.AsyncClient | None, *, allow_insecure: bool = False) -> CvmSession:
    return CvmSession(url, public_token=PUBLIC, private_token=PRIVATE, client=client, allow_insecure=allow_insecure)


@pytest.mark.parametrize("make", PROXIED.values(), ids=PROXIED)
async def test_a_client_that_would_show_a_proxy_the_tokens_is_refused(make: Make) -> None:
    async with make() as client:
        with pytest.raises(ConfigurationError, match=r"reaches 127\.0\.0\.1 through a proxy.* NO_PROXY"):
            session("http://127.0.0.1:8080", client)


@pytest.mark.parametrize("make", PROXIED.values(), ids=PROXIED)
async def test_it_is_taken_where_nothing_is_shown_or_showing_is_allowed(make: Make) -> None:
    async with (
        make() as client,
        session("https://127.0.0.1:8080", client),
        session("http://127.0.0.1:8080", client, allow_insecure=True),
    ):
        pass


@pytest.mark.parametrize("make", DIRECT.values(), ids=DIRECT)
async def test_a_client_without_a_proxy_on_the_way_is_taken(make: Make) -> None:
    async with make() as client, session("http://127.0.0.1:8080", client):
        pass


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://[::1]:8080", "http://127.1.2.3", "http://[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("no_proxy", ["", "example.net", "127.0.0.0/8"])
async def test_httpxs_reading_of_the_environment_counts_for_a_client_of_its(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str, no_proxy: str
) -> None:
    monkeypatch.setenv(variable, PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    async with httpx.AsyncClient() as theirs, lane_client() as ours, session(url, ours):
        with pytest.raises(ConfigurationError, match="through a proxy"):
            session(url, theirs)


class OverAiohttp(httpx.AsyncBaseTransport):
    """A transport that holds a session of aiohttp's, as httpx-aiohttp's may."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.client = client


@pytest.mark.parametrize(
    ("trust_env", "proxy", "no_proxy", "is_taken"),
    [(False, None, "", True), (True, None, "", False), (True, None, "127.0.0.1", True), (False, PROXY, "", False)],
    ids=["no proxy", "the environment's", "an exception", "its own"],
)
async def test_a_proxy_of_aiohttps_is_seen_too(
    monkeypatch: pytest.MonkeyPatch, *, trust_env: bool, proxy: str | None, no_proxy: str, is_taken: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    async with aiohttp.ClientSession(trust_env=trust_env, proxy=proxy) as theirs:
        client = httpx.AsyncClient(transport=OverAiohttp(theirs))
        assert goes_through_proxy(client, httpx.URL("http://127.0.0.1")) is not is_taken


async def test_a_client_of_httpxs_that_the_environment_excepts_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    async with httpx.AsyncClient(trust_env=False) as client, session("http://127.0.0.1", client):
        pass
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with httpx.AsyncClient() as client, session("http://127.0.0.1", client):
        pass


@pytest.mark.parametrize("make", [lambda: None, lane_client, partial(fast_client)], ids=["own", "lanes", "fast"])
async def test_what_is_for_this_machine_goes_there_directly(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], httpx.AsyncClient | None]
) -> None:
    async with SimulatedPanel(vpses=1) as panel, LoopbackServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        client = make()
        async with CvmSession(
            panel.url, public_token=panel.public_token, private_token=panel.private_token, client=client
        ) as opened:
            await opened.stop(1)
        if client is not None:
            await client.aclose()
        assert proxy.connections == 0
