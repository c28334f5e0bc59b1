"""Reports in files: kept as JSON, and read back to do again what failed.

A file is what `FleetReport.to_dict` gives, with the panels' addresses besides: a name alone may mean another panel by
the time that the file is read.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from attrs import frozen

import cvm_async
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.results import Report
from cvm_async.fleet.result import AGAIN
from cvm_async.models import JSON_VERSION

_SHOWN = 8
"""VPSes and panels that a message names."""


@frozen
class Saved:
    """What a saved report says is to be done again.

    Attributes:
        path: Where it is.
        panels: The addresses of its panels by their names; None where the file does not tell one.
        again: The VPSes, each by its panel's name and its id.
        unknown: Of these, those that may have been done already.
    """

    path: Path
    panels: Mapping[str, str | None]
    again: frozenset[tuple[str, int]]
    unknown: frozenset[tuple[str, int]] = frozenset()

    def of(self, fleet: "cvm_async.Fleet") -> "cvm_async.Fleet":
        """Give these VPSes of a fleet.

        Raises:
            CommandError: They are of another panel, or one is not there any more.
        """
        self._check(fleet)
        places = {
            (member.account.panel, member.vps.id): place
            for place, member in enumerate(fleet.members)
            if (member.account.panel, member.vps.id) in self.again
        }
        gone = sorted(vps_id for _, vps_id in self.again - places.keys())
        if gone:
            more = f" and {len(gone) - _SHOWN:,} more" if len(gone) > _SHOWN else ""
            told = ", ".join(map(str, gone[:_SHOWN]))
            raise CommandError(f"this account has no VPS {told}{more}, which {self._name} names; nothing was done")
        return fleet.at(sorted(places.values()))

    def _check(self, fleet: "cvm_async.Fleet") -> None:
        here = addresses(fleet)
        for name in sorted({name for name, _ in self.again}):
            address = self.panels[name]
            if name not in here or address not in (None, here[name]):
                theirs = excerpt(name) if address is None else f"{excerpt(name)} ({excerpt(address)})"
                ours = ", ".join(f"{excerpt(ours)} ({excerpt(where)})" for ours, where in here.items())
                message = f"{self._name} is a report of {theirs}, and this is {ours or 'no panel'}; nothing was done"
                raise CommandError(message, Exit.USAGE)

    @property
    def _name(self) -> str:
        return safe_text(str(self.path))


def addresses(fleet: "cvm_async.Fleet") -> dict[str, str]:
    """Give the addresses of a fleet's panels by their names."""
    return {account.panel: account.address for account in fleet.members.accounts}


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is done that would have to be kept in it.

    Raises:
        CommandError: It cannot be.
    """
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        message = f"the report cannot be saved as {safe_text(str(path))}: its folder is not there or not writable"
        raise CommandError(message, Exit.USAGE)


def write_report(path: Path, report: Report, panels: Mapping[str, str]) -> None:
    """Save a report: the file is the old one or the new one, never a part."""
    told = json.dumps({**report.to_dict(), "panels": dict(panels)}, indent=2, allow_nan=False)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(f"{told}\n", encoding="ascii")
    beside.replace(path)


def read_report(path: Path, verb: str) -> Saved:
    """Read what a saved report of this verb says is to be done again.

    Raises:
        CommandError: It is not there, or is something else.
    """
    name = safe_text(str(path))
    try:
        told = cast("dict[str, Any]", json.loads(path.read_bytes()))
        saved = _saved(path, told)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", Exit.USAGE) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        message = f"{name} is no report that was saved with --report, or by this version's to_dict()"
        raise CommandError(message, Exit.USAGE) from None
    if told["verb"] != verb:
        message = f"{name} is the report of a {excerpt(str(told['verb']))}, and not of a {verb}"
        raise CommandError(message, Exit.USAGE)
    return saved


def _saved(path: Path, told: "dict[str, Any]") -> Saved:
    if told["version"] != JSON_VERSION:
        raise ValueError
    by_result: dict[str, set[tuple[str, int]]] = {}
    for each in told["outcomes"]:
        by_result.setdefault(each["result"], set()).add((str(each["panel"]), int(each["id"])))
    again = {key for result, keys in by_result.items() if result in AGAIN for key in keys}
    known = told.get("panels", {})
    panels = {panel: known.get(panel) for panel, _ in again}
    return Saved(path, panels, frozenset(again), frozenset(by_result.get("unknown", ())))
