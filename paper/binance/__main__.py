"""`python -m paper --venue binance`."""

from __future__ import annotations

from paper.binance.protocol import DIALECT, PROTOCOL
from paper.fapi.running import run


def main(arguments: list[str] | None = None) -> int:
    """Serve; returns the exit code."""
    return run(DIALECT, PROTOCOL, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
