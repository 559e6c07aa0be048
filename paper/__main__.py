"""`python -m paper --venue NAME`: start a paper venue."""

from __future__ import annotations

from paper.hyperliquid.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
