import os
from collections.abc import Mapping
from unittest import mock

import httpx
import pytest

# The oracle is private; where it goes, this test goes.
from httpx._utils import URLPattern, get_environment_proxies
from hypothesis import given, strategies as st

from cvm_async._lanes.proxies import checked_proxy, environment_proxies, is_loopback
from cvm_async.errors import ConfigurationError

PROXY = "http://proxy.invalid:3128"


def environment(**variables: str) -> dict[str, str]:
    return {name.upper(): value for name, value in variables.items()}


def is_direct(no_proxy: str, url: str) -> bool:
    with mock.patch.dict(os.environ, environment(all_proxy=PROXY, no_proxy=no_proxy), clear=True):
        return environment_proxies().scheme_for(httpx.URL(url)) is None


NO_PROXY: Mapping[str, tuple[str, list[str], list[str]]] = {
    "a domain": (
        "example.net",
        ["https://example.net", "http://a.b.EXAMPLE.net:81", "https://example.net."],
        ["https://badexample.net", "https://example.net.org", "https://net"],
    ),
    "a leading dot": (".example.net", ["https://a.example.net"], ["https://example.net", "https://aexample.net"]),
    "an asterisk and a dot": ("*.example.net", ["https://a.example.net"], ["https://example.net"]),
    "an asterisk and a domain": ("*example.net", ["https://example.net", "https://a.example.net"], ["https://b.net"]),
    "a trailing dot": ("example.net.", ["https://example.net", "https://example.net."], ["https://example.org"]),
    "capitals": ("EXAMPLE.Net", ["https://example.net"], ["https://example.org"]),
    "a name that is not ASCII": ("bücher.example", ["https://xn--bcher-kva.example", "https://bücher.example"], []),
    "an IPv4 address": ("10.0.0.1", ["https://10.0.0.1"], ["https://10.0.0.11", "https://110.0.0.1"]),
    "an IPv6 address": ("2001:db8::1", ["https://[2001:db8::1]", "https://[2001:0db8:0::1]:8443"], ["https://[::2]"]),
    "an IPv6 address in brackets": ("[2001:db8::1]", ["https://[2001:db8::1]"], ["https://[2001:db8::2]"]),
    "an IPv6 address with a port": (
        "[2001:db8::1]:8443",
        ["https://[2001:db8::1]:8443"],
        ["https://[2001:db8::1]", "https://[2001:db8::1]:844"],
    ),
    "a network": ("10.0.0.0/8", ["https://10.255.1.2"], ["https://11.0.0.1", "https://10.example.net"]),
    "a network not at its edge": ("10.1.2.3/16", ["https://10.1.9.9"], ["https://10.2.0.0"]),
    "a network of IPv6": ("2001:db8::/32", ["https://[2001:db8:9::1]"], ["https://[2001:db9::1]", "https://10.0.0.1"]),
    "a network of IPv6 in brackets": ("[2001:db8::]/32", ["https://[2001:db8:9::1]"], ["https://[2001:db9::1]"]),
    "an IPv4 address in IPv6's clothes": ("10.0.0.0/8", ["https://[::ffff:10.0.0.1]"], ["https://[::ffff:11.0.0.1]"]),
    "a port": ("example.net:8443", ["https://example.net:8443"], ["https://example.net", "http://example.net:8080"]),
    "the port of the scheme": ("example.net:443", ["https://example.net"], ["http://example.net"]),
    "a port of an address": ("10.0.0.1:80", ["http://10.0.0.1"], ["https://10.0.0.1"]),
    "a URL": ("https://example.net", ["https://example.net"], ["http://example.net", "https://a.example.net"]),
    "a URL with an asterisk": ("https://*.a.net", ["https://b.a.net"], ["https://a.net", "http://b.a.net"]),
    "a URL of any scheme": ("all://example.net:81", ["http://example.net:81"], ["http://example.net"]),
    "spaces": (" a.net , b.net c.net\t,d.net ", [f"https://{name}.net" for name in "abcd"], ["https://e.net"]),
    "empty entries": (",, ,a.net,", ["https://a.net"], ["https://b.net", "https://[2001:db8::1]"]),
    "an asterisk": ("a.net, *", ["https://b.net", "https://10.0.0.1"], []),
    "what nothing can match": (
        "a.net:http, :80, //, [::1, ://, %, 10.0.0.0/99, .",
        [],
        ["http://a.net", "https://10.0.0.1"],
    ),
    "a port that no number can be": ("a.net:99999999999999999999, a.net:²", [], ["http://a.net"]),
}


@pytest.mark.parametrize(("no_proxy", "direct", "proxied"), NO_PROXY.values(), ids=NO_PROXY)
def test_what_no_proxy_names_is_reached_directly(no_proxy: str, direct: list[str], proxied: list[str]) -> None:
    assert [url for url in direct + proxied if is_direct(no_proxy, url)] == direct


