"""An asyncio client for the CVM VPS control panel: fleet-wide status polling, bulk start and stop.

    async with CvmSession(url, public_token=public, private_token=private) as session:
        fleet = await session.fleet()
        report = await fleet.select(hostname="web*").restart(wait=True)
        print(report.summary())

All of it, by what it is for; `help(cvm_async.Fleet)` and the like tell more. `cvm_async.panel` is a simulated panel for
tests and drills, `cvm_async.render` shows things in a terminal or a chat, and `__version__` says which release this is.
Names are imported when first used: `cvm-async --help` and `cvm_async.panel` need no HTTP library.

an account      CvmSession, its Limits, Breaker, Timeouts and Retry; how its host nodes are: NodeReport, NodeState
its VPSes       Vps, VpsList, VpsStatus, PowerState, VirtualizationType, CombinedTraffic, SplitTraffic, Problem
and besides     HostNode, Template: on panels with the API's later revision
an action       Job, JobState: a start, stop or restart to wait for now, and again later
many at once    Fleet, Rollout, RunControl (Stage, UnderWay), Progress, OutcomeStream
what came of it FleetReport, Outcome (AnyOutcome: Succeeded or Failed), Result, partial_report
looking first   Plan, PlannedStep, Step
watching        Watch, Snapshot, Reading, Use; changes; rates, Rate; forecast, Forecast
what changed    Change: StateChanged, VpsAppeared, VpsGone, VpsMoved, VpsReadable, VpsUnreadable, NodeUnreachable,
                NodeBack, NodeDoubtful, PanelUnreachable, PanelBack, TrafficCrossed
runs on disk    RunStore, RunJournal, OpenRun, RunList, RunSummary, RunRecord, Turn, TargetRecord, TargetState
its own calls   Observer, told of the CallEnd of each
many machines   ClusterFleet, PanelTakenError, DatabaseLostError (extra `cluster`)
HTTP clients    lane_client, LaneTransport; fast_client, FastTransport (extra `fast`)

What can go wrong, all of it a CvmError:

before a call   ConfigurationError, MissingExtraError, SessionClosedError, AmbiguousNameError, NameNotFoundError,
                NotSupportedError
not carried out NotSentError, NotPossibleError
nobody knows    NoAnswerError, DecodeError
the panel's no  PanelError, AuthenticationError, PermissionDeniedError, VpsNotFoundError, ActionFailedError,
                NodeUnreachableError, RateLimitedError
of many, late   FleetError, WaitTimeoutError
of a run        JournalError, RunBusyError, RunNotFoundError
"""

import importlib
from typing import TYPE_CHECKING

from cvm_async import _help_page
from cvm_async._version import __version__

if TYPE_CHECKING:
    from cvm_async._account.jobs import Job, JobState
    from cvm_async._exchange.observing import CallEnd, Observer
    from cvm_async._gates.breaker import NodeState
    from cvm_async._gates.node import NodeReport
    from cvm_async.cluster.errors import DatabaseLostError, PanelTakenError
    from cvm_async.cluster.fleet import ClusterFleet
    from cvm_async.errors import (
        ActionFailedError,
        AmbiguousNameError,
        AuthenticationError,
        ConfigurationError,
        CvmError,
        DecodeError,
        MissingExtraError,
        NameNotFoundError,
        NoAnswerError,
        NodeUnreachableError,
        NotPossibleError,
        NotSentError,
        NotSupportedError,
        PanelError,
        PermissionDeniedError,
        RateLimitedError,
        SessionClosedError,
        VpsNotFoundError,
        WaitTimeoutError,
    )
    from cvm_async.fast import FastTransport, fast_client
    from cvm_async.fleet.control import RunControl, Stage, UnderWay
    from cvm_async.fleet.fleet import Fleet
    from cvm_async.fleet.outcome import AnyOutcome, Failed, Outcome, Progress, Succeeded
    from cvm_async.fleet.plan import Plan, PlannedStep, Step
    from cvm_async.fleet.report import FleetError, FleetReport, partial_report
    from cvm_async.fleet.result import Result
    from cvm_async.fleet.rollout import Rollout
    from cvm_async.fleet.work.stream import OutcomeStream
    from cvm_async.models import (
        CombinedTraffic,
        HostNode,
        PowerState,
        Problem,
        SplitTraffic,
        Template,
        VirtualizationType,
        Vps,
        VpsList,
        VpsStatus,
    )
    from cvm_async.runs.errors import JournalError, RunBusyError, RunNotFoundError
    from cvm_async.runs.journal import RunJournal
    from cvm_async.runs.open_run import OpenRun
    from cvm_async.runs.record import RunList, RunRecord, RunSummary, TargetRecord, TargetState, Turn
    from cvm_async.runs.store import RunStore
    from cvm_async.session import CvmSession
    from cvm_async.settings import Breaker, Limits, Retry, Timeouts
    from cvm_async.transport import LaneTransport, lane_client
    from cvm_async.watch.changes import changes
    from cvm_async.watch.events import (
        Change,
        NodeBack,
        NodeDoubtful,
        NodeUnreachable,
        PanelBack,
        PanelUnreachable,
        StateChanged,
        TrafficCrossed,
        VpsAppeared,
        VpsGone,
        VpsMoved,
        VpsReadable,
        VpsUnreadable,
    )
    from cvm_async.watch.rates import Forecast, Rate, forecast, rates
    from cvm_async.watch.snapshot import Reading, Snapshot, Use
    from cvm_async.watch.watch import Watch

