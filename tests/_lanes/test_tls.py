import ssl
from pathlib import Path

import httpx
import pytest

from cvm_async._lanes.tls import context_maker, unused_context, with_one_context


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
    with pytest.raises(ValueError, match="cert"):
        context_maker(ssl.create_default_context, "client.pem", trust_env=False)


def test_a_missing_file_of_authorities_shows_at_once(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="verify"), pytest.raises(FileNotFoundError):
        context_maker(str(tmp_path / "none.pem"), None, trust_env=False)


def test_a_missing_client_certificate_shows_at_once(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="cert"), pytest.raises(FileNotFoundError):
        context_maker(True, str(tmp_path / "none.pem"), trust_env=False)


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
