"""Record histories anew: `python -m tests.replay.record [NAME ...]`.

Needed after a change that today's histories do not survive, once no execution of the old kind is left.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from runtime.loading import load_settings
from runtime.temporal_server import find_temporal
from tests.replay.recording import FINGERPRINTS, fingerprint, keep, play, servers
from tests.replay.scenarios import scenarios
from tests.replay.staging import Scenario


async def record(wanted: list[Scenario]) -> None:
    """Play scenarios and write their histories and fingerprints."""
    known: dict[str, list[str]] = json.loads(FINGERPRINTS.read_text()) if FINGERPRINTS.exists() else {}
    binary = find_temporal(load_settings({}, env_file=None).holdfast_cache)
    with tempfile.TemporaryDirectory() as folder, servers(binary, Path(folder)) as running:
        for scenario in wanted:
            history = await play(scenario, running.of(scenario))
            keep(scenario, history)
            known[scenario.name] = fingerprint(history)
            print(f"{scenario.name}: {len(list(history.events))} events")
    names = {scenario.name for scenario in scenarios()}
    body = {name: known[name] for name in sorted(known) if name in names}
    FINGERPRINTS.write_text(json.dumps(body, indent=1) + "\n")


def main() -> None:
    """Record the scenarios that are named, or all."""
    every = scenarios()
    chosen = [scenario for scenario in every if not sys.argv[1:] or scenario.name in sys.argv[1:]]
    if not chosen:
        sys.exit(f"There is no such scenario; there are {', '.join(scenario.name for scenario in every)}.")
    asyncio.run(record(chosen))


if __name__ == "__main__":
    main()
