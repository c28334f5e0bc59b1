"""A fleet for the examples' tests, and people who ask for it."""

from fleet_commands import FleetCommands, User

from cvm_async import CvmSession
from cvm_async.panel import PanelApp, SimulatedVps
from cvm_async.render import Place

SLOW = 30.0
"""Seconds that a restart takes."""
NASTY = "@everyone <b>*x*"
BOSS, GUEST = User("1"), User("2")
"""Who may restart something, and who may not."""
NAMES = ("web1.example.net", "web2.example.net", "db1.a.example", "db1.b.example", NASTY)


def panel() -> PanelApp:
    vpses = [SimulatedVps(id=number, node=1, hostname=name) for number, name in enumerate(NAMES, 1)]
    return PanelApp(vpses=vpses, boot_time=SLOW / 2, shutdown_time=SLOW / 2)


def commands_for(session: CvmSession, place: Place) -> FleetCommands:
    return FleetCommands(session, place, {BOSS})


class Shown:
    """What was shown, in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def __call__(self, text: str) -> None:
        self.texts.append(text)
