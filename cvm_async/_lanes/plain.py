"""Tells whether a client of ours would do nothing with a request but hand it to a transport: then bytes are enough.

It is asked for each call, since hooks, an authentication, a mock or an instrumentation may come and go at any time.
"""

import httpx

from cvm_async._lanes.client import LaneClient
from cvm_async._lanes.mocked import is_mocked
from cvm_async._lanes.routes import RoutingTransport

# What stands there later may be somebody else's function around it.
_SEND = LaneClient.send
_ROUTE = RoutingTransport.handle_async_request


def plain_transport(client: httpx.AsyncClient, url: httpx.URL) -> httpx.AsyncBaseTransport | None:
    """Give the transport that gets the requests to a URL as they are; None where the client does more with them."""
    if type(client) is not LaneClient or LaneClient.send is not _SEND or "send" in vars(client):
        return None
    if client.auth is not None or client.params or not client.adds_nothing or is_mocked():
        return None
    transport = client.transport_for(url)
    if not isinstance(transport, RoutingTransport):
        return transport
    return transport.transport_for(url) if is_own(transport, _ROUTE) else None


def is_own(transport: httpx.AsyncBaseTransport, handle: object) -> bool:
    """Tell whether this very function handles the requests of a transport, and none around it."""
    return type(transport).handle_async_request is handle and "handle_async_request" not in vars(transport)