LOOPBACK = ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[0:0::1]", "[::ffff:127.0.0.1]", "[::ffff:7f01:203]"]
ELSEWHERE = ["panel.localhost", "localhost.example.net", "128.0.0.1", "[::2]", "[::ffff:10.0.0.1]", "0.0.0.0", "127.1"]  # noqa: S104 -- an address to reach


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("no_proxy", ["", "example.net"])
def test_this_machine_is_reached_directly_whatever_the_environment_says(host: str, scheme: str, no_proxy: str) -> None:
    assert is_direct(no_proxy, f"{scheme}://{host}:8080")
    assert is_loopback(httpx.URL(f"http://{host}").host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_what_only_looks_like_this_machine_goes_through_the_proxy(host: str) -> None:
    assert not is_direct("other.example", f"http://{host}")
    assert not is_loopback(httpx.URL(f"http://{host}").host)


def test_the_proxy_of_the_scheme_goes_before_the_one_for_all() -> None:
    variables = environment(http_proxy="a.invalid", all_proxy="https://u:p@b.invalid:8443")
    with mock.patch.dict(os.environ, variables, clear=True):
        proxies = environment_proxies()
    assert {scheme: repr(proxy) for scheme, proxy in proxies.by_scheme.items()} == {
        "http": "Proxy('http://a.invalid')",
        "all": "Proxy('https://b.invalid:8443', auth=('u', '********'))",
    }
    urls = ("http://panel.invalid", "https://panel.invalid")
    assert [proxies.scheme_for(httpx.URL(url)) for url in urls] == ["http", "all"]


def test_no_variable_is_no_proxy() -> None:
    with mock.patch.dict(os.environ, environment(http_proxy="", no_proxy="a.net"), clear=True):
        assert environment_proxies().scheme_for(httpx.URL("http://panel.invalid")) is None


MALFORMED = {
    "no URL": "http://[",
    "a port that is no number": "http://user:hunter2@proxy.invalid:port",
    "a port too high": "http://user:hunter2@proxy.invalid:70000",
    "port 0": "http://user:hunter2@proxy.invalid:0",
    "a slash in the password": "http://user:hunter2/@proxy.invalid:3128",
    "no host": "http://user:hunter2@",
    "nothing but a scheme": "http://",
    "a space": "http://user:hunter2@proxy .invalid:3128",
    "a control character": "http://user:hunter2@proxy\x00.invalid",
    "another scheme": "gopher://user:hunter2@proxy.invalid",
    "a scheme of SOCKS 4": "socks4://user:hunter2@proxy.invalid",
    "a host that is no name": "http://user:hunter2@xn--\xff.invalid",
    "a colon too many": "user:hunter2:proxy.invalid:3128",
    "brackets around no address": "http://user:hunter2@[proxy]:3128",
}


@pytest.mark.parametrize("url", [url for url in MALFORMED.values() if "\0" not in url])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy", "All_Proxy"])
def test_a_variable_that_names_no_proxy_is_named_and_no_part_of_it_shown(url: str, variable: str) -> None:
    with (
        mock.patch.dict(os.environ, {variable: url}, clear=True),
        pytest.raises(ConfigurationError, match=f"^{variable} names no proxy that can be used: ") as found,
    ):
        environment_proxies()
    assert "hunter2" not in f"{found.value} {found.value.__cause__!r}"
    assert found.value.__cause__ is None


@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED)
def test_a_proxy_that_was_given_is_checked_alike(url: str) -> None:
    given_url = url if "://" in url else f"http://{url}"
    with pytest.raises(ConfigurationError, match=r"^proxy names no proxy that can be used: ") as found:
        checked_proxy(given_url, named_by="proxy")
    assert "hunter2" not in str(found.value)


def test_the_lower_case_is_named_where_both_are_there() -> None:
    variables = {"HTTPS_PROXY": PROXY, "https_proxy": "gopher://proxy.invalid"}
    with mock.patch.dict(os.environ, variables, clear=True), pytest.raises(ConfigurationError, match=r"^https_proxy "):
        environment_proxies()


def test_a_proxy_of_the_systems_settings_has_the_name_of_the_variable_that_there_is_none_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cvm_async._lanes.proxies.getproxies", lambda: {"https": "gopher://proxy.invalid"})
    with mock.patch.dict(os.environ, clear=True), pytest.raises(ConfigurationError, match=r"^https_proxy names no"):
        environment_proxies()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks_without_its_package_is_told_of_at_once(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{scheme}://user:hunter2@proxy.invalid:1080"
    found: list[object] = []
    monkeypatch.setattr("cvm_async._lanes.proxies.find_spec", found.count)
    with pytest.raises(ConfigurationError, match="SOCKS needs the package socksio: pip install"):
        checked_proxy(url, named_by="ALL_PROXY")
    found.append("socksio")
    assert checked_proxy(url, named_by="ALL_PROXY").url == f"{scheme}://proxy.invalid:1080"


PROXIES = st.sampled_from(["", "proxy.invalid", "proxy.invalid:3128", " http://u:p@proxy ", "https://proxy"])
HOSTS = [
    "https://*.example.net",
    "example.net",
    ".example.net",
    "10.0.0.1",
    "2001:db8::1",
    "https://example.net",
    "a.example.net",
    "b.org",
    "",
]
URLS = ["http://example.net", "https://example.net", "https://a.example.net", "http://10.0.0.1", "https://b.org:8443"]


@given(PROXIES, PROXIES, PROXIES, st.lists(st.sampled_from([*HOSTS, "*"]), max_size=4), st.sampled_from(URLS))
def test_of_what_httpx_understands_we_make_the_same(
    http_proxy: str, https_proxy: str, all_proxy: str, no_proxy: list[str], url: str
) -> None:
    variables = environment(
        http_proxy=http_proxy, https_proxy=https_proxy, all_proxy=all_proxy, no_proxy=", ".join(no_proxy)
    )
    with mock.patch.dict(os.environ, variables, clear=True):
        patterns = sorted((URLPattern(pattern), proxy) for pattern, proxy in get_environment_proxies().items())
        ours = environment_proxies()
    theirs = next((proxy for pattern, proxy in patterns if pattern.matches(httpx.URL(url))), None)
    scheme = ours.scheme_for(httpx.URL(url))
    assert (None if theirs is None else repr(httpx.Proxy(theirs.strip()))) == (
        None if scheme is None else repr(ours.by_scheme[scheme])
    )
