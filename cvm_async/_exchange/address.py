"""Where a panel is: a checked URL, fit to send tokens to."""

import httpx

from cvm_async._checks import refuse
from cvm_async._safe_text import excerpt
from cvm_async.errors import ConfigurationError
from cvm_async.transport import is_loopback

_PORTS = range(1, 1 << 16)


def panel_url(text: str, *, allow_insecure: bool) -> httpx.URL:
    """Give an origin, possibly with a path prefix, that is fit to send tokens to.

    Raises:
        ConfigurationError: It is no such URL, or would send the tokens in the clear across a network.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        refuse("the panel's URL", "a text such as https://panel.example.net", text, secret=True)
    url = _parsed(text)
    # httpx percent-encodes what cannot be in a host name, and would let it fail at the first call.
    if url.scheme not in {"http", "https"} or not url.host or "%" in url.host:
        msg = f"the panel's URL must begin with https:// and a host name, not {_shown(text)}"
        raise ConfigurationError(msg)
    plain = url.copy_with(userinfo=b"", raw_path=_prefix(url).encode("ascii"), fragment=None)
    # Looked for in the text, too: a bare "?" or "#" is no query and no fragment, but would end the path.
    if url.userinfo or "?" in text or "#" in text:
        msg = f"the panel's URL must be an origin, possibly with a path: no user name, query or fragment ({plain})"
        raise ConfigurationError(msg)
    if url.port is not None and url.port not in _PORTS:
        msg = f"the panel's URL has a port that cannot be: {url.port}"
        raise ConfigurationError(msg)
    if url.scheme == "http" and not (allow_insecure or is_loopback(url.host)):
        msg = (
            f"http://{url.host} would send the tokens unencrypted: use https://, or allow_insecure=True "
            "if the network between is your own"
        )
        raise ConfigurationError(msg)
    return plain


def _parsed(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
        # Decoded when it is asked for, and refused only then.
        _ = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        reason = "" if _may_hold_password(text) else f": {error}"
        msg = f"the panel's URL is not a URL{reason}"
        raise ConfigurationError(msg) from None
    return url


def _prefix(url: httpx.URL) -> str:
    # Not `url.path`, which is decoded: a "%2F" would become a slash.
    path = url.raw_path.decode("ascii").partition("?")[0]
    return path.rstrip("/") or "/"


def _may_hold_password(text: str) -> bool:
    return "@" in text


def _shown(text: str) -> str:
    return "what was given" if _may_hold_password(text) else repr(excerpt(text))
