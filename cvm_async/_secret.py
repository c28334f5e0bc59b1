"""`Secret`: a text that nobody finds in whatever they print, walk through or keep.

A `repr` that shows nothing is not enough: tracebacks with locals, `attrs.asdict`, and printers of debuggers and loggers
go through attributes. So a secret is kept masked, with a mask of this process alone. That is no cipher: who can run
code in the process can read it.
"""

import secrets
from functools import lru_cache
from typing import NoReturn

_MASK = secrets.token_bytes(256)
_LENGTHS = 64
"""Masks that are kept ready: a process has a few tokens, of a few lengths."""


class Secret:
    """A text, kept masked. It is compared, but neither shown nor pickled."""

    __slots__ = ("_masked",)

    def __init__(self, plain: str) -> None:
        self._masked = masked(plain.encode("utf-8", "surrogatepass"))

    def reveal(self) -> str:
        """Give the text itself: to be used at once, and put into no variable."""
        return masked(self._masked).decode("utf-8", "surrogatepass")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._masked == other._masked

    def __hash__(self) -> int:
        return hash(self._masked)

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        msg = "secrets are not pickled"
        raise TypeError(msg)


def masked(text: bytes) -> bytes:
    """Mask a text; or unmask it, which is the same."""
    return (int.from_bytes(text, "big") ^ _mask(len(text))).to_bytes(len(text), "big")


@lru_cache(maxsize=_LENGTHS)
def _mask(length: int) -> int:
    repeats = -(-length // len(_MASK))
    return int.from_bytes((_MASK * repeats)[:length], "big")
