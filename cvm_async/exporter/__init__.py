"""A fleet as metrics for Prometheus, from the last look at it: nobody who scrapes makes the panel work.

`FleetCollector` is for programs that have a registry of their own; ``cvm-async exporter`` is the rest as a server.
"""

from cvm_async.errors import MissingExtraError

try:
    from cvm_async.exporter.collector import FleetCollector
except ModuleNotFoundError as _missing:
    if (_missing.name or "").partition(".")[0] != "prometheus_client":
        raise
    _message = "metrics need prometheus-client: pip install 'cvm_async[metrics]'"
    raise MissingExtraError(_message, name="prometheus_client") from _missing

__all__ = ["FleetCollector"]
