"""`reinstall` and `templates`: one VPS made anew, once a person has typed its hostname.

It destroys all that is on the VPS. So it takes one name and no selection, asks whatever else was agreed to, and where
nobody can be asked the hostname has to stand in the command: no switch that a script has for all its commands will do.
"""

import asyncio
from collections.abc import Iterable
from typing import Annotated

from cyclopts import Parameter

from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, Count
from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.cli.results import fleet_of
from cvm_async.cli.terminal import Terminal
from cvm_async.cli.which.flags import Called
from cvm_async.fleet.members import Member
from cvm_async.models import JSON_VERSION, Template, named

_COMMON = Common()


async def reinstall(
    name: Called,
    /,
    *,
    template: Annotated[int, Count],
    confirm: Annotated[str | None, Parameter(show_default=False)] = None,
    common: Common = _COMMON,
) -> Exit:
    """Make a VPS anew from a template, which destroys all that is on it. Needs a panel of the API's later revision.

    Args:
        name: Its hostname, whole or up to the first dot, or its id. One VPS, and no more.
        template: The id of what to make it from; `cvm-async templates` lists them.
        confirm: The VPS's whole hostname, where nobody can be asked to type it.
        common: As for every command.
    """
    terminal = common.terminal()
    if confirm is None and not terminal.interactive:
        message = "to reinstall a VPS where nobody can be asked needs --confirm with its hostname"
        raise CommandError(message, Exit.USAGE)
    async with common.panels(terminal) as panels:
        fleet = await fleet_of(panels, terminal, whole=True)
        member = fleet.members[fleet.members.names.place(name)]
        session = next(each for each in panels.sessions if each.name == member.account.panel)
        typed = _asked(terminal, member, template) if confirm is None else confirm
        clock = asyncio.get_running_loop().time
        began = clock()
        await session.reinstall(member.vps, template, confirm=typed)
        elapsed = clock() - began
    told = {**named(session.name, member.vps), "template": template, "elapsed": round(elapsed, 3)}
    terminal.show(f"{safe_text(member.vps.hostname)} ({member.vps.id}) reinstalled in {elapsed:.1f} s")
    terminal.emit({"version": JSON_VERSION, **told})
    return Exit.DONE


async def templates(*, common: Common = _COMMON) -> Exit:
    """List what VPSes can be made from. Needs a panel of the API's later revision.

    Args:
        common: As for every command.
    """
    terminal = common.terminal()
    async with common.panels(terminal) as panels:
        found = [(each.name, await each.list_templates()) for each in panels.sessions]
    listed = [(panel, template) for panel, every in found for template in every]
    terminal.table(_grid(listed))
    told = [{"panel": panel, **template.to_dict()} for panel, template in listed]
    terminal.emit({"version": JSON_VERSION, "templates": told})
    return Exit.DONE


def _asked(terminal: Terminal, member: Member, template: int) -> str:
    """Have the hostname typed by a person who was told what it means.

    Raises:
        CommandError: They typed something else.
    """
    vps = member.vps
    node = "" if vps.node is None else f", node {vps.node}"
    terminal.say(
        f"All that is on {safe_text(vps.hostname)} (id {vps.id} on {safe_text(member.account.panel)}{node}) will be "
        f"destroyed, and made anew from template {template}.",
        tone=Tone.WARNING,
    )
    typed = terminal.ask("Type its hostname to go on:").strip()
    if typed != vps.hostname:
        message = "that is not its hostname: nothing was done"
        raise CommandError(message)
    return typed


def _grid(listed: Iterable[tuple[str, Template]]) -> Grid:
    columns = (
        Column("ID", right=True),
        Column("NAME", least=len("NAME")),
        Column("PANEL", mixed=True),
        Column("WHAT TO KNOW", toned=True),
        Column("DESCRIPTION", leaves=1),
    )
    return Grid.of(columns, (_row(panel, template) for panel, template in listed))


def _row(panel: str, template: Template) -> Row:
    notes = [
        note
        for note, holds in (
            ("cannot be installed", template.available is False),
            ("no longer supported", template.supported is False),
            ("outdated", template.outdated is True),
        )
        if holds
    ]
    cells = (str(template.id), safe_text(template.name), safe_text(panel), ", ".join(notes))
    description = safe_text(template.description or "")
    return Row((*cells, description), Tone.WARNING if notes else Tone.PLAIN)
