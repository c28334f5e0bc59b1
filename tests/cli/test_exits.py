"""A script can tell from the status what happened."""

import pytest

from cvm_async.cli.exits import CommandError, Exit, of_error, of_outcomes
from cvm_async.errors import AuthenticationError, ConfigurationError, CvmError, NotSentError, PermissionDeniedError
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import Vps

VPS = Vps(id=1, hostname="web", virtualization_type=1, guaranteed_ram=1, disk_space=1, cpu_count=1)
NO_ENTRY = PermissionDeniedError("no", status_code=403)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("no"), 2),
        (AuthenticationError("no", status_code=401), 4),
        (NO_ENTRY, 4),
        (NotSentError("no"), 1),
        (CommandError("no", Exit.USAGE), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_that_ends_a_command_has_a_status(error: CvmError | CommandError, status: int) -> None:
    assert of_error(error) == status


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([], 0),
        ([None, None], 0),
        ([None, NO_ENTRY], 3),
        ([NotSentError("no"), NO_ENTRY], 1),
        ([NO_ENTRY, NO_ENTRY], 4),
    ],
    ids=["nothing", "all well", "some failed", "all failed", "all refused"],
)
def test_a_fleets_outcomes_have_a_status(errors: list[CvmError | None], status: int) -> None:
    assert of_outcomes([Outcome[None](VPS, "panel", error=error) for error in errors]) == status
