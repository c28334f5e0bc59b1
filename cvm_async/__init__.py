"""An asyncio client for the CVM VPS control panel: fleet-wide status polling, bulk start and stop.

The names below are the whole public interface, with `cvm_async.panel`, a simulated panel for tests and drills. They are
imported when first used: `cvm-async --help` and `cvm_async.panel` need no HTTP library.
"""

import importlib
from typing import TYPE_CHECKING

from cvm_async._version import __version__

if TYPE_CHECKING:
    from cvm_async._gates.breaker import NodeReport, NodeState
    from cvm_async.errors import (
        ActionFailedError,
        AuthenticationError,
        ConfigurationError,
        CvmError,
        DecodeError,
        NoAnswerError,
        NodeUnreachableError,
        NotSentError,
        PanelError,
        PermissionDeniedError,
        RateLimitedError,
        SessionClosedError,
        VpsNotFoundError,
        WaitTimeoutError,
    )
    from cvm_async.fast import FastTransport, fast_client
    from cvm_async.fleet.fleet import Fleet
    from cvm_async.fleet.outcome import AnyOutcome, Failed, Outcome, Progress, Succeeded
    from cvm_async.fleet.plan import Plan, PlannedStep, Step
    from cvm_async.fleet.report import FleetError, FleetReport, partial_report
    from cvm_async.fleet.rollout import Rollout
    from cvm_async.fleet.stream import OutcomeStream
    from cvm_async.models import (
        CombinedTraffic,
        PowerState,
        Problem,
        SplitTraffic,
        VirtualizationType,
        Vps,
        VpsList,
        VpsStatus,
    )
    from cvm_async.session import CvmSession
    from cvm_async.settings import Breaker, Limits, Retry, Timeouts
    from cvm_async.transport import LaneTransport, lane_client

_HOMES = {
    "cvm_async._gates.breaker": ("NodeReport", "NodeState"),
    "cvm_async.errors": (
        "ActionFailedError",
        "AuthenticationError",
        "ConfigurationError",
        "CvmError",
        "DecodeError",
        "NoAnswerError",
        "NodeUnreachableError",
        "NotSentError",
        "PanelError",
        "PermissionDeniedError",
        "RateLimitedError",
        "SessionClosedError",
        "VpsNotFoundError",
        "WaitTimeoutError",
    ),
    "cvm_async.fast": ("FastTransport", "fast_client"),
    "cvm_async.fleet.fleet": ("Fleet",),
    "cvm_async.models": (
        "CombinedTraffic",
        "PowerState",
        "Problem",
        "SplitTraffic",
        "VirtualizationType",
        "Vps",
        "VpsList",
        "VpsStatus",
    ),
    "cvm_async.fleet.outcome": ("AnyOutcome", "Failed", "Outcome", "Progress", "Succeeded"),
    "cvm_async.fleet.plan": ("Plan", "PlannedStep", "Step"),
    "cvm_async.fleet.report": ("FleetError", "FleetReport", "partial_report"),
    "cvm_async.fleet.rollout": ("Rollout",),
    "cvm_async.session": ("CvmSession",),
    "cvm_async.settings": ("Breaker", "Limits", "Retry", "Timeouts"),
    "cvm_async.fleet.stream": ("OutcomeStream",),
    "cvm_async.transport": ("LaneTransport", "lane_client"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ActionFailedError",
    "AnyOutcome",
    "AuthenticationError",
    "Breaker",
    "CombinedTraffic",
    "ConfigurationError",
    "CvmError",
    "CvmSession",
    "DecodeError",
    "Failed",
    "FastTransport",
    "Fleet",
    "FleetError",
    "FleetReport",
    "LaneTransport",
    "Limits",
    "NoAnswerError",
    "NodeReport",
    "NodeState",
    "NodeUnreachableError",
    "NotSentError",
    "Outcome",
    "OutcomeStream",
    "PanelError",
    "PermissionDeniedError",
    "Plan",
    "PlannedStep",
    "PowerState",
    "Problem",
    "Progress",
    "RateLimitedError",
    "Retry",
    "Rollout",
    "SessionClosedError",
    "SplitTraffic",
    "Step",
    "Succeeded",
    "Timeouts",
    "VirtualizationType",
    "Vps",
    "VpsList",
    "VpsNotFoundError",
    "VpsStatus",
    "WaitTimeoutError",
    "__version__",
    "fast_client",
    "lane_client",
    "partial_report",
]


def __getattr__(name: str) -> object:
    module = _HOME_OF.get(name)
    if module is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
