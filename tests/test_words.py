import pytest

from cvm_async._words import counted, some_vpses


@pytest.mark.parametrize(
    ("count", "kind", "text"),
    [(0, "", "0 VPSes"), (1, "", "1 VPS"), (4_500, "", "4,500 VPSes"), (1, "simulated", "1 simulated VPS")],
)
def test_one_vps_is_no_vpses(count: int, kind: str, text: str) -> None:
    assert some_vpses(count, kind) == text


def test_one_is_said_in_the_singular() -> None:
    assert [counted(count, "call") for count in (0, 1, 2_000)] == ["0 calls", "1 call", "2,000 calls"]
    assert [counted(count, "more name", "more names") for count in (1, 2)] == ["1 more name", "2 more names"]
