"""Figures as text: sizes with their units, what is used of what is allowed, and a state in a word.

Units: what the panel calls megabytes of memory and disk are mebibytes (OpenVZ counts both in units of 1,024 bytes), so
they show in MiB and GiB, powers of 1,024. Traffic is sold by the decimal gigabyte, and shows in MB and GB, powers of
1,000.
"""

from collections.abc import Sequence

from cvm_async._safe_text import excerpt
from cvm_async.models import MEBIBYTE, CombinedTraffic, PowerState, Traffic, VpsStatus

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_HALF = 0.5
_ONE_DECIMAL_BELOW = 9.95
"""Figures below it get a decimal: 1.5 GiB and 15 GiB are precise enough for the eye."""
_WORD = 20
"""Characters of a panel's own word for a state: longer than any sensible one."""


def size(amount: int) -> str:
    """Give bytes of memory or disk: ``412 MiB``, ``1.5 GiB``."""
    return _scaled(amount, 1024, _BINARY)


def allowance(megabytes: int | None) -> str:
    """Give memory or disk that a VPS has: ``512 MiB``; nothing where the panel does not say."""
    return "" if megabytes is None else size(megabytes * MEBIBYTE)


def traffic_size(amount: int) -> str:
    """Give bytes of traffic: ``17 MB``, ``1.2 TB``."""
    return _scaled(amount, 1000, _DECIMAL)


def usage(used: int | None, megabytes: int | None) -> str:
    """Give bytes used of what a VPS has: ``412 MiB  81%``; nothing where the panel does not say."""
    if used is None:
        return ""
    return f"{size(used)} {100 * used // (megabytes * MEBIBYTE):>3}%" if megabytes else size(used)


def traffic_usage(traffic: Traffic | None) -> str:
    """Give traffic used, both directions together, of the limit where there is one: ``1.2 TB of 2.0 TB``.

    What is used shows as ``?`` where the panel tells the limit alone.
    """
    if traffic is None:
        return ""
    used = None if traffic.total_used is None else traffic_size(traffic.total_used)
    limit = _limit(traffic)
    return used or "" if limit is None else f"{used or '?'} of {traffic_size(limit)}"


def state_word(status: VpsStatus) -> str:
    """Give a state in a word; the panel's own where it is none that the API documents."""
    if status.state is not PowerState.UNKNOWN or status.state_text == PowerState.UNKNOWN:
        return status.state.value
    return f"unknown: {excerpt(status.state_text, _WORD)}"


def _limit(traffic: Traffic) -> int | None:
    if isinstance(traffic, CombinedTraffic):
        return traffic.limit
    return None if traffic.in_limit is None or traffic.out_limit is None else traffic.in_limit + traffic.out_limit


def _scaled(amount: int, step: int, units: Sequence[str]) -> str:
    figure, unit = float(amount), 0
    # What would round up to a whole step shows in the next unit.
    while figure >= step - _HALF and unit < len(units) - 1:
        figure /= step
        unit += 1
    decimals = 1 if unit and figure < _ONE_DECIMAL_BELOW else 0
    return f"{figure:,.{decimals}f} {units[unit]}"
