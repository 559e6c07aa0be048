"""`python -m paper --venue NAME`: start a paper venue."""

from __future__ import annotations

import argparse
import sys

VENUES = ("hyperliquid", "binance", "aster")


def main(arguments: list[str] | None = None) -> int:
    """Hand the options to the venue that is named; each brings its own imports."""
    wanted = sys.argv[1:] if arguments is None else arguments
    options = argparse.ArgumentParser(prog="paper", add_help=False)
    options.add_argument("--venue", choices=VENUES, default=VENUES[0])
    chosen, _ = options.parse_known_args(wanted)
    if {"-h", "--help"} & set(wanted):
        sys.stdout.write(f"A paper exchange: --venue {' | '.join(VENUES)}. Of {chosen.venue}:\n\n")
    match chosen.venue:
        case "binance":
            from paper.binance.__main__ import main as serve
        case "aster":
            from paper.aster.__main__ import main as serve
        case _:
            from paper.hyperliquid.__main__ import main as serve
    return serve(wanted)


if __name__ == "__main__":
    raise SystemExit(main())
