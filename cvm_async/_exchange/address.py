"""Where a panel is and who we are there: a checked URL and a checked token pair, neither half ever shown."""

import html
import ipaddress
import json
from urllib.parse import quote

import httpx
from attrs import Factory, field, frozen

from cvm_async._safe_text import excerpt
from cvm_async.errors import ConfigurationError

PUBLIC_TOKEN_HEADER = b"API-Public-Token"
PRIVATE_TOKEN_HEADER = b"API-Private-Token"

_PRINTABLE_ASCII = range(0x20, 0x7F)
_PORTS = range(1, 1 << 16)

_LEAST_SECRET = 4
"""Characters. What is shorter is no secret, and to blank it out would blank out ordinary words."""


def panel_url(text: str, *, allow_insecure: bool) -> httpx.URL:
    """Give an origin, possibly with a path prefix, that is fit to send tokens to.

    Raises:
        ConfigurationError: It is no such URL, or would send the tokens in the clear across a network.
    """
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
    if url.scheme == "http" and not (allow_insecure or _is_loopback(url.host)):
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
    except (httpx.InvalidURL, UnicodeError, TypeError, AttributeError) as error:
        reason = "" if _may_hold_password(text) else f": {error}"
        msg = f"the panel's URL is not a URL{reason}"
        raise ConfigurationError(msg) from None
    return url


def _prefix(url: httpx.URL) -> str:
    # Not `url.path`, which is decoded: a "%2F" would become a slash.
    path = url.raw_path.decode("ascii").partition("?")[0]
    return path.rstrip("/") or "/"


def _may_hold_password(text: object) -> bool:
    return "@" in str(text)


def _shown(text: str) -> str:
    return "what was given" if _may_hold_password(text) else repr(excerpt(text))


def _is_loopback(host: str) -> bool:
    # Names below ".localhost" should lead here as well (RFC 6761 §6.3), but that is up to whoever resolves them.
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(name: str, text: object) -> bytes:
    # The message must not quote the token: a wrong one is often the right one with a line break behind it.
    if not isinstance(text, str) or not text:
        msg = f"{name} is empty, or no text"
        raise ConfigurationError(msg)
    if any(ord(character) not in _PRINTABLE_ASCII for character in text):
        msg = f"{name} has a character that a token cannot have: a line break, a control or a non-ASCII character"
        raise ConfigurationError(msg)
    if text != text.strip():
        msg = f"{name} begins or ends with a space"
        raise ConfigurationError(msg)
    return text.encode("ascii")


def _spellings(tokens: "Tokens") -> tuple[bytes, ...]:
    """Give the tokens as an answer may echo them: as they are, in PHP's JSON, in HTML and in a URL."""
    plain = [value.decode("ascii") for _, value in tokens.headers if len(value) >= _LEAST_SECRET]
    spelt = [
        spelling
        for token in plain
        for spelling in (
            token,
            json.dumps(token)[1:-1],
            json.dumps(token)[1:-1].replace("/", "\\/"),
            html.escape(token),
            quote(token, safe=""),
            quote(token),
        )
    ]
    # The longest first: one token may be a part of the other.
    return tuple(dict.fromkeys(text.encode("ascii") for text in sorted(spelt, key=len, reverse=True)))


@frozen(repr=False)
class Tokens:
    """A token pair as the headers that carry it; its `repr` shows neither half."""

    headers: tuple[tuple[bytes, bytes], ...] = field()
    _spellings: tuple[bytes, ...] = field(init=False, eq=False, default=Factory(_spellings, takes_self=True))

    @classmethod
    def checked(cls, public: str, private: str) -> "Tokens":
        return cls(
            (
                (PUBLIC_TOKEN_HEADER, _token("public_token", public)),
                (PRIVATE_TOKEN_HEADER, _token("private_token", private)),
            )
        )

    def hide(self, text: bytes) -> bytes:
        """Give the text without the tokens: a debugging page of PHP's, or a proxy's, shows the request's headers."""
        for spelling in self._spellings:
            text = text.replace(spelling, b"[token]")
        return text

    def hide_in(self, text: str) -> str:
        """As `hide`, for text that is to be shown."""
        return self.hide(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return "Tokens(…)"

    def __reduce__(self) -> str:
        msg = "tokens are not pickled"
        raise TypeError(msg)
