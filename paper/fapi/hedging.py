"""Position sides: each is a position of its own in the engine, on the one market of its coin.

The engine keeps one position a key. In hedge mode the keys are `BTC/LONG` and `BTC/SHORT`; the map of markets answers both with
the market of `BTC`, so that orders of all sides meet in one book.
"""

from __future__ import annotations

from paper.engine.market import Market

BOTH, LONG, SHORT = "BOTH", "LONG", "SHORT"
SIDES = (BOTH, LONG, SHORT)


def key_of(coin: str, side: str) -> str:
    """Return the engine's key of a position."""
    return coin if side == BOTH else f"{coin}/{side}"


def coin_of(key: str) -> str:
    """Return the coin of a key."""
    return key.partition("/")[0]


def side_of(key: str) -> str:
    """Return the position side of a key."""
    return key.partition("/")[2] or BOTH


class HedgedMarkets(dict[str, Market]):
    """Markets by coin; the keys of position sides lead to their coin's market and are not counted."""

    def __missing__(self, key: str) -> Market:
        """Return the market of a position side's coin."""
        coin = coin_of(key)
        if coin == key:
            raise KeyError(key)
        return self[coin]
