"""Which path means what, in either revision of the API."""

import pytest

from cvm_async.panel.hosts.world import Verb
from cvm_async.panel.routes import Api, Route, Routes

ROOT = "/api/client"


def found(
    method: str, path: str, api: Api, *, documented_list: bool = False, resources: bool = True, prefix: str = ""
) -> Route | None:
    return Routes(api, documented_list, resources, prefix).find(method, path)


@pytest.mark.parametrize(
    ("method", "path", "specified", "later"),
    [
        pytest.param("GET", "vps/list", Verb.LIST, None, id="the specification's list"),
        pytest.param("GET", "list", None, Verb.LIST, id="the running panel's list"),
        pytest.param("GET", "vps/7/status", Verb.STATUS, None, id="the specification's status"),
        pytest.param("GET", "vps/7", None, Verb.STATUS, id="the later status"),
        pytest.param("POST", "vps/7/start", Verb.START, Verb.START, id="start"),
        pytest.param("POST", "vps/7/stop", Verb.STOP, Verb.STOP, id="stop"),
        pytest.param("POST", "vps/7/restart", Verb.RESTART, Verb.RESTART, id="restart"),
        pytest.param("POST", "vps/7/reinstall", None, Verb.REINSTALL, id="reinstall"),
        pytest.param("GET", "node/list", None, Verb.LIST_NODES, id="nodes"),
        pytest.param("GET", "node/7", None, Verb.NODE, id="a node"),
        pytest.param("GET", "template/list", None, Verb.LIST_TEMPLATES, id="templates"),
        pytest.param("GET", "template/7", None, Verb.TEMPLATE, id="a template"),
        pytest.param("POST", "list", None, None, id="another method"),
        pytest.param("GET", "vps/7/", None, None, id="a slash too many"),
        pytest.param("GET", "vps/7/8", None, None, id="two numbers"),
        pytest.param("GET", "vps/{id}", None, None, id="no number"),
    ],
)
def test_each_revision_routes_what_it_documents(
    method: str, path: str, specified: Verb | None, later: Verb | None
) -> None:
    of_2012, of_2013, both = (found(method, f"{ROOT}/{path}", api) for api in ("2012", "2013", "both"))
    assert (None if of_2012 is None else of_2012.verb) == specified
    assert (None if of_2013 is None else of_2013.verb) == later
    assert both == (of_2012 or of_2013)


def test_a_path_tells_in_which_revision_it_was_asked_and_of_which_vps() -> None:
    assert found("GET", f"{ROOT}/vps/7/status", "both") == Route(Verb.STATUS, 7, is_later=False)
    assert found("GET", f"{ROOT}/vps/7", "both") == Route(Verb.STATUS, 7, is_later=True)
    assert Route(Verb.STATUS, 7, is_later=True).vps == 7
    assert Route(Verb.NODE, 7, is_later=True).vps is None


def test_the_later_text_has_its_list_elsewhere_than_the_running_panel() -> None:
    assert found("GET", f"{ROOT}/vps/list", "2013", documented_list=True) == Route(Verb.LIST, None, is_later=True)
    assert found("GET", f"{ROOT}/list", "2013", documented_list=True) is None


def test_the_running_panel_has_neither_nodes_nor_templates_nor_reinstall() -> None:
    paths = {"GET": ["node/list", "node/1", "template/list", "template/1"], "POST": ["vps/1/reinstall"]}
    asked = [(method, path) for method, each in paths.items() for path in each]
    assert [found(method, f"{ROOT}/{path}", "2013", resources=False) for method, path in asked] == [None] * 5


def test_what_is_not_below_the_prefix_is_not_routed() -> None:
    assert found("GET", f"{ROOT}/list", "2013", prefix="/cvm") is None
    assert found("GET", f"/cvm{ROOT}/list", "2013", prefix="/cvm") is not None
