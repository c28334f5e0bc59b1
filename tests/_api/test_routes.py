"""What a session knows of where its panel has its calls, after each answer."""

import pytest
from values import vps

from cvm_async._api import calls
from cvm_async._api.calls import Call
from cvm_async._api.routes import Routes
from cvm_async._api.verbs import DOCUMENTED, LAYOUTS, RUNNING, SPECIFIED, Layout
from cvm_async.errors import (
    ConfigurationError,
    CvmError,
    DecodeError,
    NodeUnreachableError,
    PanelError,
    VpsNotFoundError,
)
from cvm_async.models import PowerState, VpsList, VpsStatus
from cvm_async.settings import APIS

UNROUTED = PanelError("x", status_code=500)
NO_SUCH_VPS = VpsNotFoundError("x", status_code=404, errors=("The specified VPS ID does not exist.",))
SEEN = VpsStatus(state=PowerState.RUNNING, state_text="running")
LISTED = VpsList([vps(1)])
PLACED = VpsList([vps(1), vps(2, location="Roubaix, France")])
MADE = VpsList([vps(1, template=3)])


@pytest.mark.parametrize(
    ("api", "layouts"),
    [(None, LAYOUTS), ("auto", LAYOUTS), ("2012", (SPECIFIED,)), ("2013", (RUNNING, DOCUMENTED))],
)
def test_what_a_person_has_said(api: str | None, layouts: tuple[Layout, ...]) -> None:
    routes = Routes.told(api)
    assert (routes.candidates, routes.layout, routes.is_heard) == (layouts, layouts[0], False)
    assert routes.is_settled is (len(layouts) == 1)
    assert routes.revision == (None if len(layouts) == len(LAYOUTS) else api)


@pytest.mark.parametrize("api", ["2014", "", "Auto", 2013])
def test_no_other_word_is_taken(api: str) -> None:
    with pytest.raises(ConfigurationError, match=f"api must be one of {', '.join(APIS)}, not"):
        Routes.told(api)


@pytest.mark.parametrize(
    ("call", "value", "left"),
    [
        pytest.param(calls.status(1), SEEN, (SPECIFIED,), id="the specification's status"),
        pytest.param(calls.status(1, RUNNING), SEEN, (RUNNING, DOCUMENTED), id="the later status"),
        pytest.param(calls.list_vpses(), LISTED, (SPECIFIED,), id="a list without the later keys"),
        pytest.param(calls.list_vpses(), PLACED, (SPECIFIED, DOCUMENTED), id="a list with a location"),
        pytest.param(calls.list_vpses(), MADE, (SPECIFIED, DOCUMENTED), id="a list with a template"),
        pytest.param(calls.list_vpses(), VpsList(), (SPECIFIED, DOCUMENTED), id="an empty list"),
        pytest.param(calls.list_vpses(RUNNING), PLACED, (RUNNING,), id="the running panel's list"),
        pytest.param(calls.list_nodes(), [], (RUNNING, DOCUMENTED), id="nodes"),
    ],
)
def test_an_answer_leaves_those_that_have_it_there(call: Call[object], value: object, left: tuple[Layout, ...]) -> None:
    routes = Routes()
    routes.worked(call, value)
    assert (routes.candidates, routes.layout, routes.is_heard) == (left, left[0], True)


def test_a_later_list_without_the_later_keys_is_a_later_list() -> None:
    routes = Routes()
    routes.worked(calls.list_vpses(RUNNING), LISTED)
    assert routes.revision == "2013"


def test_what_has_a_path_of_its_own_is_asked_elsewhere_where_it_failed_so() -> None:
    routes = Routes()
    assert routes.elsewhere(calls.status(1), UNROUTED) is RUNNING
    assert routes.elsewhere(calls.list_vpses(), UNROUTED) is RUNNING
    assert routes.elsewhere(calls.list_vpses(), DecodeError("no JSON")) is RUNNING
    assert routes.elsewhere(calls.list_nodes(), UNROUTED) is None
    assert routes.elsewhere(calls.status(1), NO_SUCH_VPS) is None


def test_of_the_later_revision_only_the_list_may_be_elsewhere() -> None:
    routes = Routes.told("2013")
    assert routes.elsewhere(calls.status(1, RUNNING), UNROUTED) is None
    assert routes.elsewhere(calls.list_vpses(RUNNING), UNROUTED) is DOCUMENTED


def test_what_is_settled_is_asked_in_one_place() -> None:
    assert Routes.told("2012").elsewhere(calls.status(1), UNROUTED) is None


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (NO_SUCH_VPS, 1),
        (UNROUTED, 3),
        (VpsNotFoundError("x", status_code=404, errors=("No such path",)), 3),
        (NodeUnreachableError("x", status_code=503, errors=("The node is away.",)), 3),
    ],
)
def test_only_who_knows_of_no_such_vps_was_asked_for_one(error: CvmError, left: int) -> None:
    routes = Routes()
    routes.failed(calls.status(1), error)
    assert len(routes.candidates) == left


def test_an_answer_that_fits_nothing_changes_nothing() -> None:
    routes = Routes.told("2012")
    routes.worked(calls.status(1, RUNNING), SEEN)
    assert routes.candidates == (SPECIFIED,)
