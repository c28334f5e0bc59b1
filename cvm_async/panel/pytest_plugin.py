"""A fixture for the tests of whoever uses `cvm_async`: `cvm_panel`, a simulated panel on a real port.

pytest imports this module in every run of everybody who has the package installed, so it imports nothing
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from cvm_async.panel.server import SimulatedPanel


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, also to `--strict-markers`."""
    config.addinivalue_line(
        "markers",
        "cvm_panel(**knobs): what the `cvm_panel` fixture's SimulatedPanel is made with, by keyword.",
    )


@pytest.fixture
def cvm_panel(request: pytest.FixtureRequest) -> Iterator[SimulatedPanel]:
    """Give a simulated panel on a loopback port, in a thread of its own, so that any kind of test can use it.

    `@pytest.mark.cvm_panel(vpses=10, nodes=2)` says what it is made with.
    """
    # Here and not above: only who asks for a panel should wait for uvicorn to be imported.
    from cvm_async.panel.server import SimulatedPanel  # noqa: PLC0415

    marker = cast("pytest.Item", request.node).get_closest_marker("cvm_panel")
    knobs: Mapping[str, Any] = marker.kwargs if marker else {}
    with SimulatedPanel(**knobs) as panel:
        yield panel
