"""Which way a request takes: directly, or through one of the environment's proxies."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from cvm_async._lanes.proxies import Proxies

_PROXY_POOLS = (httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy)


class RoutingTransport(httpx.AsyncBaseTransport):
    """Hands each request to the transport for its proxy, or to the direct one.

    Args:
        proxies: The proxies.
        direct: Takes what goes through none of them.
        make: Makes the transport for one.
    """

    def __init__(
        self,
        proxies: Proxies,
        direct: httpx.AsyncBaseTransport,
        make: Callable[[httpx.Proxy], httpx.AsyncBaseTransport],
    ) -> None:
        self._proxies = proxies
        self._direct = direct
        self._by_scheme: Mapping[str, httpx.AsyncBaseTransport] = {
            scheme: make(proxy) for scheme, proxy in proxies.by_scheme.items()
        }

    def transport_for(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """Give the transport that takes the requests to a URL."""
        scheme = self._proxies.scheme_for(url)
        return self._direct if scheme is None else self._by_scheme[scheme]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.transport_for(request.url).handle_async_request(request)

    async def aclose(self) -> None:
        async with AsyncExitStack() as closing:
            for transport in (self._direct, *self._by_scheme.values()):
                closing.push_async_callback(transport.aclose)


def goes_through_proxy(client: httpx.AsyncClient, url: httpx.URL) -> bool:
    """Tell whether a client reaches a URL through a proxy, as far as that can be seen.

    httpx has no public way to ask; so this looks into it, as it is pinned below 0.29, and into transports that hold
    others. What a transport of another kind does below them nobody can know.
    """
    transports: list[object] = [client._transport_for_url(url)]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    seen: set[int] = set()
    while transports:
        transport = transports.pop()
        parts = _parts(transport, url)
        # httpx's own transport has the one, ours over httpcore and httpx-aiohttp's the other.
        if isinstance(parts.get("_pool"), _PROXY_POOLS) or parts.get("proxy") is not None:
            return True
        if _is_proxied_session(parts.get("client"), url):
            return True
        seen.add(id(transport))
        transports += [
            part for part in parts.values() if isinstance(part, httpx.AsyncBaseTransport) and id(part) not in seen
        ]
    return False


def _is_proxied_session(session: object, url: httpx.URL) -> bool:
    """Tell whether it is a session of aiohttp's, as httpx-aiohttp may hold, with a proxy on the way."""
    if getattr(session, "_default_proxy", None) is not None:
        return True
    reads_environment = bool(getattr(session, "trust_env", False))
    return reads_environment and url.scheme in getproxies() and not proxy_bypass(url.host)


def _parts(transport: object, url: httpx.URL) -> dict[str, object]:
    if isinstance(transport, RoutingTransport):
        return {"chosen": transport.transport_for(url)}
    return getattr(transport, "__dict__", {})
