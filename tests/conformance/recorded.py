"""The answers that real venues gave, as HOLDFAST_DATA or ../shared/data holds them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

DATA = Path(os.environ.get("HOLDFAST_DATA", Path(__file__).parents[3] / "shared" / "data"))
NEEDS_DATA = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (DATA / "api").is_dir(), reason="no recorded answers: set HOLDFAST_DATA to the folder of the data"
    ),
]


def cassettes() -> Iterator[tuple[dict[str, Any], Any]]:
    """Every request to Hyperliquid's /info that the SDK's tests recorded, with its answer."""
    for path in sorted((DATA / "api" / "hyperliquid_sdk_cassettes").glob("*.yaml")):
        for row in yaml.safe_load(path.read_text())["interactions"]:
            yield json.loads(row["request"]["body"]), json.loads(row["response"]["body"]["string"])


def info(kind: str) -> list[Any]:
    """All recorded answers to one type of /info request."""
    return [answer for request, answer in cassettes() if request["type"] == kind]


def hyperliquid(name: str) -> Any:
    """A sample of nautilus_trader's adapter of Hyperliquid."""
    return json.loads((DATA / "api" / "nautilus_hyperliquid" / f"{name}.json").read_text())


def hyperliquid_messages(channel: str) -> list[Any]:
    """The data of every recorded message of a Hyperliquid channel."""
    lines = (DATA / "ws" / "live_books_5m.jsonl").read_text().splitlines()
    return [row["data"] for row in map(json.loads, lines) if row["channel"] == channel]


def binance(name: str) -> Any:
    """A sample of nautilus_trader's adapter of Binance USD-M."""
    return json.loads((DATA / "api" / "nautilus_binance_futures" / f"{name}.json").read_text())


def binance_names() -> list[str]:
    """All samples of Binance USD-M."""
    return sorted(path.stem for path in (DATA / "api" / "nautilus_binance_futures").glob("*.json"))


def binance_answers() -> Iterator[tuple[str, Any]]:
    """Every recorded REST answer of Binance USD-M with its address."""
    for line in (DATA / "api" / "cryptofeed" / "BINANCE_FUTURES.http.0.0").read_text().splitlines():
        address, found, rest = line.partition(" -> ")
        if found:
            yield address, json.loads(rest.split(": ", 1)[1])


def binance_messages() -> Iterator[dict[str, Any]]:
    """Every recorded message of a combined stream of Binance USD-M."""
    for line in (DATA / "api" / "cryptofeed" / "BINANCE_FUTURES.ws.1.0").read_text().splitlines():
        _, found, rest = line.partition(": ")
        if found and rest.startswith('{"stream"'):
            yield json.loads(rest)
