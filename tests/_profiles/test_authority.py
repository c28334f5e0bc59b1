"""Only who is vouched for by the authorities of a file is trusted."""

import ssl
from pathlib import Path

import pytest
import trustme

from cvm_async._profiles.authority import trusting
from cvm_async.errors import ConfigurationError


def test_only_who_an_authority_vouches_for_is_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = trusting(str(tmp_path / "ca.pem"))
    assert len(context.get_ca_certs()) == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("/nowhere/ca.pem", "the certificates of '/nowhere/ca.pem' cannot be read: No such file or directory"),
        ("/", "the certificates of '/' cannot be read: Is a directory"),
        ("", "the certificates of '' cannot be read: No such file or directory"),
        ("a\0", "the certificates of 'a\ufffd' cannot be read: embedded null byte"),
        ("/dev/null", "/dev/null holds no certificate in PEM"),
        (__file__, f"{__file__} holds no certificate in PEM"),
    ],
    ids=["absent", "a folder", "no name", "a NUL", "empty", "something else"],
)
def test_an_authority_that_cannot_be_read_is_named(file: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        trusting(file)
    assert str(caught.value) == sentence
