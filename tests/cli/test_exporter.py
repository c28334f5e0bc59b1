"""`exporter` serves until it is ended, and says where."""

import re
import signal
import urllib.request
from collections.abc import Callable

import pytest

from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.exporter import address
from cvm_async.panel import SimulatedPanel

from .conftest import Cvm, Tty, send_when


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:9123", ("127.0.0.1", 9123)),
        (" localhost:0 ", ("localhost", 0)),
        ("[::1]:9123", ("::1", 9123)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
        (":9123", ("0.0.0.0", 9123)),  # noqa: S104 - as for other exporters
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, found: tuple[str, int]) -> None:
    assert address(text) == found


@pytest.mark.parametrize(
    "text", ["", "9123", "::1:9123", "host", "host:", "host:x", "host:65536", "a b:1", "[x:1", "http://h:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--listen must be an address and a port") as found:
        address(text)
    assert found.value.status is Exit.USAGE


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, Exit.TERMINATED), (signal.SIGINT, Exit.INTERRUPTED)], ids=["TERM", "INT"]
)
@pytest.mark.usefixtures("panel")
def test_it_serves_what_it_found_until_it_is_ended(
    cvm: Cvm, at_terminal: Callable[[str], Tty], number: signal.Signals, status: Exit
) -> None:
    err = at_terminal("")
    seen: list[str] = []

    def scraped() -> bool:
        found = re.search(r"http://[\d.:]+/metrics", err.getvalue())
        if found is not None:
            with urllib.request.urlopen(found[0], timeout=60) as answer:  # noqa: S310 - our own
                seen[:] = [answer.read().decode()]
        return bool(seen) and 'cvm_vps_up{hostname="web-001.example.net"' in seen[0]

    thread = send_when(scraped, number)
    ran = cvm("exporter", "--listen", "127.0.0.1:0", "--interval", "0.2")
    thread.join()
    assert ran.status == status
    assert "the metrics of 127.0.0.1 are at http://127.0.0.1:" in err.getvalue()


@pytest.mark.usefixtures("panel")
def test_an_ipv6_address_is_shown_in_brackets(cvm: Cvm, at_terminal: Callable[[str], Tty]) -> None:
    err = at_terminal("")
    thread = send_when(lambda: "http://[::1]:" in err.getvalue(), signal.SIGINT)
    assert cvm("exporter", "--listen", "[::1]:0").status == Exit.INTERRUPTED
    thread.join()


def test_a_port_that_is_taken_ends_it_with_a_sentence(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("exporter", "--listen", f"127.0.0.1:{panel.url.rpartition(':')[2]}")
    assert ran.status == Exit.FAILED
    assert "address already in use" in ran.err


@pytest.mark.usefixtures("panel")
def test_wrong_tokens_end_it(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", "wrong")
    assert cvm("exporter", "--listen", "127.0.0.1:0").status == Exit.REFUSED
