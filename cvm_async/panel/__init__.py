"""A simulated CVM panel: what a client is tried on, by us and by whoever uses it.

    async with SimulatedPanel(vpses=200, nodes=8) as panel:
        panel.url, panel.public_token, panel.private_token
        panel.hang_node(3)
        panel.actions  # every start, stop and restart that reached it

All of it; `help(cvm_async.panel.SimulatedPanel)` and the like tell more. In pytest the fixture `cvm_panel` gives one.

served          SimulatedPanel, on a loopback port; PanelApp, the same as an ASGI application
what is on it   World, SimulatedVps, Combined, Split, Power, Verb, SimulatedNode, SimulatedTemplate
what came       RequestRecord
what it suffers Fault: Answer, Cut, Hang, Reset; Injection; bad_gateway, database_down, garbage, gateway_timeout,
                redirect, too_many_requests, uncaught, unencodable_list
its time        Clock, LoopClock, ManualClock

It knows nothing of the client beside it, so that one mistake can't be made twice and go unseen. Names are imported when
they are first used: pytest imports this package in every run, for its plugin, and only `SimulatedPanel` needs uvicorn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cvm_async import _help_page

if TYPE_CHECKING:
    from cvm_async.panel.app import PanelApp
    from cvm_async.panel.faults import (
        Answer,
        Cut,
        Fault,
        Hang,
        Injection,
        Reset,
        bad_gateway,
        database_down,
        garbage,
        gateway_timeout,
        redirect,
        too_many_requests,
        uncaught,
        unencodable_list,
    )
    from cvm_async.panel.hosts.catalog import SimulatedNode, SimulatedTemplate
    from cvm_async.panel.hosts.clock import Clock, LoopClock, ManualClock
    from cvm_async.panel.hosts.world import Combined, Power, SimulatedVps, Split, Verb, World
    from cvm_async.panel.records import RequestRecord
    from cvm_async.panel.server import SimulatedPanel

__all__ = [
    "Answer",
    "Clock",
    "Combined",
    "Cut",
    "Fault",
    "Hang",
    "Injection",
    "LoopClock",
    "ManualClock",
    "PanelApp",
    "Power",
    "RequestRecord",
    "Reset",
    "SimulatedNode",
    "SimulatedPanel",
    "SimulatedTemplate",
    "SimulatedVps",
    "Split",
    "Verb",
    "World",
    "bad_gateway",
    "database_down",
    "garbage",
    "gateway_timeout",
    "redirect",
    "too_many_requests",
    "uncaught",
    "unencodable_list",
]

_ROOMS = {
    "app": ("PanelApp",),
    "hosts.clock": ("Clock", "LoopClock", "ManualClock"),
    "faults": (
        "Answer",
        "Cut",
        "Fault",
        "Hang",
        "Injection",
        "Reset",
        "bad_gateway",
        "database_down",
        "garbage",
        "gateway_timeout",
        "redirect",
        "too_many_requests",
        "uncaught",
        "unencodable_list",
    ),
    "hosts.catalog": ("SimulatedNode", "SimulatedTemplate"),
    "records": ("RequestRecord",),
    "server": ("SimulatedPanel",),
    "hosts.world": ("Combined", "Power", "SimulatedVps", "Split", "Verb", "World"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found: object = getattr(import_module(f"{__name__}.{room}"), name)
    except ModuleNotFoundError as missing:
        if room != "server":
            raise
        return _in_place_of(name, missing)
    # Found by the ordinary way from now on.
    globals()[name] = found
    return found


def _in_place_of(name: str, missing: ModuleNotFoundError) -> type:
    """Make a class that says, when it is called, what it lacks: `from cvm_async.panel import *` works without it."""

    def refuse(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(str(missing), name=missing.name)

    return type(name, (), {"__init__": refuse})


def __dir__() -> list[str]:
    return [] if _help_page.is_asked_for() else __all__
