"""Whose word it is: pages of real proxies, firewalls and PHP, after every verb, and the sentences that they become."""

from typing import Final

import pytest

from cvm_async._api.calls import Call, list_vpses, power, status
from cvm_async._api.refusals import Refused, refusal, unknown_outcome
from cvm_async._api.verbs import Verb
from cvm_async.errors import CvmError, DecodeError, NoAnswerError, PanelError, RateLimitedError

CALLS: list[Call[object]] = [
    list_vpses(),
    status(7),
    *(power(verb, 7) for verb in (Verb.START, Verb.STOP, Verb.RESTART)),
]

NGINX: Final = (
    b"<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n<hr><center>nginx/1.22.1"
    b"</center>\r\n</body>\r\n</html>\r\n"
)
CLOUDFLARE: Final = (
    b'<!DOCTYPE html>\n<!--[if lt IE 7]> <html class="no-js ie6 oldie" lang="en-US"> <![endif]-->\n<head>\n<title>'
    b'%s | panel.example.net | Cloudflare</title></head>\n<body>\n<div id="cf-wrapper"></div>\n</body>\n</html>\n'
)
APACHE: Final = (
    b'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>%s</title>\n</head><body>\n<h1>%s</h1>\n'
    b"</body></html>\n"
)
VARNISH: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html>\n  <head>\n    <title>503 Backend fetch failed'
    b"</title>\n  </head>\n  <body>\n    <h1>Error 503 Backend fetch failed</h1>\n  </body>\n</html>\n"
)
LOGIN: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Log in to this network</title></head><body><form></form></body></html>"
)
FATAL: Final = (
    b"<br />\n<b>Fatal error</b>:  Uncaught NodeUnreachableException in /srv/cvm/ssh.php:61\nStack trace:\n#0 {main}\n"
    b"  thrown in <b>/srv/cvm/ssh.php</b> on line <b>61</b><br />\n"
)

PAGES: list[tuple[str, int, bytes, type[CvmError], type[CvmError]]] = [
    ("Cloudflare's block", 403, CLOUDFLARE % b"Attention Required!", PanelError, NoAnswerError),
    ("Cloudflare's challenge", 503, CLOUDFLARE % b"Just a moment...", PanelError, NoAnswerError),
    ("Cloudflare's rate limit", 429, CLOUDFLARE % b"Access denied", RateLimitedError, RateLimitedError),
    *[
        (f"Cloudflare's {code}", code, CLOUDFLARE % str(code).encode(), PanelError, NoAnswerError)
        for code in (502, 504, *range(520, 528), 530)
    ],
    *[
        (f"nginx's {code}", code, NGINX % ((str(code).encode(),) * 2), PanelError, NoAnswerError)
        for code in (400, 401, 403, 404, 405, 413, 500, 502, 503, 504)
    ],
    ("nginx's 429", 429, NGINX % ((b"429",) * 2), RateLimitedError, RateLimitedError),
    ("Apache's Basic auth", 401, APACHE % ((b"401 Unauthorized",) * 2), PanelError, NoAnswerError),
    ("mod_fcgid's time-out", 500, APACHE % ((b"500 Internal Server Error",) * 2), PanelError, NoAnswerError),
    ("mod_proxy's 502", 502, APACHE % ((b"502 Proxy Error",) * 2), PanelError, NoAnswerError),
    ("Varnish", 503, VARNISH, PanelError, NoAnswerError),
    ("HAProxy", 503, b"<html><body><h1>503 Service Unavailable</h1></body></html>", PanelError, NoAnswerError),
    ("HAProxy's 408", 408, b"<html><body><h1>408 Request Time-out</h1></body></html>", PanelError, NoAnswerError),
    ("AWS's balancer", 504, b"", PanelError, NoAnswerError),
    ("Kong", 503, b'{"message":"failure to get a peer from the ring-balancer"}', PanelError, NoAnswerError),
    ("Traefik", 404, b"404 page not found\n", PanelError, NoAnswerError),
    ("a problem in JSON", 403, b'{"type":"about:blank","title":"Forbidden","status":403}', PanelError, NoAnswerError),
    ("JSON that is no object", 404, b'["errors"]', PanelError, NoAnswerError),
    ("an uncaught exception", 500, b"", PanelError, NoAnswerError),
    ("a fatal with a 500", 500, FATAL, PanelError, NoAnswerError),
    ("a fatal with a 200", 200, FATAL, DecodeError, DecodeError),
    ("a captive portal", 200, LOGIN, DecodeError, DecodeError),
    ("a captive portal that says so", 511, LOGIN, PanelError, NoAnswerError),
    ("a sentence of text", 200, b"Could not connect to the database.", DecodeError, DecodeError),
    *[(f"a redirect with {code}", code, b"", PanelError, NoAnswerError) for code in (301, 302, 303, 307, 308)],
    ("a 304", 304, b"", PanelError, NoAnswerError),
    ("a preflight's 204", 204, b"", PanelError, NoAnswerError),
    ("a queue's 202", 202, b'{"queued":true}', DecodeError, NoAnswerError),
    ("a piece of something", 206, b"OK", DecodeError, NoAnswerError),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.verb)
