import pytest
from values import vps

from cvm_async.models import PowerState
from cvm_async.watch.events import Change, NodeBack, PanelBack, StateChanged, VpsAppeared, VpsGone, VpsReadable

ONE = vps(1)
NAMED = {"id": 1, "hostname": "vps1.example.net", "node": 1}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (VpsGone("acme", ONE), {"kind": "vps_gone", **NAMED}),
        (VpsReadable("acme", ONE), {"kind": "vps_readable", **NAMED}),
        (
            StateChanged("acme", ONE, None, PowerState.RUNNING),
            {
                "kind": "state_changed",
                "id": 1,
                "hostname": "vps1.example.net",
                "node": 1,
                "before": None,
                "after": "running",
            },
        ),
        (
            VpsAppeared("acme", ONE, None),
            {"kind": "vps_appeared", **NAMED, "state": None},
        ),
        (NodeBack("acme", 3, 7), {"kind": "node_back", "node": 3, "vpses": 7}),
        (PanelBack("acme", 7), {"kind": "panel_back", "vpses": 7}),
    ],
)
def test_as_json_it_is_its_kind_and_its_attributes(change: Change, told: dict[str, object]) -> None:
    assert change.to_dict() == {"panel": "acme", **told}


def test_a_state_that_was_not_known_is_said_to_be_so() -> None:
    assert str(StateChanged("acme", ONE, PowerState.RUNNING, None)).endswith("running -> not read")
