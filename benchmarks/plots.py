"""Draws findings as SVG; the text in it stays text, so that it can be searched and scaled."""

# matplotlib's own annotations leave most of its `**kwargs` open.
# pyright: reportUnknownMemberType=false

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.findings import Bars, Lines, Plot

OURS = ("CvmSession", "lane_client", "fast_client", "adaptive")
OUR_COLOR, THEIR_COLOR = "#1b7f5c", "#9aa5b1"
WHOLE_FROM = 100
"""Figures from here on are shown without decimals."""
WIDTH = 8.0
"""Inches, as matplotlib counts."""


def draw(plot: Plot, path: Path) -> None:
    """Draw a plot into a file."""
    # Without these two the file differs each time, though nothing in it does.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cvm_async", "font.size": 10}):
        rows = len(plot.values) if isinstance(plot, Bars) else 10
        figure = Figure(figsize=(WIDTH, 1.2 + 0.32 * rows), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(plot.title, loc="left")
        if isinstance(plot, Bars):
            _bars(axes, plot)
        else:
            _lines(axes, plot)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _bars(axes: Axes, plot: Bars) -> None:
    labels = list(plot.values)
    colors = [OUR_COLOR if any(name in label for name in OURS) else THEIR_COLOR for label in labels]
    bars = axes.barh(labels, list(plot.values.values()), color=colors)
    figures = [f"{value:,.0f}" if value >= WHOLE_FROM else f"{value:.2f}" for value in plot.values.values()]
    axes.bar_label(bars, labels=figures, padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_xlabel(plot.unit)


def _lines(axes: Axes, plot: Lines) -> None:
    colors = mpl.colormaps["tab20"]
    for number, (label, points) in enumerate(plot.series.items()):
        ours = any(name in label for name in OURS)
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            marker="o",
            label=label,
            color=colors(number),
            linewidth=2.5 if ours else 1.2,
        )
    if plot.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    # Beside the lines, as a dozen names would lie on them.
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
