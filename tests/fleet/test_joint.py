"""Several panels make one fleet; of those whose lists cannot be had, it says so."""

from panels import fleet_of, session_on
from virtual_time import virtual

from cvm_async.errors import PermissionDeniedError
from cvm_async.fleet.joint import joint_fleet
from cvm_async.panel import PanelApp


@virtual
async def test_the_vpses_of_all_are_there_in_the_panels_order() -> None:
    async with (
        session_on(PanelApp(vpses=fleet_of(1, 2)), name="work") as work,
        session_on(PanelApp(vpses=fleet_of(3)), url="https://home.example", name="home") as home,
    ):
        joint = await joint_fleet([work, home])
        assert [(each.account.panel, each.vps.id) for each in joint.fleet.members] == [
            ("work", 1),
            ("work", 2),
            ("home", 1),
        ]
        assert not joint.lost
        assert not joint.fleet.problems


@virtual
async def test_a_list_that_cannot_be_had_is_a_problem_of_the_others() -> None:
    app = PanelApp(vpses=fleet_of(3))
    app.client_api = False
    async with (
        session_on(PanelApp(vpses=fleet_of(1)), name="work") as work,
        session_on(app, url="https://home.example", name="home") as home,
    ):
        joint = await joint_fleet([work, home])
        assert len(joint.fleet) == 1
        assert [type(error) for error in joint.lost.values()] == [PermissionDeniedError]
        (problem,) = joint.fleet.problems
        assert str(problem).startswith("home is unreadable (")
