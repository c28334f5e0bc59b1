"""The fleet at a glance, as one page that asks nothing of anybody: no script, no font, no picture from elsewhere.

It comes whole from here and comes again by itself. Every text of a panel is escaped, and the policy that goes with it
forbids a browser whatever would be left of one. It stays short however many VPSes there are: trouble first.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

from cvm_async._figures import size, state_word, traffic_size
from cvm_async._safe_text import excerpt
from cvm_async._version import __version__
from cvm_async._words import counted, some_vpses
from cvm_async.errors import CvmError
from cvm_async.exporter.labels import hostname_label, panel_labels
from cvm_async.exporter.views import PanelView
from cvm_async.models import PowerState
from cvm_async.watch.snapshot import Reading, Use

SHOWN: Final = 200
"""VPSes on the page at most."""
_REFRESH: Final = 15
"""Seconds until it comes again: what it shows changes once a look, and how old that is all the time."""
_LONGEST_ERROR: Final = 160

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d6dae0; --quiet: #5b6470; --good: #1a7f37; --bad: #c1121f; --card: #f5f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --line: #343b45; --quiet: #9aa4b0; --good: #4cc26b; --bad: #ff7b72; --card: #1b2027; }
  body { background: #12161b; color: #e6e9ed; }
}
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .25rem 0; } a { color: inherit; } .quiet { color: var(--quiet); } .good { color: var(--good); }
.bad { color: var(--bad); } b, .bad { font-weight: 600; }
.cards { display: grid; gap: .75rem; margin-top: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
.card, td { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th { color: var(--quiet); font-weight: 400; text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; vertical-align: top; }
@media (max-width: 45rem) {
  thead { display: none; } tr { border-bottom: 1px solid var(--line); display: block; padding: .5rem 0; }
  td { border: 0; display: block; padding: 0; } td:empty { display: none; }
  td[data-of]::before { color: var(--quiet); content: attr(data-of) " "; }
}
"""

_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""The headers that go with the page."""

_RANKS: Final = {state: rank for rank, state in enumerate(reversed(PowerState))}
"""What is no good news first."""
_FULL: Final = 0.8
"""Share of a traffic limit from which on it is shown as trouble."""


def page(views: Sequence[PanelView], now: datetime) -> str:
    """Give the page.

    Args:
        views: What is known of each panel.
        now: The time.
    """
    called = panel_labels(view.name for view in views)
    known = [(called[view.name], reading) for view in views for reading in view.readings]
    title = f"{some_vpses(len(known))} on {counted(len(views), 'panel')}" if views else "Nothing has been read yet"
    cards = "".join(_card(called[view.name], view, now) for view in views)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{_REFRESH}"><link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{title}</h1><p class="quiet">cvm_async {__version__} · <a href="metrics">metrics</a> · '
        f"comes again every {_REFRESH} s</p>"
        f'<section class="cards">{cards}</section>{_table(known)}</body></html>\n'
    )


def _card(name: str, view: PanelView, now: datetime) -> str:
    lost = [node for node, is_up in view.nodes.items() if not is_up]
    word = '<span class="good">up</span>' if view.is_up else '<span class="bad">down</span>'
    lines = [f"<b>{escape(name)}</b> {word}", *_seen(view, now)]
    if lost:
        nodes = ", ".join(map(str, lost))
        lines.append(f'<span class="bad">{"node" if len(lost) == 1 else "nodes"} {nodes} down</span>')
    why = _why_down(view)
    if why is not None:
        lines.append(f'<span class="bad">{escape(excerpt(why.message, _LONGEST_ERROR))}</span>')
    return f'<div class="card">{"".join(f"<p>{line}</p>" for line in lines)}</div>'


def _why_down(view: PanelView) -> CvmError | None:
    errors = () if view.is_up else (view.error, *(reading.error for reading in view.readings))
    return next((error for error in errors if error is not None), None)


def _seen(view: PanelView, now: datetime) -> Iterator[str]:
    if view.at is None:
        return
    states = Counter(_word(reading) for reading in view.readings)
    told = ", ".join(f"{count:,} {escape(word)}" for word, count in states.most_common())
    yield f"{some_vpses(len(view.readings))}{f': {told}' if told else ''}"
    ago = max(0.0, (now - view.at).total_seconds())
    yield f'<span class="quiet">looked at {ago:,.0f} s ago, within {view.elapsed:.1f} s</span>'


def _table(known: Sequence[tuple[str, Reading]]) -> str:
    if not known:
        return ""
    ordered = sorted(known, key=lambda each: _rank(each[1]))[:SHOWN]
    more = f", {SHOWN} of {len(known):,}" if len(known) > SHOWN else ""
    rows = "".join(_row(panel, reading) for panel, reading in ordered)
    heads = "".join(f"<th>{head}</th>" for head in ("VPS", "State", "Panel, node", "Memory", "Disk", "Traffic"))
    return f"<h2>VPSes, trouble first{more}</h2><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _rank(reading: Reading) -> tuple[bool, bool, int]:
    is_full = any(use.share is not None and use.share >= _FULL for use in reading.traffic)
    return reading.is_fresh, not is_full, -1 if reading.status is None else _RANKS[reading.status.state]


def _row(panel: str, reading: Reading) -> str:
    vps, status = reading.vps, reading.status if reading.is_fresh else None
    node = "" if vps.node is None else f", node&nbsp;{vps.node}"
    tone = "good" if status is not None and status.state is PowerState.RUNNING else "bad"
    cells = (
        ("", f'<b>{escape(hostname_label(vps))}</b> <span class="quiet">{vps.id}</span>'),
        ("", f'<span class="{tone}">{escape(_word(reading))}</span>'),
        ("", f"{escape(panel)}{node}"),
        ("memory", "" if status is None or status.ram_used is None else size(status.ram_used)),
        ("disk", "" if status is None or status.disk_used is None else size(status.disk_used)),
        ("traffic", "<br>".join(_uses(reading.traffic))),
    )
    return f"<tr>{''.join(_cell(of, content) for of, content in cells)}</tr>"


def _cell(of: str, content: str) -> str:
    named = f' data-of="{of}"' if of and content else ""
    return f"<td{named}>{content}</td>"


def _word(reading: Reading) -> str:
    if not reading.is_fresh:
        return "not read"
    return "listed" if reading.status is None else state_word(reading.status)


def _uses(uses: Iterable[Use]) -> Iterator[str]:
    for use in uses:
        if use.used is not None:
            direction = "" if use.direction == "total" else f"{use.direction} "
            of = "" if use.share is None else f" of {traffic_size(use.limit or 0)} ({use.share:.0%})"
            yield f"{direction}{traffic_size(use.used)}{of}"
