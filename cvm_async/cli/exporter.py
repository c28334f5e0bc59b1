"""`exporter`: the fleet as metrics for Prometheus, and as a page, until it is ended."""

import re
from typing import Annotated, Final

from cyclopts import Parameter

from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import PanelFlags, Seconds
from cvm_async.cli.terminal import Terminal

_PANELS = PanelFlags()
_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:/\[\]]*)):(?P<port>[0-9]{1,5})")
_HIGHEST_PORT: Final = 65535
_ALL: Final = "0.0.0.0"  # noqa: S104 - who leaves the host out wants that, as for other exporters


async def exporter(
    *,
    listen: str = "127.0.0.1:9123",
    interval: Annotated[float, Seconds] = 60.0,
    relist: Annotated[float, Seconds] = 300.0,
    panels: Annotated[PanelFlags, Parameter(name="*")] = _PANELS,
) -> None:
    """Serve metrics of all VPSes to Prometheus, and the fleet at a glance to a browser, until ended.

    A scrape is answered with what the last look found, and makes the panel do nothing. Several profiles are several
    panels, each looked at by itself.

    Args:
        listen: The address and port; whoever reaches it can read hostnames and states. Without an address, any.
        interval: Seconds from the beginning of one look to the next, each a call for every VPS.
        relist: Seconds after which the VPSes are listed again.
        panels: As for every command.
    """
    from cvm_async.exporter.serving import Pace, serve  # noqa: PLC0415 - it loads what only this command needs

    host, port = address(listen)
    terminal = Terminal.here()
    async with panels.panels(terminal) as opened:

        def listening(port: int) -> None:
            shown = f"[{host}]" if ":" in host else host
            terminal.say(f"the metrics of {opened.told} are at http://{shown}:{port}/metrics; Ctrl-C ends it")

        pace = Pace(every=interval, relist=relist)
        await serve(opened.sessions, host=host, port=port, pace=pace, listening=listening)


def address(text: str) -> tuple[str, int]:
    """Give the host and the port of ``127.0.0.1:9123``, ``[::1]:9123``, ``localhost:0`` or ``:9123``.

    Raises:
        CommandError: It is none of these.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or int(found["port"]) > _HIGHEST_PORT:
        message = f"--listen must be an address and a port such as 127.0.0.1:9123, not {text!r}"
        raise CommandError(message, Exit.USAGE)
    return found["six"] or found["host"] or _ALL, int(found["port"])
