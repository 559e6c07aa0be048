"""Prometheus metrics of a process: ours, and those of the Temporal SDK."""

import errno
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics import MetricWrapperBase
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from runtime.ports import LOOPBACK, free_port

PREFIX = "holdfast_"
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Instrument = TypeVar("Instrument", bound=MetricWrapperBase)
Make = Callable[[str, str, Iterable[str], CollectorRegistry], Instrument]


class Metrics:
    """Counters, latencies and gauges by name, made at first use; a name keeps the labels of its first use."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._made: dict[str, MetricWrapperBase] = {}
        # Activities run in threads: two first uses at once would register one name twice.
        self._making = threading.Lock()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        _labelled(self._instrument(_counter, name, labels), labels).inc(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record a duration."""
        _labelled(self._instrument(_latency, name, labels), labels).observe(seconds)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        _labelled(self._instrument(_gauge, name, labels), labels).set(value)

    def _instrument(self, make: Make[Instrument], name: str, labels: Mapping[str, str]) -> Instrument:
        with self._making:
            if name not in self._made:
                self._made[name] = make(PREFIX + name, name.replace("_", " "), sorted(labels), self._registry)
            return cast("Instrument", self._made[name])


def _latency(name: str, text: str, labels: Iterable[str], registry: CollectorRegistry) -> Histogram:
    return Histogram(name, text, labels, registry=registry, buckets=LATENCY_BUCKETS)


def _counter(name: str, text: str, labels: Iterable[str], registry: CollectorRegistry) -> Counter:
    return Counter(name, text, labels, registry=registry)


def _gauge(name: str, text: str, labels: Iterable[str], registry: CollectorRegistry) -> Gauge:
    return Gauge(name, text, labels, registry=registry)


def _labelled(instrument: Instrument, labels: Mapping[str, str]) -> Instrument:
    return instrument.labels(**labels) if labels else instrument


def serve_metrics(port: int, *, is_fixed: bool = False) -> int:
    """Serve this process's metrics on loopback and return the port that was free."""
    while True:
        chosen = free_port(port, is_fixed=is_fixed)
        try:
            start_http_server(chosen, addr=LOOPBACK)
        except OSError as error:
            # Another process that starts in this moment took it between the look and the use; the next look sees that.
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return chosen


def temporal_runtime(metrics_port: int | None) -> Runtime:
    """Make the SDK's runtime, with its own metrics port if given: two runtimes cannot share one."""
    if metrics_port is None:
        return Runtime(telemetry=TelemetryConfig())
    metrics = PrometheusConfig(bind_address=f"{LOOPBACK}:{metrics_port}")
    return Runtime(telemetry=TelemetryConfig(metrics=metrics))
