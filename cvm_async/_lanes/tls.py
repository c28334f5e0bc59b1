"""One `ssl.SSLContext` for all connections, built when the first of them needs it.

Loading the certificate authorities takes some 20 ms, in which the event loop stands still. httpx spends them
for each transport, also where only http is spoken, and httpcore for each connection to an https proxy.
"""

import os
import ssl
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import httpx

from cvm_async._lanes import options
from cvm_async.errors import ConfigurationError

_SOUND: set[tuple[tuple[str, str, int | None], ...]] = set()
"""What the environment named and a context was made with, with the time of the last change."""


def context_maker(
    verify: options.Verify | Callable[[], ssl.SSLContext], cert: options.Cert | None, *, trust_env: bool
) -> Callable[[], ssl.SSLContext]:
    """Make a function that builds the context at its first call and then returns the same one.

    Raises:
        ConfigurationError: A file that was named, here or by the environment, can't be read, or holds no certificate;
            at once, not at the first call. Or there is a `cert` for a context that is made elsewhere.
    """
    options.check(verify=verify, cert=cert, trust_env=trust_env)
    if callable(verify):
        if cert is not None:
            raise ConfigurationError("cert must be loaded into the context that the function for verify gives")
        return verify
    make = cache(partial(httpx.create_ssl_context, verify=verify, cert=cert, trust_env=trust_env))
    # What a person named can be wrong, and then it shows here; only httpx's default is worth putting off.
    if cert is not None or not isinstance(verify, bool):
        _check_files(make, verify, cert)
    else:
        _check_environment(make, trust_env=trust_env)
    return make


def _check_files(make: Callable[[], ssl.SSLContext], verify: options.Verify, cert: options.Cert | None) -> None:
    """Make the context now: a file that a person named may be wrong."""
    # Behind a certificate and its key stands a password.
    named = {"verify": verify, "cert": cert[:2] if isinstance(cert, tuple) else cert}
    try:
        make()
    except (OSError, ValueError) as error:
        told = " and ".join(f"{name}={value!r}" for name, value in named.items() if isinstance(value, (str, tuple)))
        raise ConfigurationError(f"no TLS can be set up with what was given ({told}): {error}") from None


def _check_environment(make: Callable[[], ssl.SSLContext], *, trust_env: bool) -> None:
    """Make the context now if the environment has a say in it, and may be wrong."""
    # Python looks at the last by itself, whoever is trusted.
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE") if trust_env else ("SSLKEYLOGFILE",)
    named = {name: os.environ[name] for name in names if os.environ.get(name)}
    if not named:
        return
    if "SSL_CERT_FILE" in named:
        # Then httpx does not look at the folder.
        named.pop("SSL_CERT_DIR", None)
    folder = named.get("SSL_CERT_DIR")
    if folder and not Path(folder).is_dir():
        # OpenSSL would say nothing, and trust nobody.
        raise ConfigurationError(f"SSL_CERT_DIR names no folder: {folder!r}")
    # 20 ms, which those who open a session for each call should not pay each time.
    seen = tuple((name, value, _modified(value)) for name, value in named.items())
    if seen in _SOUND:
        return
    try:
        make()
    except OSError as error:
        told = " and ".join(f"{name}={value!r}" for name, value in named.items())
        raise ConfigurationError(f"no TLS can be set up with what the environment names ({told}): {error}") from None
    _SOUND.add(seen)


def _modified(path: str) -> int | None:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return None


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