@pytest.mark.parametrize(
    ("status_code", "body", "look", "action"), [row[1:] for row in PAGES], ids=[row[0] for row in PAGES]
)
def test_a_page_that_may_be_anybodys_is_taken_for_nobodys_word(
    status_code: int, body: bytes, look: type[CvmError], action: type[CvmError], call: Call[object]
) -> None:
    with pytest.raises(CvmError) as caught:
        call.read(status_code, body)
    assert type(caught.value) is (look if call.repeatable else action)
    if isinstance(caught.value, PanelError):
        assert (caught.value.status_code, caught.value.errors) == (status_code, ())
    elif not call.repeatable:
        assert "is unknown: look at its status before you repeat this" in str(caught.value)


BROKE = "or the panel broke"
FOREIGN = "something in front of the panel answered"
UNKNOWN = "so whether the VPS was stopped is unknown: look at its status before you repeat this"
ADDRESS = "check the panel's address and its path, and whether it has another revision of this API"


def sentence(call: Call[object], status_code: int, errors: tuple[str, ...], retry_after: float | None) -> str:
    return refusal(call.verb, call.about(), Refused(status_code, errors, retry_after)).message.replace(
        "Content Too Large",  # RFC 9110's name for 413, from Python 3.13 on.
        "Request Entity Too Large",
    )


LIST, STATUS, STOP = list_vpses(), status(7), power(Verb.STOP, 7)


