"""Who we are on a panel: a token pair that nobody finds as plain text, in whatever they print, walk through or keep.

They are kept masked, as every `Secret`, and are plain only in the headers of a request while it is under way.
"""

import base64
import html
import json
from collections.abc import Iterator
from typing import NoReturn
from urllib.parse import quote

import httpx

from cvm_async._secret import masked
from cvm_async.errors import ConfigurationError

PUBLIC_TOKEN_HEADER = "API-Public-Token"  # noqa: S105 - names, no tokens
PRIVATE_TOKEN_HEADER = "API-Private-Token"  # noqa: S105

_NAMES = frozenset((PUBLIC_TOKEN_HEADER.lower(), PRIVATE_TOKEN_HEADER.lower()))

BLANK = "[token]"
"""Stands where a token was: in a request that is over, in a text that echoed it."""

_PRINTABLE_ASCII = range(0x20, 0x7F)

_LEAST_SECRET = 4
"""Characters. What is shorter is no secret, and to blank it out would blank out ordinary words."""

_BASE64_GROUP = 3
"""Bytes that make four characters of base64: a text inside another one may begin at any of them."""


class Tokens:
    """A token pair, kept masked. It is neither shown nor compared nor pickled."""

    __slots__ = ("_masked",)

    def __init__(self, public: str, private: str) -> None:
        self._masked = (masked(public.encode("ascii")), masked(private.encode("ascii")))

    @classmethod
    def checked(cls, public: object, private: object) -> "Tokens":
        """Give the pair, where both can be tokens.

        Raises:
            ConfigurationError: One of them cannot be. It says which, and does not quote it: a wrong one is often the
                right one with a line break behind it.
        """
        flaw = _flaw("public_token", public) or _flaw("private_token", private)
        if flaw is None:
            return cls(str(public), str(private))
        # For who prints the locals of a traceback.
        del public, private
        raise ConfigurationError(flaw)

    def put_into(self, headers: httpx.Headers) -> None:
        """Put the tokens into the headers of a request."""
        public, private = self._masked
        headers[PUBLIC_TOKEN_HEADER] = _plain(public)
        headers[PRIVATE_TOKEN_HEADER] = _plain(private)

    def hide(self, text: bytes) -> bytes:
        """Give the text without the tokens, however spelt: an error page may show the headers of the request."""
        for hidden in self.hiding(text):
            text = hidden
        return text

    def hiding(self, text: bytes) -> Iterator[bytes]:
        """As `hide`, step by step, each some milliseconds of work where the text is long; the last gives it all."""
        for spelling in _spellings(self._masked):
            text = text.replace(spelling, BLANK.encode("ascii"))
            yield text

    def hide_in(self, text: str) -> str:
        """As `hide`, for text that is to be shown."""
        return self.hide(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return "Tokens(…)"

    def __reduce__(self) -> NoReturn:
        msg = "tokens are not pickled"
        raise TypeError(msg)


class UntracedHeaders(httpx.Headers):
    """Headers that give what is in them to whoever sends them, but no token to a tracer that captures them.

    OpenTelemetry's instrumentation, told to capture all headers, asks for each as a list split at commas; who sends a
    request takes them as they are.
    """

    def get_list(self, key: str, split_commas: bool = False) -> list[str]:  # noqa: FBT001, FBT002 - as httpx has it
        if split_commas and key.lower() in _NAMES:
            return [BLANK]
        return super().get_list(key, split_commas)


def blank_out_headers(headers: httpx.Headers) -> None:
    """Overwrite the tokens in headers, for whoever may have kept them.

    Overwriting takes httpx half as long as deleting, which would be 5 µs.
    """
    headers[PUBLIC_TOKEN_HEADER] = BLANK
    headers[PRIVATE_TOKEN_HEADER] = BLANK


def has_tokens(headers: httpx.Headers) -> bool:
    """Tell whether there are token headers, blank or not: a request of somebody else's may have none."""
    return PUBLIC_TOKEN_HEADER in headers or PRIVATE_TOKEN_HEADER in headers


def _flaw(name: str, text: object) -> str | None:
    if not isinstance(text, str) or not text:
        return f"{name} is empty, or no text"
    if any(ord(character) not in _PRINTABLE_ASCII for character in text):
        return f"{name} has a character that a token cannot have: a line break, a control or a non-ASCII character"
    if text != text.strip():
        return f"{name} begins or ends with a space"
    return None


def _plain(token: bytes) -> str:
    return masked(token).decode("ascii")


def _spellings(tokens: tuple[bytes, ...]) -> list[bytes]:
    """Give the tokens as an answer may echo them, the longest first: one may be a part of the other."""
    plain = [_plain(each) for each in tokens if len(each) >= _LEAST_SECRET]
    spelt = {spelling for token in plain for spelling in (*_written(token), *_in_base64(token))}
    # The panel's own errors are JSON, whatever a token was written like in their texts.
    escaped = {json.dumps(spelling)[1:-1] for spelling in spelt}
    spelt |= escaped | {spelling.replace("/", "\\/") for spelling in escaped}
    return sorted((text.encode("ascii") for text in spelt), key=len, reverse=True)


def _written(token: str) -> Iterator[str]:
    """Spell a token as programs write text: PHP's JSON and `var_export`, HTML, URLs."""
    escaped = json.dumps(token)[1:-1]
    yield from (token, escaped, escaped.replace("/", "\\/"))
    # json_encode's options JSON_HEX_TAG, _AMP, _APOS and _QUOT.
    yield "".join(f"\\u{ord(c):04X}" if c in "<>&'\"" else json.dumps(c)[1:-1] for c in token)
    # PHP's `var_export`, and Python's `repr`; and the `repr` of an error that has one in its text.
    yield from (_slashed(token), _slashed(_slashed(token)))
    for escaped in (
        html.escape(token),
        html.escape(token, quote=False),
        html.escape(token).replace("&#x27;", "&#039;"),
    ):
        # A page that shows another one escapes it once more.
        yield from (escaped, escaped.replace("&", "&amp;"))
    yield "".join(f"&#{ord(c)};" for c in token)
    yield "".join(c if c.isalnum() else f"&#{ord(c)};" for c in token)
    for safe in ("", "/", "/-_.~!*'()"):
        upper = quote(token, safe=safe)
        yield from (upper, upper.replace("%20", "+"), _lower_escapes(upper), _lower_escapes(upper).replace("%20", "+"))


def _slashed(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _lower_escapes(text: str) -> str:
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _in_base64(token: str) -> Iterator[str]:
    """Spell a token inside a longer text in base64: what it shares a character with, before and after it, varies."""
    for before in range(_BASE64_GROUP):
        whole = base64.b64encode(b"\0" * before + token.encode("ascii")).decode("ascii")
        skipped = -(-before * 4 // _BASE64_GROUP)
        certain = (before + len(token)) * 8 // 6
        inner = whole[skipped:certain]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))
