import httpx
import pytest
from hypothesis import example, given, strategies as st

from cvm_async._exchange.address import panel_url
from cvm_async.errors import ConfigurationError

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1).filter(
    lambda text: text == text.strip()
)


@pytest.mark.parametrize(
    ("given_url", "base"),
    [
        pytest.param("https://panel.example.net", "https://panel.example.net/", id="an origin"),
        pytest.param("https://panel.example.net/", "https://panel.example.net/", id="a trailing slash"),
        pytest.param("https://panel.example.net/cvm//", "https://panel.example.net/cvm", id="a prefix, two slashes"),
        pytest.param("https://panel.example.net//", "https://panel.example.net/", id="slashes alone"),
        pytest.param(" https://panel.example.net\n", "https://panel.example.net/", id="white space around it"),
        pytest.param("HTTPS://Panel.Example.NET/CVM", "https://panel.example.net/CVM", id="capitals"),
        pytest.param("https://panel.example.net:443", "https://panel.example.net/", id="the usual port"),
        pytest.param("https://panel.example.net:8443/a", "https://panel.example.net:8443/a", id="another port"),
        pytest.param("https://[2001:db8::1]:8443/a/", "https://[2001:db8::1]:8443/a", id="IPv6"),
        pytest.param("https://bücher.example", "https://xn--bcher-kva.example/", id="an international name"),
        pytest.param("https://panel.example.net/a%2Fb/", "https://panel.example.net/a%2Fb", id="an encoded slash"),
        pytest.param("https://panel.example.net/ü", "https://panel.example.net/%C3%BC", id="a letter to be encoded"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8080/", id="loopback"),
        pytest.param("http://127.3.2.1", "http://127.3.2.1/", id="all of loopback"),
        pytest.param("http://[::1]:8080", "http://[::1]:8080/", id="loopback of IPv6"),
        pytest.param("http://localhost", "http://localhost/", id="localhost"),
    ],
)
def test_an_origin_with_or_without_a_path_is_a_panels_url(given_url: str, base: str) -> None:
    assert str(panel_url(given_url, allow_insecure=False)) == base


@pytest.mark.parametrize(
    ("given_url", "reason"),
    [
        pytest.param("", "must begin with https://", id="nothing"),
        pytest.param("panel.example.net", "must begin with https://", id="no scheme"),
        pytest.param("ftp://panel.example.net", "must begin with https://", id="another scheme"),
        pytest.param("https://", "must begin with https://", id="no host"),
        pytest.param("https:///cvm", "must begin with https://", id="no host, a path"),
        pytest.param("https://pan el/", "must begin with https://", id="a space in the host"),
        pytest.param("https://panel.example.net/\n/x", "not a URL: .*non-printable", id="a line break"),
        pytest.param("https://panel.example.net:x", "not a URL: Invalid port", id="a word for a port"),
        pytest.param("https://panel.example.net:0", "port that cannot be: 0", id="port 0"),
        pytest.param("https://panel.example.net:65536", "port that cannot be: 65536", id="too high a port"),
        pytest.param("https://xn--/", "not a URL", id="a broken international name"),
        pytest.param("https://panel.example.net/?a=b", r"\(https://panel.example.net/\)", id="a query"),
        pytest.param("https://panel.example.net:8443?", r"\(https://panel.example.net:8443/\)", id="an empty query"),
        pytest.param("https://panel.example.net/a#b", r"\(https://panel.example.net/a\)", id="a fragment"),
        pytest.param("https://panel.example.net/a#", r"\(https://panel.example.net/a\)", id="an empty fragment"),
        pytest.param("http://panel.example.net", "allow_insecure", id="unencrypted"),
        pytest.param("http://localhost.example.net", "allow_insecure", id="only called localhost"),
        pytest.param("http://panel.localhost", "allow_insecure", id="below localhost, whoever resolves that"),
        pytest.param("http://10.0.0.1", "allow_insecure", id="a private network"),
        pytest.param(None, "must be a text such as https://panel.example.net, not a NoneType", id="no text"),
        pytest.param(b"https://a:b@panel.example.net", "must be a text such as .*, not a bytes", id="bytes"),
    ],
)
def test_what_is_no_panels_url_is_refused_with_the_reason(given_url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        panel_url(given_url, allow_insecure=False)


def test_another_host_may_be_spoken_to_unencrypted_where_that_is_allowed() -> None:
    assert panel_url("http://10.0.0.1/cvm", allow_insecure=True) == httpx.URL("http://10.0.0.1/cvm")


@pytest.mark.parametrize(
    "url",
    [
        "https://bob:hunter2@panel.example.net",
        "https://hunter2@panel.example.net/cvm?a",
        "http://bob:hunter2@panel.example.net",
        "https://bob:hunter2@",
        "bob:hunter2@panel.example.net",
        "https://bob:hunter2@panel.example.net:x",
        "https://bob:hunter2@xn--",
        "https://bob:hunter2@999.1.1.1",
        "https://bob:hunter2@panel.example.net\n/x",
        "https://bob:hunter2@pan el",
        "//bob:hunter2@panel.example.net",
    ],
)
def test_a_user_name_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        panel_url(url, allow_insecure=False)
    assert "hunter2" not in str(refusal.value)
    assert "bob" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@given(st.text() | st.text().map("https://{}".format) | st.text().map("https://panel.example.net/{}".format))
@example("https://[::1")
def test_any_text_is_a_panels_url_or_a_configuration_error(text: str) -> None:
    try:
        url = panel_url(text, allow_insecure=False)
    except ConfigurationError:
        return
    assert url.host
    assert not url.userinfo
    assert panel_url(str(url), allow_insecure=False) == url
