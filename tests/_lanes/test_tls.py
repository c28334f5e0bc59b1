import re
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from cvm_async._lanes.tls import context_maker, unused_context, with_one_context
from cvm_async.errors import ConfigurationError


def test_the_context_is_built_once() -> None:
    make = context_maker(True, None, trust_env=False)
    assert make() is make()


def test_a_context_that_was_given_is_used_as_it_is() -> None:
    context = ssl.create_default_context()
    assert context_maker(context, None, trust_env=False)() is context


def test_a_function_that_makes_a_context_is_used_as_it_is() -> None:
    def make() -> ssl.SSLContext:
        raise AssertionError

    assert context_maker(make, None, trust_env=False) is make


def test_a_client_certificate_beside_a_function_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cert"):
        context_maker(ssl.create_default_context, "client.pem", trust_env=False)


# What a file of certificates can be in place of one; `{folder}` has the last two.
NO_CERTIFICATES = ["{folder}/none.pem", "{folder}/empty.pem", "{folder}/text.pem", "a\0b"]


@pytest.mark.parametrize("path", NO_CERTIFICATES)
@pytest.mark.filterwarnings("ignore:.verify:DeprecationWarning")
def test_authorities_that_cannot_be_read_show_at_once_and_are_named(path: str, folder: Path) -> None:
    path = path.format(folder=folder)
    with pytest.raises(ConfigurationError, match=f"verify={re.escape(repr(path))}"):
        context_maker(path, None, trust_env=False)


@pytest.mark.parametrize("path", NO_CERTIFICATES)
@pytest.mark.filterwarnings("ignore:.cert:DeprecationWarning")
def test_a_client_certificate_that_cannot_be_read_shows_at_once_and_its_password_does_not(
    path: str, folder: Path
) -> None:
    path = path.format(folder=folder)
    with pytest.raises(ConfigurationError, match=f"cert={re.escape(repr(path))}"):
        context_maker(True, path, trust_env=False)
    with pytest.raises(ConfigurationError, match="cert=") as found:
        context_maker(True, (path, path, "s3cret"), trust_env=False)
    assert "s3cret" not in str(found.value)


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


ENVIRONMENTS = {
    "no such file": {"SSL_CERT_FILE": "{folder}/none.pem"},
    "a folder": {"SSL_CERT_FILE": "{folder}"},
    "an empty file": {"SSL_CERT_FILE": "{folder}/empty.pem"},
    "no PEM": {"SSL_CERT_FILE": "{folder}/text.pem"},
    "no PEM, beside a folder": {"SSL_CERT_FILE": "{folder}/text.pem", "SSL_CERT_DIR": "{folder}"},
    "no such folder": {"SSL_CERT_DIR": "{folder}/none"},
    "a file for a folder": {"SSL_CERT_DIR": "{folder}/text.pem"},
    "a log of keys nowhere": {"SSLKEYLOGFILE": "{folder}/none/keys"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty.pem").touch()
    (tmp_path / "text.pem").write_text("no certificate\n")
    return tmp_path


@pytest.mark.parametrize("variables", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_what_the_environment_names_and_cannot_be_used_shows_at_once_and_is_named(
    variables: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(folder=folder))
    name = next(iter(variables))
    with pytest.raises(ConfigurationError, match=f"{name}.*{folder}") as found:
        context_maker(True, None, trust_env=True)
    assert found.value.__cause__ is None


def test_what_the_environment_names_does_not_matter_where_it_is_not_trusted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", "")
    assert context_maker(True, None, trust_env=False)().verify_mode is ssl.CERT_REQUIRED


def test_what_the_environment_names_is_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(folder / "keys"))
    context = context_maker(True, None, trust_env=True)()
    assert context.cert_store_stats()["x509_ca"] == 1
    assert context.keylog_filename == str(folder / "keys")


def test_what_was_found_sound_is_built_anew_only_when_it_is_needed_until_it_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context_maker(True, None, trust_env=True)
    with monkeypatch.context() as patch:
        patch.setattr(ssl, "create_default_context", ssl.SSLSocket)  # Which nobody may call.
        context_maker(True, None, trust_env=True)
    file.unlink()
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        context_maker(True, None, trust_env=True)


def test_a_folder_that_the_environment_names_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    make = context_maker(True, None, trust_env=True)
    assert make() is make()


def test_the_context_for_http_origins_trusts_nobody() -> None:
    context = unused_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 0


def test_an_https_proxy_gets_one_context_and_keeps_the_rest() -> None:
    proxy = with_one_context(httpx.Proxy("https://user:pass@proxy", headers={"x-tenant": "a"}))
    assert proxy.ssl_context is not None
    assert proxy.ssl_context.cert_store_stats()["x509_ca"] > 0
    assert (str(proxy.url), proxy.auth, dict(proxy.headers)) == (
        "https://proxy",
        ("user", "pass"),
        {"x-tenant": "a"},
    )


@pytest.mark.parametrize("url", ["http://proxy", "socks5://proxy"])
def test_a_proxy_without_tls_gets_no_context(url: str) -> None:
    assert with_one_context(url).ssl_context is None


def test_an_https_proxy_keeps_the_context_it_has() -> None:
    own = ssl.create_default_context()
    assert with_one_context(httpx.Proxy("https://proxy", ssl_context=own)).ssl_context is own
