"""A reason phrase is made safe to print, because httpx writes it into its log as it came, and terminals obey ESC."""

from collections.abc import MutableMapping
from typing import Any, Final

# Of ASCII's control characters only HTAB may be in one (RFC 9112, section 4), and parsers let most of them pass.
# httpx leaves out what is not ASCII.
_CONTROLS: Final = bytes(range(0x20)) + b"\x7f"
_PRINTABLE: Final = bytes.maketrans(_CONTROLS, b"?" * len(_CONTROLS))


def safe_reason(phrase: bytes) -> bytes:
    """Give it with a question mark for each control character."""
    return phrase.translate(_PRINTABLE)


def make_reason_safe(extensions: MutableMapping[str, Any]) -> None:
    """Change it in a response's extensions; HTTP/2 has none."""
    if "reason_phrase" in extensions:
        extensions["reason_phrase"] = safe_reason(extensions["reason_phrase"])
