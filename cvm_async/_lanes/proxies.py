"""Which proxies the environment asks for, as `httpx.AsyncClient` would read it.

httpx reads the environment only where it makes the transports itself; a client over our own has to ask here.
The rules are httpx's, those of NO_PROXY included, so that a user's proxy settings mean the same to both.
"""

import ipaddress
from urllib.request import getproxies

import httpx

_SCHEMES = ("http", "https", "all")


def environment_proxies() -> dict[str, httpx.Proxy | None]:
    """Read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case, or the system's settings.

    Returns:
        For each URL pattern of httpx's `mounts` its proxy, or None where there is to be none.

    Raises:
        ValueError: A proxy's URL has a scheme that httpx does not know.
    """
    settings = getproxies()
    unproxied = [name.strip() for name in settings.get("no", "").split(",")]
    if "*" in unproxied:
        return {}
    proxies: dict[str, httpx.Proxy | None] = {
        f"{scheme}://": httpx.Proxy(_with_scheme(settings[scheme])) for scheme in _SCHEMES if settings.get(scheme)
    }
    return proxies | {_pattern(name): None for name in unproxied if name}


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _pattern(name: str) -> str:
    """Turn one entry of NO_PROXY into a URL pattern of httpx's.

    A bare domain stands for itself and its subdomains, `.example.net` for the subdomains alone, an address
    and localhost for themselves.
    """
    if "://" in name:
        return name
    version = _ip_version(name)
    if version == 6:  # noqa: PLR2004 -- the name of the protocol, no measure
        return f"all://[{name}]"
    if version is not None or name.lower() == "localhost":
        return f"all://{name}"
    return f"all://*{name}"


def _ip_version(name: str) -> int | None:
    # httpx takes a network ("192.168.0.0/16") for an address too, and then matches it literally.
    address, _, _ = name.partition("/")
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None
