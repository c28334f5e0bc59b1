import pytest

from cli.conftest import Cvm
from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel


@pytest.mark.parametrize("grace", ["-1", "nan", "inf"])
def test_a_grace_that_is_no_time_is_refused_before_anything_is_done(
    cvm: Cvm, panel: SimulatedPanel, grace: str
) -> None:
    ran = cvm("stop", "1", "--grace", grace)
    assert ran.status == Exit.USAGE
    assert "--grace must be a finite number of seconds from 0 on" in ran.err
    assert panel.requests == []
