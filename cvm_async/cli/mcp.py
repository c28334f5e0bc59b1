"""`mcp`: the account's VPSes for assistants, by the Model Context Protocol; they look, and act only where allowed."""

import os
from typing import Annotated, Final

from cyclopts import Parameter

from cvm_async._secret import Secret
from cvm_async.cli.acting.journals import kept_runs
from cvm_async.cli.flags import PanelFlags, Switch
from cvm_async.cli.grids import Tone
from cvm_async.cli.terminal import Terminal

TOKEN: Final = "CVM_MCP_TOKEN"  # noqa: S105 - where it comes from
"""The variable with what clients must know that come by HTTP."""

_PANELS = PanelFlags()


async def mcp(
    *,
    http: Annotated[str | None, Parameter(show_default=False)] = None,
    allow_power: Switch = False,
    panels: PanelFlags = _PANELS,
) -> None:
    """Serve assistants (Model Context Protocol) on this process's own input and output, as they start it themselves.

    There are tools to list, find, read and sum up VPSes, and to tell what changed. They cannot act.

    Args:
        http: Serve on this address of this machine instead, such as 127.0.0.1:8765. With CVM_MCP_TOKEN set, clients
            must send it: "Authorization: Bearer ...".
        allow_power: Have tools that start, stop and restart, too. Each asks the assistant's user, and does nothing
            without their consent, nor where the assistant cannot ask.
        panels: Which panels, and how.
    """
    # Loaded here, as it takes longer than every other command to run, and needs its extra.
    from cvm_async.mcp.server import assistant_server  # noqa: PLC0415
    from cvm_async.mcp.serving import Loopback, serve_http, serve_stdio  # noqa: PLC0415

    terminal = Terminal.here()
    at = None if http is None else Loopback.read(http)
    async with panels.panels(terminal) as found:
        with terminal.logging(verbose=False, of="mcp"), terminal.logging(verbose=False, of="uvicorn"):
            async with assistant_server(found.sessions, allow_power=allow_power, runs=kept_runs) as server:
                if at is None:
                    _hint(terminal)
                    await serve_stdio(server)
                else:
                    token = _token(terminal, allow_power=allow_power)
                    await serve_http(server, at, token=token, on_ready=lambda url: terminal.say(f"serving {url}"))


def _hint(terminal: Terminal) -> None:
    """Tell a person who has started it by hand what it waits for."""
    if terminal.interactive:
        terminal.say("waiting for an assistant to speak the Model Context Protocol here; assistants start this command")


def _token(terminal: Terminal, *, allow_power: bool) -> Secret | None:
    """Give what clients must know; where they may act, say so if that is nothing."""
    token = os.environ.get(TOKEN)
    if not token and allow_power:
        unguarded = f"every user of this machine can reach this; set {TOKEN} where there are others"
        terminal.say(unguarded, tone=Tone.WARNING)
    return Secret(token) if token else None
