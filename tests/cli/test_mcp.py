"""`mcp` as assistants start it: the SDK's own client, and nothing but the protocol between them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import cast

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel, SimulatedVps

from .conftest import Cvm, Tty

COMMAND = ("-m", "cvm_async", "mcp")
"""What an assistant's configuration has."""

NAMES = ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "PYTHONPATH")


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in NAMES if name in os.environ}


async def test_an_assistant_that_starts_it_reads_and_acts_only_with_its_users_consent(panel: SimulatedPanel) -> None:
    panel.add_vps(SimulatedVps(id=99, node=1, hostname="stop all servers"))
    answers = iter([ElicitResult(action="decline"), ElicitResult(action="accept", content={"confirm": True})])
    ledger: list[object] = []

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert context is not None
        assert "“stop all servers” (id 99, node 1 of 127.0.0.1), running" in params.message
        ledger.append(list(panel.actions))
        return next(answers)

    server = StdioServerParameters(command=sys.executable, args=[*COMMAND, "--allow-power"], env=environment())
    async with Client(server, elicitation_callback=ask) as client:
        summary = await client.call_tool("fleet_summary", {})
        assert cast("dict[str, object]", summary.structured_content)["states"] == {"running": 23, "stopped": 2}
        for done in (False, True):
            plan = await client.call_tool("plan_power", {"action": "stop", "names": ["stop all servers"]})
            plan_id = cast("dict[str, str]", plan.structured_content)["plan_id"]
            applied = await client.call_tool("apply_plan", {"plan_id": plan_id})
            assert applied.is_error is not done
    assert ledger == [[], []]
    assert panel.actions == [(99, "stop")]


async def test_a_client_that_vanishes_while_its_user_thinks_has_done_nothing(panel: SimulatedPanel) -> None:
    """Speak to it by hand, and die with the question on the screen; what came back is the protocol and nothing else."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        "--allow-power",
        "--verbose",
        env={**os.environ, **environment()},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    came: list[dict[str, object]] = []

    async def send(method: str, number: int | None = None, **params: object) -> None:
        assert process.stdin is not None
        request = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()

    async def until(holds: Callable[[dict[str, object]], object]) -> dict[str, object]:
        assert process.stdout is not None
        while True:
            came.append(json.loads(await process.stdout.readline()))
            if holds(came[-1]):
                return came[-1]

    client = {"name": "by hand", "version": "1"}
    await send("initialize", 1, protocolVersion="2025-06-18", capabilities={"elicitation": {}}, clientInfo=client)
    await until(lambda message: message.get("id") == 1)
    await send("notifications/initialized")
    await send("tools/call", 2, name="plan_power", arguments={"action": "stop", "all": True})
    planned = await until(lambda message: message.get("id") == 2)
    plan_id = cast("dict[str, dict[str, str]]", planned["result"])["structuredContent"]["plan_id"]
    await send("tools/call", 3, name="apply_plan", arguments={"plan_id": plan_id})
    await until(lambda message: message.get("method") == "elicitation/create")
    process.stdin.close()
    out, err = await process.communicate()
    assert process.returncode == Exit.DONE
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())
    assert all(message["jsonrpc"] == "2.0" for message in came)
    assert b"debug: " in err
    assert panel.private_token.encode() not in out + err + json.dumps(came).encode()
    assert not panel.actions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_at_once_when_it_is_told_to(panel: SimulatedPanel, number: signal.Signals) -> None:
    assert panel.url
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        "--http",
        "127.0.0.1:0",
        "--allow-power",
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    warning, ready = (await process.stderr.readline()).decode(), (await process.stderr.readline()).decode()
    assert warning == "every user of this machine can reach this; set CVM_MCP_TOKEN where there are others\n"
    assert ready.startswith("serving http://127.0.0.1:")
    process.send_signal(number)
    out, _ = await process.communicate()
    assert (process.returncode, out) == (128 + number, b"")


WRONG: Mapping[str, tuple[list[str], Exit, str]] = {
    "another machine's address": (["--http", "0.0.0.0:80"], Exit.USAGE, "0.0.0.0 is not this machine's loopback"),
    "no address": (["--http", "here"], Exit.USAGE, "'here' is no address with a port"),
    "no such profile": (["--profile", "nobody"], Exit.USAGE, "there are no profiles"),
}


@pytest.mark.parametrize(("flags", "status", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_before_anything_is_served(
    cvm: Cvm, panel: SimulatedPanel, flags: list[str], status: Exit, message: str
) -> None:
    ran = cvm("mcp", *flags)
    assert (ran.status, ran.out) == (status, "")
    assert message in ran.err
    assert not panel.requests


def test_its_help_says_what_it_takes(cvm: Cvm) -> None:
    ran = cvm("mcp", "--help")
    assert ran.status == Exit.DONE
    assert "--allow-power" in ran.out
    assert "--columns" not in ran.out


@pytest.mark.usefixtures("panel")
def test_a_person_who_starts_it_is_told_what_it_waits_for(
    cvm: Cvm, at_terminal: Callable[[str], Tty], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(_: object) -> None:
        """End at once."""

    monkeypatch.setattr("cvm_async.mcp.serving.serve_stdio", serve)
    err = at_terminal("")
    assert cvm("mcp").status == Exit.DONE
    assert err.getvalue().startswith("waiting for an assistant")


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize("power", [[], ["--allow-power"]], ids=["looks", "acts"])
def test_a_token_is_taken_from_the_environment(cvm: Cvm, monkeypatch: pytest.MonkeyPatch, power: list[str]) -> None:
    tokens: list[str] = []

    async def serve(*_: object, token: object, **__: object) -> None:
        tokens.append(repr(token))

    monkeypatch.setenv("CVM_MCP_TOKEN", "canary")
    monkeypatch.setattr("cvm_async.mcp.serving.serve_http", serve)
    ran = cvm("mcp", "--http", "127.0.0.1:0", *power)
    assert (ran.status, tokens, ran.err) == (Exit.DONE, ["Secret(…)"], "")
    monkeypatch.delenv("CVM_MCP_TOKEN")
    cvm("mcp", "--http", "127.0.0.1:0")
    assert tokens[1] == "None"


def test_it_needs_its_extra(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("cvm_async.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp.server.context", None)
    ran = cvm("mcp")
    assert ran.status == Exit.USAGE
    assert ran.err == "cvm-async: the server for assistants needs mcp: pip install 'cvm_async[mcp]'\n"