@pytest.mark.parametrize(
    ("call", "status_code", "errors", "expected"),
    [
        (STATUS, 401, ("No.",), 'the panel does not accept this pair of tokens: "No."'),
        (STATUS, 403, ("No.",), 'the panel gives this pair of tokens no access to the client API: "No."'),
        (STATUS, 404, ("No.",), 'the panel knows no such VPS of this user: "No."'),
        (STOP, 503, ("No.",), 'the host node of the VPS is unreachable: "No."'),
        (STOP, 500, ("No.", "Never."), 'the panel could not stop the VPS: "No.; Never."'),
        (STATUS, 500, ("\x1b[2J\u202egone\n",), 'the panel answered 500 Internal Server Error: "\ufffd[2J\ufffdgone"'),
        (LIST, 404, ("No.",), 'there is no CVM client API at this address: "No."'),
        (LIST, 503, ("No.",), 'the panel is not available: "No."'),
        (LIST, 599, ("No.",), 'the panel answered 599: "No."'),
        (LIST, 302, (), "the panel redirects, which is never followed, as it would take the tokens along"),
        (LIST, 413, (), f"{FOREIGN} 413 Request Entity Too Large, {BROKE}"),
        (LIST, 404, (), f"{FOREIGN} 404 Not Found, {BROKE}: {ADDRESS}"),
        (
            STATUS,
            401,
            (),
            f"{FOREIGN} 401 Unauthorized, {BROKE}: where that is a login of its own, give it to the httpx client",
        ),
        (
            STATUS,
            403,
            (),
            f"{FOREIGN} 403 Forbidden, {BROKE}: a firewall or a filter for bots may refuse this client",
        ),
        (
            STATUS,
            500,
            (),
            (
                f"{FOREIGN} 500 Internal Server Error, {BROKE}: its host node may be unreachable; where every VPS gives"
                f" this, {ADDRESS}"
            ),
        ),
        (
            LIST,
            500,
            (),
            (
                f"{FOREIGN} 500 Internal Server Error, {BROKE}: a VPS on the list may lack its host node; where it"
                f" lasts, {ADDRESS}"
            ),
        ),
        (STATUS, 502, (), "a proxy answered 502 Bad Gateway for the panel"),
        (STATUS, 522, (), "a proxy answered 522 for the panel"),
        (
            STATUS,
            503,
            (),
            "the panel, or something in front of it, has no room and answered 503 Service Unavailable",
        ),
        (STATUS, 429, (), "the panel, or something in front of it, has had too many calls"),
        (STOP, 504, (), f"a proxy answered 504 Gateway Timeout for the panel, {UNKNOWN}"),
        (STOP, 500, (), f"{FOREIGN} 500 Internal Server Error, {BROKE}, {UNKNOWN}"),
        (STOP, 404, (), f"{FOREIGN} 404 Not Found, {BROKE}, {UNKNOWN}"),
    ],
)
def test_an_error_says_who_may_have_answered_and_what_to_do(
    call: Call[object], status_code: int, errors: tuple[str, ...], expected: str
) -> None:
    assert sentence(call, status_code, errors, None) == expected


@pytest.mark.parametrize("errors", [(), ("No.",)])
@pytest.mark.parametrize("status_code", [429, 503])
def test_the_wait_that_is_asked_for_is_told(status_code: int, errors: tuple[str, ...]) -> None:
    error = refusal(STATUS.verb, STATUS.about(), Refused(status_code, errors, 2.5))
    assert isinstance(error, PanelError)
    assert error.retry_after == 2.5
    assert error.message.endswith(", and asks to wait 2.5 s")


def test_a_redirect_says_where_to_and_after_an_action_that_its_outcome_is_unknown() -> None:
    answer = Refused(302, location="https://elsewhere.example.net/")
    redirects = (
        "the panel wants to send us to https://elsewhere.example.net/ (make the session with that address if you trust"
        " it), which is never followed, as it would take the tokens along"
    )
    assert refusal(STATUS.verb, STATUS.about(), answer).message == redirects
    assert refusal(STOP.verb, STOP.about(), answer).message == f"{redirects}, {UNKNOWN}"


def test_what_php_said_when_it_broke_off_is_quoted_past_the_diagnostics_before_it() -> None:
    body = b"<br />\n<b>Deprecated</b>:  Old in <b>/srv/a.php</b> on line <b>3</b><br />\n" * 40 + FATAL
    said = "Fatal error:  Uncaught NodeUnreachableException in /srv/cvm/ssh.php:61"
    for call in CALLS:
        for status_code in (200, 500):
            with pytest.raises(CvmError) as caught:
                call.read(status_code, body)
            assert caught.value.message.startswith("PHP broke off on the panel")
            assert said.replace("  ", " ") in " ".join(caught.value.message.split())
            assert "Deprecated" not in caught.value.message


def test_the_panels_own_errors_come_before_what_php_said() -> None:
    answer = Refused(503, ("node down",), fatal="Fatal error: no")
    assert refusal(STOP.verb, STOP.about(), answer).message == 'the host node of the VPS is unreachable: "node down"'


def test_long_words_of_the_panel_are_cut() -> None:
    assert len(sentence(STATUS, 500, ("a" * 10_000,), None)) < 500


def test_an_unknown_outcome_is_said_of_the_verb() -> None:
    assert unknown_outcome(Verb.RESTART).startswith("whether the VPS was restarted is unknown")
