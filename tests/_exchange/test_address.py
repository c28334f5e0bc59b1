import copy
import pickle

import httpx
import pytest
from hypothesis import example, given, strategies as st

from cvm_async._exchange.address import PRIVATE_TOKEN_HEADER, PUBLIC_TOKEN_HEADER, Tokens, panel_url
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
        pytest.param(None, "not a URL", id="no text"),
        pytest.param(b"https://panel.example.net", "not a URL", id="bytes"),
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


@given(PRINTABLE, PRINTABLE)
def test_tokens_of_printable_ascii_are_sent_as_they_are(public: str, private: str) -> None:
    tokens = Tokens.checked(public, private)
    assert dict(tokens.headers) == {PUBLIC_TOKEN_HEADER: public.encode(), PRIVATE_TOKEN_HEADER: private.encode()}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("s3cret\n", id="a line break at the end"),
        pytest.param("s3cret\r\nX-Header: 1", id="a line break within"),
        pytest.param("s3\x00cret", id="a control character"),
        pytest.param("s3cret\x7f", id="DEL"),
        pytest.param("s3crèt", id="an accent"),
        pytest.param(" s3cret", id="a space before"),
        pytest.param("s3cret ", id="a space behind"),
        pytest.param("   ", id="spaces alone"),
        pytest.param(b"s3cret", id="bytes"),
        pytest.param(None, id="None"),
    ],
)
@pytest.mark.parametrize("which", ["public_token", "private_token"])
def test_what_can_be_no_token_is_refused_by_name_and_not_quoted(token: str, which: str) -> None:
    pair = {"public_token": "good", "private_token": "good"} | {which: token}
    with pytest.raises(ConfigurationError) as refusal:
        Tokens.checked(pair["public_token"], pair["private_token"])
    assert str(refusal.value).startswith(which)
    assert "s3" not in str(refusal.value)


def test_tokens_show_themselves_nowhere_and_are_not_pickled() -> None:
    tokens = Tokens.checked("public-token", "private-token")
    assert repr(tokens) == str(tokens) == "Tokens(…)"
    for way in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="not pickled"):
            way(tokens)


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param('a/"b" &<c>', id="as it is"),
        pytest.param('a/\\"b\\" &<c>', id="in JSON"),
        pytest.param('a\\/\\"b\\" &<c>', id="in PHP's JSON"),
        pytest.param("a/&quot;b&quot; &amp;&lt;c&gt;", id="in HTML"),
        pytest.param("a%2F%22b%22%20%26%3Cc%3E", id="in a query"),
        pytest.param("a/%22b%22%20%26%3Cc%3E", id="in a path"),
    ],
)
def test_a_token_is_hidden_however_it_is_echoed(echo: str) -> None:
    tokens = Tokens.checked("public-token", 'a/"b" &<c>')
    assert tokens.hide_in(f"<{echo}> of public-token \ud800") == "<[token]> of [token] \ud800"


def test_a_token_within_the_other_leaves_no_rest_of_it() -> None:
    assert Tokens.checked("abcdef", "abcdef-ghi").hide(b"abcdef-ghi, abcdef") == b"[token], [token]"


def test_text_without_a_token_stays_and_so_do_words_that_are_no_secret() -> None:
    assert Tokens.checked("a", "the").hide(b"a panel, the panel") == b"a panel, the panel"
