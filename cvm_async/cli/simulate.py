"""`panel`: the simulated panel, for whoever wants to try the other commands on something."""

import asyncio
import shlex
from typing import Annotated, Literal

from cyclopts import Parameter

from cvm_async import panel as simulation
from cvm_async._words import some_vpses
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Count, Flag, FromZero, SecondsFromZero, Switch, whole
from cvm_async.cli.terminal import Terminal

Port: Parameter = whole("a port, 0 to 65535", 0, 65535)
Nodes = Annotated[tuple[int, ...], Flag, Parameter(show_default=False)]


async def panel(
    *,
    port: Annotated[int, Port] = 0,
    api: Literal["2012", "2013", "both"] = "2012",
    vpses: Annotated[int, FromZero] = 200,
    nodes: Annotated[int, Count] = 8,
    cost: Annotated[float, SecondsFromZero] = 0.04,
    workers: Annotated[int, Count] = 8,
    boot_time: Annotated[float, SecondsFromZero] = 2.0,
    shutdown_time: Annotated[float, SecondsFromZero] = 1.0,
    hang: Nodes = (),
    unreachable: Nodes = (),
    hang_list: Switch = False,
    json: Switch = False,
) -> None:
    """Serve a simulated panel on this machine until interrupted, and say how to talk to it.

    Args:
        port: The port; any that is free if 0.
        api: Which revision of the API it has: the specification's, the later one, or both.
        vpses: How many VPSes it has.
        nodes: On how many host nodes.
        cost: Seconds that each call costs the panel, as checking a token does.
        workers: Calls that it works on at a time, as PHP does.
        boot_time: Seconds to start a VPS.
        shutdown_time: Seconds to shut one down.
        hang: A node that never answers, its calls keeping their workers for minutes; may be given several times.
        unreachable: A node that cannot be reached; may be given several times.
        hang_list: Never answer the list of VPSes.
        json: Print the address and the tokens as JSON.
    """
    terminal = Terminal.here(json=json)
    try:
        served = simulation.SimulatedPanel(
            port=port,
            api=api,
            vpses=vpses,
            nodes=nodes,
            cost=cost,
            workers=workers,
            boot_time=boot_time,
            shutdown_time=shutdown_time,
        )
        for node in hang:
            served.hang_node(node)
        for node in unreachable:
            served.unreachable_node(node)
        if hang_list:
            served.inject(simulation.Hang(), verb="list", times=None)
    except ValueError as error:
        raise CommandError(str(error), Exit.USAGE) from error
    async with served:
        access = {
            "CVM_URL": served.url,
            "CVM_PUBLIC_TOKEN": served.public_token,
            "CVM_PRIVATE_TOKEN": served.private_token,
        }
        terminal.show(*(f"export {name}={shlex.quote(value)}" for name, value in access.items()))
        terminal.emit(access)
        terminal.out.file.flush()
        on_nodes = f"{nodes:,} node{'' if nodes == 1 else 's'}"
        terminal.say(f"{some_vpses(vpses, 'simulated')} on {on_nodes} at {served.url}; Ctrl-C ends it")
        await asyncio.Event().wait()
