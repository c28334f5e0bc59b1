"""`check`: one column a panel, one row a fact, and a sentence for each thing that somebody should see to."""

import asyncio
from collections.abc import Iterator, Sequence

from cvm_async._safe_text import safe_text
from cvm_async.cli.check.looking import PanelCheck, look_at
from cvm_async.cli.exits import Exit, of_error
from cvm_async.cli.flags import Common
from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.models import JSON_VERSION

_COMMON = Common()
_SKEWED = 5.0
"""Seconds between two clocks that are worth a word: dates in logs no longer fit."""
_ENDS_SOON = 14
"""Days that a certificate should still be valid."""
_REVISIONS = {
    "2012": "2012 (the specification's)",
    "2013": "2013 (the later one)",
    None: "not known",
}


async def check(*, common: Common = _COMMON) -> Exit:
    """Look at a panel, and tell what it is: its API's revision, tokens, clock, latency, PHP's diagnostics, certificate.

    Args:
        common: As for every command.
    """
    terminal = common.terminal()
    accesses = common.accesses(terminal)
    with terminal.logging(verbose=common.verbose):
        found = await asyncio.gather(*map(look_at, accesses))
    terminal.table(_grid(found))
    terminal.say(*(line for each in found for line in _concerns(each)), tone=Tone.WARNING)
    terminal.emit({"version": JSON_VERSION, "panels": [each.to_dict() for each in found]})
    return _exit(found)


def _grid(found: Sequence[PanelCheck]) -> Grid:
    columns = (Column("PANEL"), *(Column(safe_text(each.panel), least=8) for each in found))
    told = [dict(_facts(each)) for each in found]
    rows = (Row((name, *(facts[name] for facts in told))) for name in told[0])
    return Grid(columns, tuple(rows))


def _facts(found: PanelCheck) -> Iterator[tuple[str, str]]:
    yield "address", found.url
    yield "answers", "yes" if found.error is None else f"no: {found.error.kind.replace('_', ' ')}"
    yield "API", _REVISIONS[found.revision]
    yield "tokens", found.tokens or "not known"
    yield "VPSes", "not known" if found.vpses is None else f"{found.vpses:,}"
    yield "clock", "not told" if found.clock_skew is None else _skew(found.clock_skew)
    yield "latency", "none" if found.latency is None else f"{found.latency * 1000:,.0f} ms"
    yield "PHP diagnostics", found.diagnostics or ("none" if found.error is None else "not known")
    yield "certificate", _certificate(found)


def _skew(seconds: float) -> str:
    if abs(seconds) < 1:
        return "as here"
    return f"{abs(seconds):,.0f} s {'ahead' if seconds > 0 else 'behind'}"


def _certificate(found: PanelCheck) -> str:
    certificate = found.certificate
    if certificate is None:
        return "none: not encrypted" if found.url.startswith("http://") else "not known"
    trusted = "" if certificate.is_trusted else (", not trusted" if certificate.is_trusted is False else ", unchecked")
    if certificate.days < 0:
        return f"ended {-certificate.days:,} days ago{trusted}"
    return f"{certificate.days:,} days left{trusted}"


def _concerns(found: PanelCheck) -> Iterator[str]:
    name = safe_text(found.panel)
    if found.error is not None:
        yield f"{name}: {found.error}"
    if found.clock_skew is not None and abs(found.clock_skew) >= _SKEWED:
        yield f"{name}: its clock is {_skew(found.clock_skew)} of this machine's"
    if found.certificate is not None and 0 <= found.certificate.days < _ENDS_SOON:
        yield f"{name}: its certificate ends on {found.certificate.until:%Y-%m-%d}"


def _exit(found: Sequence[PanelCheck]) -> Exit:
    failed = [of_error(each.error) for each in found if each.error is not None]
    if len(failed) < len(found):
        return Exit.PARTLY if failed else Exit.DONE
    return failed[0] if len({*failed}) == 1 else Exit.FAILED
