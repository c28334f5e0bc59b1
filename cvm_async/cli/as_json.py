"""What `--json` prints for values that have no `to_dict` of their own."""

from collections.abc import Iterable

from attrs import asdict

from cvm_async.fleet.plan import Plan
from cvm_async.models import Problem, Vps


def vps_dict(vps: Vps) -> dict[str, object]:
    """Give a VPS under its attributes' names: megabytes and bytes as the panel gave them."""
    return {
        "id": vps.id,
        "hostname": vps.hostname,
        "node": vps.node,
        "virtualization_type": None if vps.virtualization_type is None else int(vps.virtualization_type),
        "guaranteed_ram": vps.guaranteed_ram,
        "burstable_ram": vps.burstable_ram,
        "disk_space": vps.disk_space,
        "cpu_count": vps.cpu_count,
        "traffic": None if vps.traffic is None else asdict(vps.traffic),
        "extra": dict(vps.extra),
    }


def list_dict(panel: str, vpses: Iterable[Vps], problems: Iterable[Problem]) -> dict[str, object]:
    """Give VPSes of a panel, and what could not be read of its list."""
    return {
        "panel": panel,
        "vpses": [vps_dict(vps) for vps in vpses],
        "problems": [str(problem) for problem in problems],
    }


def plan_dict(plan: Plan) -> dict[str, object]:
    """Give a plan: what would be done to each VPS, and why."""
    steps = [
        {
            "panel": step.panel,
            "id": step.vps.id,
            "hostname": step.vps.hostname,
            "node": step.vps.node,
            "step": step.step.value,
            "reason": step.reason,
        }
        for step in plan.steps
    ]
    return {"wanted": plan.wanted.value, "to_do": len(plan.to_do), "steps": steps}
