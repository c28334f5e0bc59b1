"""One `ssl.SSLContext` for all connections, built when the first of them needs it.

Loading the certificate authorities takes some 20 ms, in which the event loop stands still. httpx spends them
for each transport, also where only http is spoken, and httpcore for each connection to an https proxy.
"""

import ssl
from collections.abc import Callable
from functools import cache, partial

import httpx

from cvm_async._lanes import options


def context_maker(
    verify: options.Verify | Callable[[], ssl.SSLContext], cert: options.Cert | None, *, trust_env: bool
) -> Callable[[], ssl.SSLContext]:
    """Make a function that builds the context at its first call and then returns the same one.

    Raises:
        OSError: A file that was named can't be read, or holds no certificate; at once, not at the first call.
        ValueError: There is a `cert` for a context that is made elsewhere.
    """
    if callable(verify):
        if cert is not None:
            raise ValueError("Load `cert` into the context that the function for `verify` returns.")
        return verify
    make = cache(partial(httpx.create_ssl_context, verify=verify, cert=cert, trust_env=trust_env))
    # What a person named can be wrong, and then it shows here; only httpx's default is worth putting off.
    if cert is not None or not isinstance(verify, bool):
        make()
    return make


@cache
def unused_context() -> ssl.SSLContext:
    """Return a context for transports that speak no TLS: without one, httpx would load the authorities.

    It trusts nobody, in case it is used after all.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def with_one_context(proxy: options.Proxy) -> httpx.Proxy:
    """Give an https proxy the context that httpcore would otherwise build for each connection to it."""
    proxy = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    if proxy.url.scheme != "https" or proxy.ssl_context is not None:
        return proxy
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return httpx.Proxy(proxy.url, auth=proxy.auth, headers=proxy.headers, ssl_context=context)
