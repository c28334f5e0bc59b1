from collections.abc import Callable

import httpx
import pytest

from cvm_async._lanes.client import LaneClient
from cvm_async._lanes.plain import is_own, plain_transport
from cvm_async.transport import LaneTransport, lane_client

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")

URL = httpx.URL("http://127.0.0.1/")


def test_the_transport_of_a_client_of_ours_is_plain() -> None:
    transport = LaneTransport()
    assert plain_transport(LaneClient(transport=transport), URL) is transport


def _hooked(client: httpx.AsyncClient) -> None:
    client.event_hooks = {"response": [print]}


def _with_auth(client: httpx.AsyncClient) -> None:
    client.auth = ("a", "b")


def _with_params(client: httpx.AsyncClient) -> None:
    client.params = httpx.QueryParams(a="b")


@pytest.mark.parametrize("change", [_hooked, _with_auth, _with_params])
def test_it_is_not_where_the_client_does_something_with_requests(change: Callable[[httpx.AsyncClient], None]) -> None:
    client = lane_client()
    change(client)
    assert plain_transport(client, URL) is None


def test_other_clients_have_none() -> None:
    class Own(LaneClient):
        pass

    for client in (httpx.AsyncClient(transport=LaneTransport()), Own(transport=LaneTransport())):
        assert plain_transport(client, URL) is None


def test_each_url_has_its_own_behind_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client = lane_client()
    far = plain_transport(client, httpx.URL("http://panel.invalid/"))
    near = plain_transport(client, URL)
    assert isinstance(near, LaneTransport)
    assert isinstance(far, LaneTransport)
    assert (near.plain_pool is None, far.plain_pool is None) == (False, True)


async def _other(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


def test_a_function_around_that_of_a_transport_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    transport, own = LaneTransport(), LaneTransport.handle_async_request
    assert is_own(transport, own)
    with monkeypatch.context() as only_here:
        only_here.setattr(transport, "handle_async_request", _other)
        assert not is_own(transport, own)
    monkeypatch.setattr(LaneTransport, "handle_async_request", _other)
    assert not is_own(transport, own)
