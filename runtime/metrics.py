"""Prometheus metrics of a process: ours, and those of the Temporal SDK."""

from typing import TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from runtime.ports import LOOPBACK, free_port

PREFIX = "holdfast_"
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Instrument = TypeVar("Instrument", Counter, Histogram, Gauge)


class Metrics:
    """Counters, latencies and gauges by name, made at first use; a name keeps the labels of its first use."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._made: dict[str, Counter | Histogram | Gauge] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._instrument(Counter, name, labels).labels(**labels).inc(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record a duration."""
        self._instrument(Histogram, name, labels).labels(**labels).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._instrument(Gauge, name, labels).labels(**labels).set(value)

    def _instrument(self, kind: type[Instrument], name: str, labels: dict[str, str]) -> Instrument:
        made = self._made.get(name)
        if isinstance(made, kind):
            return made
        text = name.replace("_", " ")
        names = sorted(labels)
        options = {"buckets": LATENCY_BUCKETS} if kind is Histogram else {}
        instrument = kind(PREFIX + name, text, names, registry=self._registry, **options)
        self._made[name] = instrument
        return instrument


def serve_metrics(port: int, *, is_fixed: bool = False) -> int:
    """Serve this process's metrics on loopback and return the port that was free."""
    chosen = free_port(port, is_fixed=is_fixed)
    start_http_server(chosen, addr=LOOPBACK)
    return chosen


def temporal_runtime(metrics_port: int | None) -> Runtime:
    """Make the SDK's runtime, with its own metrics port if given: two runtimes cannot share one."""
    if metrics_port is None:
        return Runtime(telemetry=TelemetryConfig())
    metrics = PrometheusConfig(bind_address=f"{LOOPBACK}:{metrics_port}")
    return Runtime(telemetry=TelemetryConfig(metrics=metrics))