# Where the names are, from what needs least to what needs most: each is in the first that has it.
_HOMES = (
    "cvm_async.errors",
    "cvm_async.models",
    "cvm_async.settings",
    "cvm_async._exchange.observing",
    "cvm_async._gates.breaker",
    "cvm_async._gates.node",
    "cvm_async.watch.events",
    "cvm_async.watch.snapshot",
    "cvm_async.watch.rates",
    "cvm_async.watch.changes",
    "cvm_async.watch.watch",
    "cvm_async._account.jobs",
    "cvm_async.fleet.rollout",
    "cvm_async.transport",
    "cvm_async.fast",
    "cvm_async.fleet.control",
    "cvm_async.fleet.outcome",
    "cvm_async.fleet.result",
    "cvm_async.fleet.report",
    "cvm_async.fleet.plan",
    "cvm_async.fleet.work.stream",
    "cvm_async.fleet.fleet",
    "cvm_async.session",
    "cvm_async.runs.errors",
    "cvm_async.runs.record",
    "cvm_async.runs.journal",
    "cvm_async.runs.open_run",
    "cvm_async.runs.store",
    "cvm_async.cluster.errors",
    "cvm_async.cluster.fleet",
)

__all__ = [
    "ActionFailedError",
    "AmbiguousNameError",
    "AnyOutcome",
    "AuthenticationError",
    "Breaker",
    "CallEnd",
    "Change",
    "ClusterFleet",
    "CombinedTraffic",
    "ConfigurationError",
    "CvmError",
    "CvmSession",
    "DatabaseLostError",
    "DecodeError",
    "Failed",
    "FastTransport",
    "Fleet",
    "FleetError",
    "FleetReport",
    "Forecast",
    "HostNode",
    "Job",
    "JobState",
    "JournalError",
    "LaneTransport",
    "Limits",
    "MissingExtraError",
    "NameNotFoundError",
    "NoAnswerError",
    "NodeBack",
    "NodeDoubtful",
    "NodeReport",
    "NodeState",
    "NodeUnreachable",
    "NodeUnreachableError",
    "NotPossibleError",
    "NotSentError",
    "NotSupportedError",
    "Observer",
    "OpenRun",
    "Outcome",
    "OutcomeStream",
    "PanelBack",
    "PanelError",
    "PanelTakenError",
    "PanelUnreachable",
    "PermissionDeniedError",
    "Plan",
    "PlannedStep",
    "PowerState",
    "Problem",
    "Progress",
    "Rate",
    "RateLimitedError",
    "Reading",
    "Result",
    "Retry",
    "Rollout",
    "RunBusyError",
    "RunControl",
    "RunJournal",
    "RunList",
    "RunNotFoundError",
    "RunRecord",
    "RunStore",
    "RunSummary",
    "SessionClosedError",
    "Snapshot",
    "SplitTraffic",
    "Stage",
    "StateChanged",
    "Step",
    "Succeeded",
    "TargetRecord",
    "TargetState",
    "Template",
    "Timeouts",
    "TrafficCrossed",
    "Turn",
    "UnderWay",
    "Use",
    "VirtualizationType",
    "Vps",
    "VpsAppeared",
    "VpsGone",
    "VpsList",
    "VpsMoved",
    "VpsNotFoundError",
    "VpsReadable",
    "VpsStatus",
    "VpsUnreadable",
    "WaitTimeoutError",
    "Watch",
    "__version__",
    "changes",
    "fast_client",
    "forecast",
    "lane_client",
    "partial_report",
    "rates",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = next(vars(home)[name] for home in map(importlib.import_module, _HOMES) if name in vars(home))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [] if _help_page.is_asked_for() else sorted(__all__)
