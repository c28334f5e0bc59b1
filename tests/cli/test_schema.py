"""What every command prints as JSON is what `cvm_async/schema.json` says."""

import json

import pytest
from schema import held

from cvm_async.panel import SimulatedPanel

from .conftest import Cvm

COMMANDS = {
    "list": "printed_list",
    "list --match nothing": "printed_list",
    "status": "report",
    "status --nodes": "report",
    "describe 1 2": "description",
    "wait running 1": "report",
    "stop 1 2 --dry-run": "plan",
    "restart 1 2 --dry-run": "plan",
    "stop 1 2 12 --yes": "report",
    "start 12": "report",
    "restart 1 --yes": "report",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_prints_is_what_the_schema_says(cvm: Cvm, panel: SimulatedPanel, command: str) -> None:
    panel.unreachable_node(3, after=0.01)
    held(COMMANDS[command], json.loads(cvm(*command.split(), "--json", "--retries", "0").out))
