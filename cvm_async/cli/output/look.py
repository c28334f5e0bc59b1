"""What a person asked results to look like."""

from enum import StrEnum

from attrs import frozen


class Format(StrEnum):
    """A way to print results."""

    TABLE = "table"
    """For a person: what fits the terminal."""
    WIDE = "wide"
    """For a person: all there is, however wide."""
    JSON = "json"
    """One JSON value."""
    JSONL = "jsonl"
    """A JSON object a line, one for each VPS."""
    CSV = "csv"
    """RFC 4180, a line for each VPS."""
    YAML = "yaml"
    """The same as JSON, as one YAML document."""
    NAME = "name"
    """What each VPS is called, a line each, as `cvm-async stop -` takes it."""


class Sort(StrEnum):
    """What rows are sorted by; what is not known comes last."""

    RAM = "ram"
    """The most memory in use first; of a list, the most there is."""
    TRAFFIC = "traffic"
    """The most traffic used first."""
    DISK = "disk"
    """The most disk space in use first; of a list, the most there is."""
    NAME = "name"
    """By hostname, as people count: web-9 before web-10."""
    STATE = "state"
    """What needs somebody first: failed, unknown, suspended, terminated, stopped, running."""
    NODE = "node"
    """By host node."""


FOR_PEOPLE = frozenset((Format.TABLE, Format.WIDE))
IN_COLUMNS = FOR_PEOPLE | {Format.CSV}
"""What has columns to choose from, and a line of headings."""


@frozen(kw_only=True)
class Look:
    """What results look like.

    Attributes:
        format: The way they are printed.
        columns: The columns to show, in this order; empty for the usual ones.
        header: Whether a line of headings comes first.
        sort: What rows are sorted by; None for the command's own order.
        quiet: Whether nothing but results, questions and trouble is told.
    """

    format: Format = Format.TABLE
    columns: tuple[str, ...] = ()
    header: bool = True
    sort: Sort | None = None
    quiet: bool = False

    @property
    def is_for_programs(self) -> bool:
        """Whether a program reads it: then nothing else may be printed beside."""
        return self.format not in FOR_PEOPLE


TABLE = Look()
AS_JSON = Look(format=Format.JSON)
