import pytest

from cvm_async._words import some_vpses


@pytest.mark.parametrize(
    ("count", "kind", "text"),
    [(0, "", "0 VPSes"), (1, "", "1 VPS"), (4_500, "", "4,500 VPSes"), (1, "simulated", "1 simulated VPS")],
)
def test_one_vps_is_no_vpses(count: int, kind: str, text: str) -> None:
    assert some_vpses(count, kind) == text
