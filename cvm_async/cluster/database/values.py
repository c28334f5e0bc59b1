"""Models, errors and outcomes as JSON, there and back: what travels between a cluster's processes is read by people.

No pickles: who can write into the database must not be able to run code in a worker.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from cvm_async import errors
from cvm_async.errors import CvmError
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import (
    CombinedTraffic,
    PowerState,
    Problem,
    SplitTraffic,
    Traffic,
    VirtualizationType,
    Vps,
    VpsStatus,
)

T = TypeVar("T")

_ERRORS: Mapping[str, type[CvmError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if name in errors.__all__ and isinstance(kind, type) and issubclass(kind, CvmError)
}
"""What may be made of a name in the database."""


def written(value: object) -> str:
    """Give JSON that Postgres takes, whatever a panel's text holds: also NUL, and half of a surrogate pair."""
    return json.dumps(value, separators=(",", ":"))


def outcome_to_json(outcome: Outcome[Any]) -> str:
    """Give what came of a verb, without the VPS."""
    status = outcome.value.to_dict() if isinstance(outcome.value, VpsStatus) else None
    error = None if outcome.error is None else _error_to_dict(outcome.error)
    return written({"status": status, "error": error, "skipped": outcome.skipped, "elapsed": round(outcome.elapsed, 6)})


def outcome_of(found: Mapping[str, Any], vps: Vps, panel: str) -> Outcome[VpsStatus | None]:
    """Give it back."""
    status = None if found["status"] is None else status_of(found["status"])
    error = None if found["error"] is None else _error_of(found["error"])
    return Outcome(vps, panel, status, error, found["skipped"], found["elapsed"])


def vps_of(found: Mapping[str, Any]) -> Vps:
    """Give a VPS back."""
    kind = found["virtualization_type"]
    return Vps(
        id=found["id"],
        hostname=found["hostname"],
        node=found["node"],
        virtualization_type=VirtualizationType(kind) if kind in set(VirtualizationType) else kind,
        guaranteed_ram=found["guaranteed_ram"],
        burstable_ram=found["burstable_ram"],
        disk_space=found["disk_space"],
        cpu_count=found["cpu_count"],
        traffic=_traffic_of(found["traffic"]),
        location=found["location"],
        template=found["template"],
        extra=found["extra"],
        problems=problems_of(found["problems"]),
    )


def status_of(found: Mapping[str, Any]) -> VpsStatus:
    """Give a status back."""
    return VpsStatus(
        state=PowerState(found["state"]),
        state_text=found["state_text"],
        ram_used=found["ram_used"],
        disk_used=found["disk_used"],
        traffic=_traffic_of(found["traffic"]),
        extra=found["extra"],
        problems=problems_of(found["problems"]),
    )


def problems_of(found: Sequence[Mapping[str, str]]) -> tuple[Problem, ...]:
    """Give problems back."""
    return tuple(Problem(**each) for each in found)


def _traffic_of(found: Mapping[str, int | None] | None) -> Traffic | None:
    if found is None:
        return None
    counted = {key: value for key, value in found.items() if key != "total_used"}
    return CombinedTraffic(**counted) if "used" in counted else SplitTraffic(**counted)


def _error_to_dict(error: CvmError) -> dict[str, object]:
    kind = next((base for base in type(error).__mro__ if _ERRORS.get(base.__name__) is base), CvmError)
    more = {key: value for key, value in vars(error).items() if _is_plain(value) or key in _MADE}
    return {"type": kind.__name__, "message": error.message, "more": {k: _as_json(v) for k, v in more.items()}}


def _is_plain(value: object) -> bool:
    texts = isinstance(value, tuple) and all(isinstance(each, str) for each in cast("tuple[object, ...]", value))
    return value is None or texts or isinstance(value, (bool, int, float, str))


def _as_json(value: object) -> object:
    if isinstance(value, VpsStatus):
        return value.to_dict()
    if isinstance(value, tuple):
        return [each.to_dict() if isinstance(each, Problem) else each for each in cast("tuple[object, ...]", value)]
    return value


def _error_of(found: Mapping[str, Any]) -> CvmError:
    kind = _ERRORS.get(found["type"], CvmError)
    # As it is unpickled: most classes cannot be made of a message alone.
    error = kind.__new__(kind, found["message"])
    error.args = (found["message"],)
    error.__dict__.update({key: _MADE.get(key, _tuples)(value) for key, value in found["more"].items()})
    return error


def _tuples(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _optional(make: Callable[[Any], T]) -> Callable[[object], T | None]:
    return lambda value: None if value is None else make(value)


_MADE: Mapping[str, Callable[[Any], object]] = {"last": _optional(status_of), "problems": problems_of}
"""Attributes of errors that are more than plain values."""
