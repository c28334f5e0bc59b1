"""The metrics, a row each: whatever lists, describes or fills them asks the row.

Names and units are as Prometheus has them: base units, the unit at the end, `_total` for what only grows. A state is a
series for each state that there is, one of them 1, as kube-state-metrics has it: OpenMetrics' own state sets would call
the label by the metric's name.
"""

from typing import Final, Literal, TypeAlias

from attrs import field, frozen
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

Family: TypeAlias = GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily

Kind: TypeAlias = Literal["gauge", "counter", "histogram"]

_PANEL: Final = ("panel",)
_NODE: Final = ("panel", "node")
_VPS: Final = ("panel", "node", "vps", "hostname")
_CALL: Final = ("panel", "verb", "result")

_UNITS: Final = ("bytes", "seconds")

ROWS: "Final[list[Row]]" = []
"""All of them, in the order of the reference page."""


@frozen
class Row:
    """One metric.

    Attributes:
        name: As it is scraped.
        kind: What it is to Prometheus.
        labels: In the order in which their values are given.
        help: What it says, in a sentence.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    unit: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        last = self.name.removesuffix("_total").rpartition("_")[2]
        object.__setattr__(self, "unit", last if last in _UNITS else "")
        ROWS.append(self)

    def gauge(self) -> GaugeMetricFamily:
        """Give its family, empty, where it is a gauge."""
        return GaugeMetricFamily(self.name, self.help, labels=self.labels, unit=self.unit)

    def counter(self) -> CounterMetricFamily:
        """Give its family, empty, where it is a counter."""
        return CounterMetricFamily(self.name, self.help, labels=self.labels, unit=self.unit)

    def histogram(self) -> HistogramMetricFamily:
        """Give its family, empty, where it is a histogram."""
        return HistogramMetricFamily(self.name, self.help, labels=self.labels, unit=self.unit)

    def family(self) -> Family:
        """Give its family, empty."""
        made: Family = getattr(self, self.kind)()
        return made


PANEL_UP = Row("cvm_panel_up", "gauge", _PANEL, "Whether anything could be read of the panel in the last look at it.")
SNAPSHOT_AGE = Row("cvm_snapshot_age_seconds", "gauge", _PANEL, "How long ago the last look at the panel was over.")
LOOK_TIME = Row("cvm_snapshot_duration_seconds", "gauge", _PANEL, "How long the last look at the panel took.")
NODE_UP = Row(
    "cvm_node_up",
    "gauge",
    _NODE,
    "Whether a VPS of the host node could be read in the last look; absent where that cannot be told.",
)
VPS_UP = Row("cvm_vps_up", "gauge", _VPS, "Whether the VPS could be read in the last look, whatever it is doing.")
VPS_READ = Row(
    "cvm_vps_read_timestamp_seconds", "gauge", _VPS, "When the VPS could be read last, in seconds since 1970."
)
VPS_STATE = Row(
    "cvm_vps_state",
    "gauge",
    (*_VPS, "state"),
    "1 for the state that the VPS was read in, 0 for the others; absent where it could not be read.",
)
RAM_USED = Row("cvm_vps_ram_used_bytes", "gauge", _VPS, "Memory that the VPS uses.")
RAM_LIMIT = Row("cvm_vps_ram_limit_bytes", "gauge", _VPS, "Memory that the VPS is guaranteed.")
RAM_BURST = Row("cvm_vps_ram_burst_limit_bytes", "gauge", _VPS, "Memory that the VPS may burst to.")
DISK_USED = Row("cvm_vps_disk_used_bytes", "gauge", _VPS, "Disk space that the VPS uses.")
DISK_LIMIT = Row("cvm_vps_disk_limit_bytes", "gauge", _VPS, "Disk space that the VPS has.")
CPUS = Row("cvm_vps_cpus", "gauge", _VPS, "CPUs, or CPU units, that the VPS has.")
TRAFFIC = Row(
    "cvm_vps_traffic_bytes_total",
    "counter",
    (*_VPS, "direction"),
    "Traffic of the VPS as the panel counts it, in, out, or total where it does not tell them apart.",
)
TRAFFIC_LIMIT = Row(
    "cvm_vps_traffic_limit_bytes",
    "gauge",
    (*_VPS, "direction"),
    "Traffic that the VPS is allowed until the panel counts anew; absent where there is no limit.",
)
IN_FLIGHT = Row("cvm_calls_in_flight", "gauge", _PANEL, "Requests that the panel is working on for this process.")
CALLS = Row("cvm_calls_total", "counter", _CALL, "Requests to the panel that are over, by what came of them.")
CALL_TIME = Row(
    "cvm_call_duration_seconds", "histogram", _CALL, "How long requests to the panel took, by what came of them."
)
