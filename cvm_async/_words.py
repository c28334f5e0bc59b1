"""How figures are said to people, the same way everywhere."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """Give ``1 call`` or ``4,500 calls``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def some_vpses(count: int, kind: str = "") -> str:
    """Give ``1 VPS`` or ``4,500 VPSes``; with a kind ``8 simulated VPSes``."""
    before = f"{kind} " if kind else ""
    return counted(count, f"{before}VPS", f"{before}VPSes")
