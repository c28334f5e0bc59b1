"""What is given as JSON is what `cvm_async/schema.json` says: from the library, and from every command."""

from typing import Any, cast

import attrs
import pytest
from jsonschema import Draft202012Validator
from schema import SCHEMA, held, is_valid
from watches import reading, snapshot, split, status, used

from cvm_async import CvmError, CvmSession, NodeUnreachableError, Outcome, PowerState, Problem, Retry, Vps, VpsList
from cvm_async.models import SplitTraffic
from cvm_async.panel import SimulatedPanel
from cvm_async.watch.changes import changes

LOST = NodeUnreachableError("the host node is unreachable")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", SCHEMA["$defs"])
def test_what_it_names_is_refused_where_a_key_is_missing(name: str) -> None:
    schema = SCHEMA["$defs"][name]
    if "properties" in schema:
        assert {*schema["required"]} == {*schema["properties"]}
        assert not is_valid(name, {})


def a_vps(**more: object) -> Vps:
    vps = Vps(id=1, hostname="web\x1b1", virtualization_type=7, guaranteed_ram=512, disk_space=None, cpu_count=None)
    return attrs.evolve(vps, **cast("dict[str, Any]", more))


def test_what_the_library_gives() -> None:
    problem = Problem("response.vpses[0].node", '"x"', "a whole number")
    for vps in (
        a_vps(),
        a_vps(node=3, extra={"location": "Roubaix"}, problems=(problem,), traffic=SplitTraffic(1, 2, 3, 4)),
    ):
        held("vps", vps.to_dict())
        for seen in (status("running", used(5)), status("unknown", split(1, 2))):
            held("status", seen.to_dict())
            held("outcome", Outcome(vps, "acme", seen).to_dict())
        held("outcome", Outcome(vps, "acme", None, CvmError("no")).to_dict())
        held("list", VpsList([vps], [problem]).to_dict())
    held("problem", problem.to_dict())


def test_snapshots_and_their_changes() -> None:
    before = snapshot(reading(1, "running", node=1), reading(2, "running", node=2))
    after = snapshot(reading(1, "stopped", node=1), reading(2, node=2, error=LOST), reading(3, "running", node=1))
    told = changes(before, after)
    assert len(told) >= 3
    for change in told:
        held("change", change.to_dict())
    held("snapshot", attrs.evolve(after, changes=tuple(told)).to_dict())


async def test_plans_and_reports_of_a_fleet() -> None:
    with SimulatedPanel(vpses=12, nodes=3) as panel:
        panel.unreachable_node(2, after=0.01)
        async with CvmSession(
            panel.url, public_token=panel.public_token, private_token=panel.private_token, retry=Retry(attempts=1)
        ) as session:
            fleet = await session.fleet()
            plan = await fleet.plan(PowerState.RUNNING)
            for each in (plan, await fleet.plan(PowerState.STOPPED)):
                held("plan", each.to_dict())
                for step in each.steps:
                    held("step", step.to_dict())
            held("report", (await fleet.status()).to_dict())
            held("report", (await plan.apply(whole=True)).to_dict())
            for node in session.node_states():
                held("node", node.to_dict())
