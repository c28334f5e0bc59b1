"""How figures are said to people, the same way everywhere."""


def some_vpses(count: int, kind: str = "") -> str:
    """Give ``1 VPS`` or ``4,500 VPSes``; with a kind ``8 simulated VPSes``."""
    return f"{count:,} {kind}{' ' if kind else ''}{'VPS' if count == 1 else 'VPSes'}"
