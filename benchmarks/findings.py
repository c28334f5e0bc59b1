"""What a workload found, as values: tables, plots and notes; how they look is the report's affair."""

from collections.abc import Mapping, Sequence

from attrs import frozen


@frozen
class Table:
    """Rows of text below a title; the first column is what the row is about."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@frozen
class Bars:
    """A bar for each label."""

    name: str
    title: str
    unit: str
    values: Mapping[str, float]


@frozen
class Lines:
    """A line for each label, through points (x, y)."""

    name: str
    title: str
    x: str
    y: str
    series: Mapping[str, Sequence[tuple[float, float]]]
    logarithmic: bool = False


Plot = Bars | Lines


@frozen
class Finding:
    """What one workload found.

    Attributes:
        key: The workload's letter.
        title: What was measured.
        about: How, in a few sentences.
        tables: The figures.
        plots: Some of them, drawn.
        notes: What must be known beside them.
        raw: All single runs, as JSON takes them.
    """

    key: str
    title: str
    about: str
    tables: tuple[Table, ...]
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()
    raw: object = None
