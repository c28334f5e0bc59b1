import os
from unittest import mock

import httpx
import pytest

# The oracle is private; where it goes, this test goes.
from httpx._utils import get_environment_proxies
from hypothesis import given, strategies as st

from cvm_async._lanes.proxies import environment_proxies

PROXIES = st.sampled_from(
    ["", "proxy.example.net", "proxy.example.net:3128", "http://u:p@proxy", "https://proxy", "socks5://proxy"]
)
HOSTS = st.sampled_from(
    [
        "*",
        "",
        "localhost",
        "LocalHost",
        "example.net",
        ".example.net",
        "*.example.net",
        "127.0.0.1",
        "192.168.0.0/16",
        "::1",
        "fe80::/10",
        "[::1]",
        "https://example.net",
        "example.net:8080",
        "256.1.1.1",
    ]
)
NO_PROXY = st.lists(st.one_of(HOSTS, st.text("*.:/a1 ", max_size=8)), max_size=5).map(", ".join)


def environment(**variables: str) -> dict[str, str]:
    return {name.upper(): value for name, value in variables.items()}


@pytest.mark.parametrize(
    ("no_proxy", "pattern"),
    [
        pytest.param("example.net", "all://*example.net", id="a domain and its subdomains"),
        pytest.param(".example.net", "all://*.example.net", id="the subdomains alone"),
        pytest.param("localhost", "all://localhost", id="localhost"),
        pytest.param("10.0.0.1", "all://10.0.0.1", id="an IPv4 address"),
        pytest.param("::1", "all://[::1]", id="an IPv6 address"),
        pytest.param("https://example.net", "https://example.net", id="a URL"),
    ],
)
def test_what_no_proxy_names_is_reached_directly(no_proxy: str, pattern: str) -> None:
    with mock.patch.dict(os.environ, environment(no_proxy=no_proxy), clear=True):
        assert environment_proxies() == {pattern: None}


def test_an_asterisk_in_no_proxy_means_no_proxy_at_all() -> None:
    with mock.patch.dict(os.environ, environment(all_proxy="proxy", no_proxy="example.net, *"), clear=True):
        assert environment_proxies() == {}


def test_a_proxy_of_a_scheme_that_httpx_does_not_know_is_a_value_error() -> None:
    with (
        mock.patch.dict(os.environ, environment(http_proxy="gopher://proxy"), clear=True),
        pytest.raises(ValueError, match="gopher"),
    ):
        environment_proxies()


@given(http_proxy=PROXIES, https_proxy=PROXIES, all_proxy=PROXIES, no_proxy=NO_PROXY)
def test_any_environment_is_read_as_httpx_reads_it(
    http_proxy: str, https_proxy: str, all_proxy: str, no_proxy: str
) -> None:
    variables = environment(http_proxy=http_proxy, https_proxy=https_proxy, all_proxy=all_proxy, no_proxy=no_proxy)
    with mock.patch.dict(os.environ, variables, clear=True):
        theirs = {
            pattern: None if url is None else httpx.Proxy(url) for pattern, url in get_environment_proxies().items()
        }
        ours = environment_proxies()
    assert [(pattern, repr(proxy)) for pattern, proxy in ours.items()] == [
        (pattern, repr(proxy)) for pattern, proxy in theirs.items()
    ]
