"""`FleetCollector` gives Prometheus what the last look at a fleet found: to be scraped costs the panel nothing."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from attrs import field, frozen
from prometheus_client.registry import Collector

from cvm_async.errors import CvmError
from cvm_async.exporter import metrics
from cvm_async.exporter.calls import Calls
from cvm_async.exporter.families import age_family, fleet_families
from cvm_async.exporter.labels import panel_labels
from cvm_async.exporter.metrics import Family
from cvm_async.exporter.views import PanelView, views_of
from cvm_async.session import CvmSession
from cvm_async.watch.snapshot import Snapshot
from cvm_async.watch.watch import utc_now

T = TypeVar("T")


@frozen(eq=False)
class _Known:
    """What was found last, by source, and why panels could not be listed."""

    snapshots: Mapping[str, Snapshot] = field(factory=dict[str, Snapshot])
    lost: Mapping[str, CvmError] = field(factory=dict[str, CvmError])


class FleetCollector(Collector):
    """A collector for a `prometheus_client` registry: ``registry.register(FleetCollector(session))``.

    It holds what it was last given and makes no call of its own: have a watch's snapshots taken. It may be scraped from
    any thread.

    Args:
        sessions: Whose requests are counted and timed, too; `close` ends that.
        now: Tells the time.
    """

    def __init__(self, *sessions: CvmSession, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._calls = Calls()
        self._known = _Known()
        self._seen: tuple[_Known, tuple[PanelView, ...]] = self._known, ()
        self._sessions: Final = tuple(sessions)
        labels = panel_labels(map(self.name_of, sessions))
        self._labels: Final = {session: labels[self.name_of(session)] for session in sessions}
        self._ends = [session.observe(partial(self._calls.note, label)) for session, label in self._labels.items()]

    def name_of(self, session: CvmSession) -> str:
        """Give what a session's panel is called among these: its name, or its URL where several have that name."""
        urls = {each.url for each in self._sessions if each.name == session.name}
        return session.url if len(urls) > 1 else session.name

    def take(self, snapshot: Snapshot, *, source: str = "") -> None:
        """Have what a look found in place of what the last look of this source did: a VPS that has gone is gone.

        Args:
            snapshot: What was found.
            source: Names the watch that it comes from, where there are several.
        """
        known = self._known
        self._known = _Known({**known.snapshots, source: snapshot}, _without(source, known.lost))

    def lose(self, panel: str, error: CvmError) -> None:
        """Have nothing of a panel any more, as it could not even be listed: it is down.

        Args:
            panel: What it is called, which is the source of its snapshots.
            error: Why.
        """
        known = self._known
        self._known = _Known(_without(panel, known.snapshots), {**known.lost, panel: error})

    @property
    def views(self) -> tuple[PanelView, ...]:
        """What is known of each panel."""
        # Made by whoever asks first, maybe in another thread than the one that takes the next snapshot meanwhile.
        known, (seen, views) = self._known, self._seen
        if seen is not known:
            views = views_of(known.snapshots, known.lost)
            self._seen = known, views
        return views

    def fleet_families(self) -> Iterator[Family]:
        """Give what changes with a look, and with nothing else."""
        return fleet_families(self.views)

    def live_families(self) -> Iterator[Family]:
        """Give what changes all the time, and is small."""
        yield age_family(self.views, self._now())
        in_flight = metrics.IN_FLIGHT.gauge()
        sums: dict[str, int] = {}
        for session, label in self._labels.items():
            sums[label] = sums.get(label, 0) + session.in_flight
        for label, count in sums.items():
            in_flight.add_metric((label,), count)
        yield in_flight
        yield from self._calls.families()

    def collect(self) -> Iterator[Family]:
        """Give everything; for the registry."""
        yield from self.fleet_families()
        yield from self.live_families()

    def describe(self) -> Iterator[Family]:
        """Give the names alone, so that a registry sees at once that it has two of these."""
        return (row.family() for row in metrics.ROWS)

    def close(self) -> None:
        """Count the sessions' requests no more."""
        while self._ends:
            self._ends.pop()()


def _without(name: str, every: Mapping[str, T]) -> Mapping[str, T]:
    return {each: value for each, value in every.items() if each != name}
