from typing import Any

import pytest

from cvm_async._lanes.reason import make_reason_safe, safe_reason


@pytest.mark.parametrize(
    ("phrase", "safe"),
    [
        (b"OK", b"OK"),
        (b"", b""),
        (b"I'm a teapot", b"I'm a teapot"),
        (b"\x1b[31mOK\x07", b"?[31mOK?"),
        (b"a\tb\x00c\x7fd\re\nf", b"a?b?c?d?e?f"),
        ("Größe".encode(), "Größe".encode()),
    ],
)
def test_a_reason_phrase_keeps_no_control_character(phrase: bytes, safe: bytes) -> None:
    assert safe_reason(phrase) == safe


def test_an_answer_without_one_stays_without() -> None:
    extensions: dict[str, Any] = {"http_version": b"HTTP/2"}
    make_reason_safe(extensions)
    assert extensions == {"http_version": b"HTTP/2"}
