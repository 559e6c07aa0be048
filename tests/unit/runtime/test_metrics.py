"""Metrics are made at first use and served on loopback."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
from prometheus_client import CollectorRegistry, generate_latest

from runtime.metrics import Metrics, serve_metrics


def test_counters_latencies_and_gauges_are_exposed_with_their_labels() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.count("orders", venue="hyperliquid")
    metrics.count("orders", 2, venue="hyperliquid")
    metrics.observe("place_seconds", 0.2, venue="hyperliquid")
    metrics.gauge("halted", 1)
    text = generate_latest(registry).decode()
    assert 'holdfast_orders_total{venue="hyperliquid"} 3.0' in text
    assert 'holdfast_place_seconds_bucket{le="0.25",venue="hyperliquid"} 1.0' in text
    assert "holdfast_halted 1.0" in text


def test_threads_that_use_a_name_first_at_once_share_one_counter() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    barrier = threading.Barrier(8)

    def count() -> None:
        barrier.wait()
        metrics.count("orders")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "holdfast_orders_total 8.0" in generate_latest(registry).decode()


def test_metrics_are_served_on_the_port_that_is_printed() -> None:
    port = serve_metrics(19_464)
    assert httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code == 200


def test_processes_that_start_together_serve_on_ports_of_their_own() -> None:
    """Between the look for a free port and its use another one may take it."""
    together = threading.Barrier(8)

    def serve(_: int) -> int:
        together.wait(10)
        return serve_metrics(19_564)

    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(serve, range(8)))
    assert len(set(ports)) == 8
