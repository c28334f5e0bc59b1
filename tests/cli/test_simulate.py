"""`panel` serves what the other commands can be tried on."""

import json
import re
import signal
import socket
import subprocess
import sys

import pytest

from cvm_async.cli.exits import Exit
from cvm_async.panel import Hang, SimulatedPanel

from .conftest import Cvm


def test_it_serves_until_it_is_ended_and_says_how_to_talk_to_it(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "cvm_async", "panel", "--vpses", "8", "--nodes", "4", "--cost", "0"]
    command += ["--hang", "2", "--unreachable", "3", "--api", "both"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:  # noqa: S603
        assert served.stdout is not None
        lines = [served.stdout.readline() for _ in range(3)]
        for line in lines:
            name, value = line.removeprefix("export ").rstrip().split("=")
            monkeypatch.setenv(name, value)
        listed = cvm("list")
        served.send_signal(signal.SIGINT)
        _, err = served.communicate(timeout=120)
    assert listed.out.endswith("\n8 VPSes\n")
    assert re.match(r"8 simulated VPSes on 4 nodes at http://127\.0\.0\.1:\d+; Ctrl-C ends it\n", err)
    assert served.returncode == Exit.INTERRUPTED


def test_as_json_the_address_is_one_value(monkeypatch: pytest.MonkeyPatch, cvm: Cvm) -> None:
    async def at_once(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("asyncio.Event.wait", at_once)
    ran = cvm("panel", "--json")
    assert ran.status == Exit.INTERRUPTED
    assert sorted(json.loads(ran.out)) == ["CVM_PRIVATE_TOKEN", "CVM_PUBLIC_TOKEN", "CVM_URL"]


def test_a_list_that_is_never_answered(monkeypatch: pytest.MonkeyPatch, cvm: Cvm) -> None:
    injected: list[tuple[object, dict[str, object]]] = []

    async def at_once(_: object) -> None:
        raise KeyboardInterrupt

    def inject(_: SimulatedPanel, fault: object, **where: object) -> None:
        injected.append((fault, where))

    monkeypatch.setattr("asyncio.Event.wait", at_once)
    monkeypatch.setattr(SimulatedPanel, "inject", inject)
    assert cvm("panel", "--hang-list").status == Exit.INTERRUPTED
    assert injected == [(Hang(), {"verb": "list", "times": None})]


@pytest.mark.parametrize(
    "flags",
    [
        "--hang 99",
        "--unreachable 99",
        "--nodes 0",
        "--vpses -1",
        "--port 65536",
        "--port -1",
        "--cost nan",
        "--boot-time -1",
    ],
)
def test_a_panel_that_cannot_be_is_a_usage_error(cvm: Cvm, flags: str) -> None:
    ran = cvm("panel", *flags.split())
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert ran.err.startswith("cvm-async: ")


def test_a_port_that_is_taken_is_a_sentence(cvm: Cvm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = cvm("panel", "--port", str(taken.getsockname()[1]))
    assert ran.status == Exit.FAILED
    assert "Address already in use" in ran.err
