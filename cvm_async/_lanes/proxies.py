"""Which proxy the environment asks for, and what is always reached directly: this machine.

httpx reads the environment only where it makes the transports itself; a client over our own has to ask here. The
variables mean what they mean to httpx, and NO_PROXY besides what it means to curl and Go: networks, ports and
addresses in brackets too, of which httpx makes nothing.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TypeAlias
from urllib.request import getproxies

import httpx
from attrs import field, frozen

from cvm_async._lanes import options
from cvm_async.errors import ConfigurationError

_SCHEMES = ("http", "https", "all")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = range(1, 1 << 16)

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@frozen
class Proxies:
    """The proxies of the environment.

    Attributes:
        by_scheme: The proxy for each scheme of a URL, or for "all" of them.
        exceptions: What is reached directly all the same.
    """

    by_scheme: Mapping[str, httpx.Proxy] = field(factory=dict[str, httpx.Proxy])
    exceptions: "tuple[_Exception, ...]" = ()

    def scheme_for(self, url: httpx.URL) -> str | None:
        """Give the key in `by_scheme` of the proxy that a URL is reached through, or None.

        This machine is reached directly, whatever the environment says: what is for it must not leave it.
        """
        scheme = next((scheme for scheme in (url.scheme, "all") if scheme in self.by_scheme), None)
        if scheme is None or is_loopback(url.host) or any(exception.matches(url) for exception in self.exceptions):
            return None
        return scheme


@frozen
class _Exception:
    """One entry of NO_PROXY: a network, or else a domain itself, what is below it, or both."""

    scheme: str
    port: int | None
    network: Network | None
    domain: str
    itself: bool
    below: bool

    def matches(self, url: httpx.URL) -> bool:
        port = url.port or _DEFAULT_PORTS.get(url.scheme)
        if self.scheme not in {"", "all", url.scheme} or self.port not in {None, port}:
            return False
        address = _address(url.host)
        if self.network is not None:
            return address is not None and address in self.network
        host = url.raw_host.decode("ascii").lower().rstrip(".")
        if address is not None:
            return False
        return (self.itself and host == self.domain) or (self.below and host.endswith(f".{self.domain}"))


def environment_proxies() -> Proxies:
    """Read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, or the system's settings.

    Raises:
        ConfigurationError: One of them names no proxy that can be used.
    """
    settings = getproxies()
    entries = [entry for entry in re.split(r"[,\s]+", settings.get("no", "")) if entry]
    if "*" in entries:
        return Proxies()
    proxies = {
        scheme: checked_proxy(_with_scheme(settings[scheme].strip()), named_by=_variable(scheme))
        for scheme in _SCHEMES
        if settings.get(scheme)
    }
    return Proxies(proxies, tuple(exception for exception in map(_exception, entries) if exception is not None))


def checked_proxy(proxy: options.Proxy, *, named_by: str) -> httpx.Proxy:
    """Give a proxy that httpx can use.

    Raises:
        ConfigurationError: It cannot. The message has no part of its URL, which may hold a password.
    """
    try:
        made = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
        # Decoded when it is asked for, and refused only then.
        flaw = _flaw(made.url.scheme, made.url.host, made.url.port)
    except httpx.InvalidURL:
        flaw = "it is no URL"
    except ValueError:
        flaw = f"its scheme is none of {', '.join(_PROXY_SCHEMES)}, or its host is no name"
    else:
        if flaw is None:
            return made
    raise ConfigurationError(f"{named_by} names no proxy that can be used: {flaw}")


def is_loopback(host: str) -> bool:
    """Tell whether a host of a URL is this machine.

    Names below ".localhost" should lead here as well (RFC 6761 §6.3), but that is up to whoever resolves them.
    """
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _flaw(scheme: str, host: str, port: int | None) -> str | None:
    # httpx percent-encodes what cannot be in a host name.
    if not host or "%" in host or " " in host:
        return "it names no host"
    if port is not None and port not in _PORTS:
        return "it has a port that cannot be"
    if scheme.startswith("socks") and not find_spec("socksio"):
        return "SOCKS needs the package socksio: pip install 'httpx[socks]'"
    return None


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(scheme: str) -> str:
    """Give the name by which the environment has a proxy: the lower case wins, as in `getproxies`."""
    wanted = f"{scheme}_proxy"
    found = [name for name in os.environ if name.lower() == wanted]
    return wanted if wanted in found or not found else found[0]


def _exception(entry: str) -> _Exception | None:
    """Read one entry of NO_PROXY: `example.net`, `.example.net`, `10.0.0.0/8`, `[::1]:8080`, `https://example.net`.

    A bare domain stands for itself and what is below it, one with a leading dot for what is below it alone, and the
    host of a URL for itself alone.

    Returns:
        None where no URL can match it.
    """
    scheme, _, where = entry.rpartition("://")
    host, port = _host_and_port(where)
    if not host or not (port == "" or (port.isascii() and port.isdigit())):
        return None
    domain = host.lower().removeprefix("*").rstrip(".")
    only_below = domain.startswith(".")
    return _Exception(
        scheme=scheme.lower(),
        port=int(port) if port else None,
        network=_network(host),
        domain=_in_ascii(domain.removeprefix(".")),
        itself=not only_below,
        below=only_below or not scheme or host.startswith("*"),
    )


def _host_and_port(where: str) -> tuple[str, str]:
    if where.startswith("["):
        host, _, rest = where[1:].partition("]")
        return (host + rest, "") if rest.startswith("/") else (host, rest.removeprefix(":"))
    if where.count(":") == 1:
        host, _, port = where.partition(":")
        return host, port
    return where, ""


def _in_ascii(domain: str) -> str:
    try:
        return httpx.URL(scheme="http", host=domain).raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        return domain


def _network(host: str) -> Network | None:
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    # An IPv4 address in IPv6's clothes leads where the IPv4 address does.
    return getattr(address, "ipv4_mapped", None) or address
