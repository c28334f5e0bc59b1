"""The rows of a result, as its JSON has them: chosen, sorted and made flat the same way for every format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, cast

from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.output.look import Sort
from cvm_async.render import natural

Record: TypeAlias = Mapping[str, object]
"""A row, as JSON has it."""

# A run names its panels, too: its VPSes are the rows.
_ROWS: Final = ("targets", "outcomes", "steps", "vpses", "readings", "nodes", "profiles", "panels", "templates", "runs")
"""Under which keys the results of commands have their rows."""

_USES: Final = tuple(
    f"usage.{what}.{how}" for what in ("ram", "disk", "traffic") for how in ("used", "limit", "percent")
)
_NAMED: Final = ("panel", "id", "hostname", "node")
_STATE: Final = ("state", "state_text")

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "vpses": (
        *_NAMED,
        *("virtualization_type", "guaranteed_ram", "burstable_ram", "disk_space", "cpu_count"),
        *("usage.traffic.used", "usage.traffic.limit", "usage.traffic.percent"),
    ),
    "outcomes": (*_NAMED, "result", *_STATE, *_USES, "error_kind", "error", "elapsed"),
    "steps": (*_NAMED, "step", "reason", *_STATE, *_USES),
}
"""What a row has as CSV, by where it comes from: always the same, so that a program can count on them."""

_RANKS: Final = {
    word: rank for rank, word in enumerate((None, "unknown", "suspended", "terminated", "stopped", "running"))
}
_LARGEST_FIRST: Final = {Sort.RAM: "ram", Sort.DISK: "disk", Sort.TRAFFIC: "traffic"}


def rows_key(document: Record) -> str | None:
    """Give the key under which a result has its rows; None where it has none."""
    return next((key for key in _ROWS if isinstance(document.get(key), list)), None)


def ordered(rows: Iterable[Record], sort: Sort | None) -> list[Record]:
    """Give rows sorted; those of one rank stay as they were."""
    return list(rows) if sort is None else sorted(rows, key=lambda row: sort_key(row, sort))


def sort_key(row: Record, sort: Sort) -> tuple[object, ...]:
    """Give the place of a row."""
    if sort in _LARGEST_FIRST:
        figures = flat(row, f"usage.{_LARGEST_FIRST[sort]}.used"), flat(row, f"usage.{_LARGEST_FIRST[sort]}.limit")
        known = next((figure for figure in figures if isinstance(figure, int)), None)
        return (known is None, -(known or 0))
    if sort is Sort.NAME:
        return (natural(str(row.get("hostname", ""))),)
    if sort is Sort.STATE:
        return (_RANKS.get(cast("str | None", row.get("state")), len(_RANKS)),)
    node = row.get("node")
    return (node is None, node if isinstance(node, int) else 0)


def flat(row: Record, key: str) -> object:
    """Give what a row has under a key; ``usage.ram.used`` is inside of what is under ``usage``. None for nothing."""
    first, _, rest = key.partition(".")
    inner = row.get(first)
    if not rest:
        return inner
    return flat(cast("Record", inner), rest) if isinstance(inner, Mapping) else None


def keys_of(row: Record, before: str = "") -> Iterator[str]:
    """Give all keys of a row, those inside of others, too."""
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from keys_of(cast("Record", value), f"{before}{key}.")
        else:
            yield f"{before}{key}"


def columns_of(key: str, rows: Sequence[Record], wanted: Sequence[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Give the columns of rows: those that are wanted, or the usual ones.

    Args:
        key: Where the rows come from.
        rows: All of them.
        wanted: What was asked for.
        titles: What a table's headings mean as JSON's keys.

    Raises:
        CommandError: There is no such column.
    """
    usual = COLUMNS.get(key) or tuple(keys_of(rows[0]) if rows else ())
    if not wanted:
        return usual
    known = {*usual, *(each for row in rows for each in keys_of(row))}
    return tuple(_known(each, known, titles) for each in wanted)


def _known(wanted: str, known: set[str], titles: Mapping[str, str]) -> str:
    column = titles.get(slug(wanted), wanted)
    if known and column not in known:
        raise unknown_column(wanted, known)
    return column


def unknown_column(wanted: str, known: Iterable[str]) -> CommandError:
    """Give the error that there is no such column."""
    return CommandError(f"--columns: {safe_text(wanted)!r} is none of {', '.join(sorted(known))}", Exit.USAGE)


def slug(title: str) -> str:
    """Give a heading as a flag names it: ``ram-used`` for ``RAM USED``."""
    return "-".join(title.lower().replace("_", " ").split())
