"""`python -m paper --venue aster`."""

from __future__ import annotations

from paper.aster.protocol import DIALECT, PROTOCOL
from paper.fapi.running import run


def main(arguments: list[str] | None = None) -> int:
    """Serve; returns the exit code."""
    return run(DIALECT, PROTOCOL, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
