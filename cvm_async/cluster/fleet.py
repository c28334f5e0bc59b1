"""`ClusterFleet`: the verbs over all accounts of some profiles, done by workers on whatever machines they run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from attrs import Attribute, field, frozen

from cvm_async._api.verbs import Verb
from cvm_async._checks import is_count, refuse
from cvm_async._profiles.environment import Environment
from cvm_async._secret import Secret
from cvm_async.cluster.address import database_address
from cvm_async.cluster.engines.choice import engine_of
from cvm_async.fleet.control import RunControl
from cvm_async.fleet.plan import Plan, Wanted, verb_for
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import OnProgress
from cvm_async.fleet.work.operations import DEFAULT_INTERVAL, DEFAULT_WAIT, PowerAction
from cvm_async.models import VpsStatus

if TYPE_CHECKING:
    from cvm_async.cluster.coordinator import Coordinator


def _patterns(profiles: object) -> tuple[str, ...]:
    several = (profiles,) if isinstance(profiles, str) else profiles
    patterns = tuple(cast("Sequence[object]", several)) if isinstance(several, (tuple, list)) else ()
    if not patterns or not all(isinstance(each, str) for each in patterns):
        refuse("profiles", "names of profiles, or patterns such as 'acme-*'", profiles)
    return cast("tuple[str, ...]", patterns)


def _engine(_: object, _attribute: "Attribute[str]", engine: object) -> None:
    engine_of(engine)


@frozen(kw_only=True)
class ClusterFleet:
    """All VPSes of some profiles' accounts. Its verbs send nothing themselves: workers do, `cvm-async worker`.

    A worker takes one panel at a time as a whole, with all of its accounts, so that the panel's limits hold for all of
    them together. `batch`, `max_failures`, `pause` and `deadline` of a rollout are for each panel by itself; see
    `max_failures_overall` for the whole run.

    A run outlives whoever began it: cancelled, a verb has the workers begin nothing new, and the cancellation has what
    was there of its report (`partial_report`). If its process dies, the workers go on; see `follow`.
    """

    database: Secret = field(converter=database_address)
    """Where the journal and the engine's tables are: ``postgresql://user@host/name``."""
    profiles: tuple[str, ...] = field(converter=_patterns)
    """Which profiles, by name or pattern (``acme-*``). The profiles here need no tokens: the workers look them up in
    their own."""
    engine: str = field(default="dbos", validator=_engine)
    """What carries panels to workers."""

    async def status(
        self,
        *,
        rollout: Rollout | None = None,
        deadline: float | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        name: str = "",
    ) -> FleetReport[VpsStatus]:
        """Read every VPS's status.

        Args:
            rollout: How to go over each panel's VPSes.
            deadline: Seconds for each panel, in place of the rollout's.
            progress: Called after each outcome as it comes, with a `Progress`, whose total grows as panels are listed;
                otherwise as for `Fleet.status`.
            control: Ends it early: the workers begin nothing new.
            name: What to call the run.

        Raises:
            ConfigurationError: No profile fits, or one cannot be used.
            DatabaseLostError: The database cannot be reached; whether the run has begun, `follow` tells.
        """
        report = await self._run(Verb.STATUS, Rollout.given(rollout, deadline=deadline), progress, control, name)
        return cast("FleetReport[VpsStatus]", report)

    async def start(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        max_failures_overall: int | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        name: str = "",
    ) -> FleetReport[VpsStatus | None]:
        """Start every VPS, each kept in the journal before it is sent; none is ever sent twice.

        Args:
            rollout: How to go over each panel's VPSes.
            wait: Whether a VPS is done only when its status shows the new state.
            timeout: Seconds to wait for that, for each VPS; None: no limit.
            interval: Seconds between two readings of a status.
            max_failures_overall: How many VPSes may fail on all panels together; when one more has failed, no worker
                begins anything new. None: no limit.
            progress: As for `status`.
            control: Likewise; what is under way ends by itself.
            name: What to call the run.

        Raises:
            ConfigurationError: As for `status`.
            DatabaseLostError: Likewise.
        """
        action = PowerAction(Verb.START, wait, timeout, interval, verify=False)
        return await self._act(action, rollout, max_failures_overall, progress, control, name)

    async def stop(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        max_failures_overall: int | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        name: str = "",
    ) -> FleetReport[VpsStatus | None]:
        """Shut every VPS down; as `start`."""
        action = PowerAction(Verb.STOP, wait, timeout, interval, verify=False)
        return await self._act(action, rollout, max_failures_overall, progress, control, name)

    async def restart(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        max_failures_overall: int | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        name: str = "",
    ) -> FleetReport[VpsStatus | None]:
        """Restart every VPS; as `start`. One of unknown outcome is reported: a restart leaves the state it found."""
        action = PowerAction(Verb.RESTART, wait, timeout, interval, verify=False)
        return await self._act(action, rollout, max_failures_overall, progress, control, name)

    async def plan(
        self,
        state: Wanted,
        *,
        rollout: Rollout | None = None,
        deadline: float | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
    ) -> Plan:
        """Look at every VPS and say what it takes to bring all to a state, or to restart all. Changes nothing.

        The plan is for reading, and knows no session: to carry it out, `apply` it to a `Fleet`.

        Raises:
            ConfigurationError: The state is none that a customer can bring about; or as for `status`.
            DatabaseLostError: As for `status`.
        """
        verb = verb_for(state)
        how = Rollout.given(rollout, deadline=deadline)
        coordinator = self._coordinator()
        run = await coordinator.begun(self.profiles, coordinator.order(Verb.STATUS, how), f"plan {verb}")
        return await coordinator.plan(verb, run, progress, control)

    async def follow(
        self, run: str, *, progress: OnProgress | None = None, control: RunControl | None = None
    ) -> FleetReport[VpsStatus | None]:
        """Follow a run that another process began, to its end, and give its report.

        Args:
            run: Its id, as the log tells it.
            progress: As for `status`.
            control: Likewise.

        Raises:
            RunNotFoundError: There is none of that id.
            DatabaseLostError: The database cannot be reached.
        """
        return await self._coordinator().followed(run, progress, control)

    async def _act(  # noqa: PLR0917 - as the verbs have them
        self,
        action: PowerAction,
        rollout: Rollout | None,
        most_failures: int | None,
        progress: OnProgress | None,
        control: RunControl | None,
        name: str,
    ) -> FleetReport[VpsStatus | None]:
        if not (most_failures is None or is_count(most_failures, 0)):
            refuse("max_failures_overall", "a count of at least 0", most_failures)
        return await self._run(action.verb, Rollout.given(rollout), progress, control, name, action, most_failures)

    async def _run(  # noqa: PLR0917 - likewise
        self,
        verb: Verb,
        rollout: Rollout,
        progress: OnProgress | None,
        control: RunControl | None,
        name: str,
        action: PowerAction | None = None,
        most_failures: int | None = None,
    ) -> FleetReport[VpsStatus | None]:
        coordinator = self._coordinator()
        order = coordinator.order(verb, rollout, action, most_failures)
        run = await coordinator.begun(self.profiles, order, name)
        return await coordinator.followed(run, progress, control)

    def _coordinator(self) -> "Coordinator":
        # Loaded here: it needs the extra, and this class is among the names that everybody imports.
        from cvm_async.cluster.coordinator import Coordinator  # noqa: PLC0415

        return Coordinator(self.database, self.engine, Environment.of())
