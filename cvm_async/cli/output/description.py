"""All that is known of one VPS, as lines for a person."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

from cvm_async._figures import size, traffic_size
from cvm_async._gates.breaker import NodeState
from cvm_async._safe_text import safe_text
from cvm_async._words import counted
from cvm_async.cli.output.rows import Record, flat
from cvm_async.models import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Callable

_USES: Final[Mapping[str, tuple[str, "Callable[[int], str]"]]] = {
    "ram": ("RAM", size),
    "disk": ("Disk", size),
    "traffic": ("Traffic", traffic_size),
    "traffic_in": ("incoming", traffic_size),
    "traffic_out": ("outgoing", traffic_size),
}
_WIDTH: Final = 16


def described(known: Record) -> list[str]:
    """Give it line by line, from what JSON has."""
    return [f"{safe_text(str(known['hostname']))} ({known['id']})", *(f"  {line}" for line in _lines(known))]


def _lines(known: Record) -> Iterator[str]:
    yield _line("Panel", known["panel"])
    yield _line("Node", _node(known))
    yield from _placed(known)
    yield _line("State", flat(known, "status.state") or f"not read: {known['error']}")
    if flat(known, "status.state_text") != flat(known, "status.state"):
        yield _line("Panel's word", flat(known, "status.state_text"))
    for key, (title, told) in _USES.items():
        if used := _used(cast("Record", flat(known, f"usage.{key}")), told):
            yield _line(title, used)
    burst = known["burstable_ram"]
    yield _line("Burstable RAM", size(burst * MEBIBYTE) if isinstance(burst, int) else None)
    yield _line("CPUs", known["cpu_count"])
    yield _line("Virtualization", known["virtualization_type"])
    for extra in ("extra", "status.extra"):
        for key, value in cast("Record", flat(known, extra) or {}).items():
            yield _line(key, value)
    for problems in ("problems", "status.problems"):
        for problem in cast("list[Record]", flat(known, problems) or []):
            yield _line("Problem", f"{problem['path']} is {problem['found']}, not {problem['expected']}")


def _placed(known: Record) -> Iterator[str]:
    """Say what only some panels tell; nothing of it where this one does not."""
    for title, key in (("Location", "location"), ("Template", "template")):
        if known[key] is not None:
            yield _line(title, known[key])


def _line(title: str, value: object) -> str:
    return f"{safe_text(title) + ':':<{_WIDTH}} {'not told' if value is None else safe_text(str(value))}"


def _node(known: Record) -> str | None:
    if known["node"] is None:
        return None
    state, failures = flat(known, "node_state.state"), cast("int", flat(known, "node_state.failures"))
    return f"{known['node']}, {NodeState(state)}" + (f", {counted(failures, 'failure')} in a row" if failures else "")


def _used(use: Record, told: "Callable[[int], str]") -> str | None:
    used, limit, percent = use["used"], use["limit"], use["percent"]
    if not isinstance(used, int):
        return f"of {told(limit)}" if isinstance(limit, int) else None
    of = f" of {told(limit)}" if isinstance(limit, int) else ""
    return f"{told(used)}{of}" + ("" if percent is None else f", {percent} %")
