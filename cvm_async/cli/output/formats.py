"""Results for programs: exact, whatever is in a hostname, and nothing else beside them on standard output.

JSON and YAML are ASCII, so that no terminal obeys what is in them. In CSV, what a spreadsheet would take for a formula
has an apostrophe before it; a name is only printed where it can be read back as that one VPS, and else its id is.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.output.look import Format, Look
from cvm_async.cli.output.rows import Record, columns_of, flat, ordered, rows_key
from cvm_async.cli.shell.names import reads_back
from cvm_async.fleet.naming import Names

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How texts begin that spreadsheets take for a formula. Source: OWASP, "CSV Injection"."""

_ACTS: Final = frozenset(("start", "stop", "restart"))


def written(document: Record, look: Look, names: Names | None, titles: Mapping[str, str]) -> str:
    """Give a result as text in a format for programs, line breaks included.

    Args:
        document: The result, as JSON has it.
        look: The format, and what of it is wanted.
        names: Those of the whole account, by which a name is told from others; None where they are not known.
        titles: What a table's headings mean as JSON's keys.

    Raises:
        CommandError: The format needs what is not installed, or it has no such column.
    """
    key = rows_key(document)
    rows = ordered(cast("list[Record]", document[key]), look.sort) if key is not None else [document]
    if look.format is Format.CSV:
        return _csv(rows, columns_of(key or "", rows, look.columns, titles), look)
    if look.format is Format.NAME:
        return "".join(f"{_name(row, names)}\n" for row in rows if _is_meant(row))
    if look.format is Format.JSONL:
        return "".join(f"{as_json(row, indent=None)}\n" for row in rows)
    whole = document if key is None else {**document, key: rows}
    return _yaml(whole) if look.format is Format.YAML else f"{as_json(whole, indent=2)}\n"


def line(value: object, look: Look) -> str:
    """Give one of many results that come one by one, in a format for programs."""
    if look.format is Format.YAML:
        return f"---\n{_yaml(value)}"
    return f"{as_json(value, indent=None)}\n"


def as_json(value: object, *, indent: int | None) -> str:
    """Give a value as JSON in ASCII."""
    return json.dumps(value, indent=indent, allow_nan=False)


def _yaml(value: object) -> str:
    try:
        import yaml  # noqa: PLC0415 - only who asks for it waits for it to load
    except ModuleNotFoundError:
        message = "-o yaml needs PyYAML: pip install 'cvm_async[cli]'"
        raise CommandError(message, Exit.USAGE) from None
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=1_000_000)


def _csv(rows: Iterable[Record], columns: Sequence[str], look: Look) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if look.header and columns:
        writer.writerow(columns)
    writer.writerows([_cell(flat(row, column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = value if isinstance(value, str) else as_json(value, indent=None)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _is_meant(row: Record) -> bool:
    """Tell whether a row is one of those that a command was for: what failed, or is left alone, is none."""
    return row.get("ok", True) is True and row.get("step", "start") in _ACTS


def _name(row: Record, names: Names | None) -> str:
    hostname, number = row.get("hostname"), row.get("id")
    if not isinstance(hostname, str):
        return safe_text(str(row.get("name", "") if number is None else number))
    return hostname if reads_back(hostname) and names is not None and len(names.places(hostname)) == 1 else str(number)
