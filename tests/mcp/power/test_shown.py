"""What the tools that act answer fits any context, and says nothing that is not so."""

import json

from assistants import assistant
from virtual_time import virtual

from cvm_async.mcp.power.plans import Stage
from cvm_async.mcp.power.shown import RunTold
from cvm_async.panel import PanelApp, SimulatedVps


def test_every_stage_can_be_told() -> None:
    for stage in Stage:
        assert RunTold.model_validate({"plan_id": "a", "stage": stage.value, "what": "b"}).stage == stage


@virtual
async def test_a_plan_and_its_result_for_hundreds_fit() -> None:
    vpses = [SimulatedVps(id=each, node=each % 9, hostname="x" * 250) for each in range(1, 151)]
    vpses += [SimulatedVps(id=each, node=1, hostname="y" * 250, power="suspended") for each in range(151, 201)]
    app = PanelApp(vpses=vpses)
    async with assistant(app) as here:
        shown = await here.value("plan_power", action="start", all=True)
        assert "plan_id" not in shown
        plan = await here.value("plan_power", action="restart", all=True)
        assert len(json.dumps(plan)) < 20_000
        assert len(plan["to_do"]) + int(plan["more_to_do"].split()[1]) == 150
        assert len(plan["cannot"]) + int(plan["more_cannot"].split()[1]) == 50
        result = await here.value("plan_result", plan_id=plan["plan_id"])
        assert (result["stage"], result["of"]) == ("open", 150)
