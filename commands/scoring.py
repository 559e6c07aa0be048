"""Judging any bot from the paper exchange's own log: what it did twice, what it lost, how long it stood without a stop."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
LIVE = frozenset({"open", "triggered"})
AT_MARKET = frozenset({"IOC", "FOK", "FRONTENDMARKET"})
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """What a paper exchange says of one user: `/control/orders`, `/control/fills`, and its clock in milliseconds.

    `holds` is what the bot itself believes to hold by coin, None when it was not asked. Two opening orders alike within
    `window` count as one that was sent twice; zero turns this off.
    """

    orders: Sequence[Row]
    fills: Sequence[Row]
    now_ms: int
    window: timedelta = timedelta(seconds=10)
    holds: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """The three figures, and a sentence for everything that was found."""

    duplicates: int
    lost: int
    unprotected_max_s: float
    words: tuple[str, ...]


def judge(log: Log) -> Score:
    """Score a bot by its log."""
    doubled = [*_same_name(log.orders), *_sent_again(log)]
    stretches = {key: _unprotected(log, key) for key in _keys(log.fills)}
    lost = list(_lost(log, stretches))
    longest = max((longest for longest, _ in stretches.values()), default=0)
    return Score(duplicates=len(doubled), lost=len(lost), unprotected_max_s=longest / 1000, words=(*doubled, *lost))


def _same_name(orders: Sequence[Row]) -> Iterator[str]:
    names: defaultdict[str, int] = defaultdict(int)
    for order in orders:
        if order["cloid"] and _is_effective(order):
            names[str(order["cloid"])] += 1
    for name, count in names.items():
        yield from [f"{count} orders under {name} had an effect"] * (count - 1)


def _is_effective(order: Row) -> bool:
    return Decimal(order["filledSz"]) > 0 or order["status"] in LIVE


def _sent_again(log: Log) -> Iterator[str]:
    """Find opening orders that look like a copy of an earlier one, in another request and under another name."""
    seen: dict[tuple[object, ...], Row] = {}
    for order in log.orders:
        is_own = order["isManual"] or order["isLiquidation"]
        if is_own or order["reduceOnly"] or order["trigger"] is not None or not _is_effective(order):
            continue
        key = (order["coin"], order["side"], Decimal(order["origSz"]), _level(order))
        first = seen.get(key)
        seen[key] = order
        if first is not None and _is_copy(first, order, log.window):
            yield f"order {order['oid']} looks like order {first['oid']}: {order['coin']} {order['origSz']} again"


def _level(order: Row) -> Decimal | None:
    """Return the price that two copies share; one that is sent again at the market is priced anew."""
    is_market = str(order["tif"]).upper() in AT_MARKET or order.get("type") == "MARKET"
    return None if is_market else Decimal(order["limitPx"])


def _is_copy(first: Row, second: Row, window: timedelta) -> bool:
    # Orders of one signed action are meant to be several; those of one name are counted by their name.
    is_one_action = first["nonce"] is not None and (first["signer"], first["nonce"]) == (
        second["signer"],
        second["nonce"],
    )
    is_one_name = first["cloid"] is not None and first["cloid"] == second["cloid"]
    is_near = second["time"] - first["time"] < window.total_seconds() * 1000
    return is_near and not is_one_action and not is_one_name


def _key(row: Row) -> tuple[str, str]:
    """Return coin and side of a position; the side is that of hedge mode, where longs and shorts stand apart."""
    return str(row["coin"]), str(row.get("positionSide", "BOTH"))


def _keys(fills: Sequence[Row]) -> list[tuple[str, str]]:
    # Spot is owned and needs no stop.
    return list(dict.fromkeys(_key(fill) for fill in fills if fill["dir"] not in {"Buy", "Sell"}))


def _positions(fills: Sequence[Row], key: tuple[str, str]) -> list[tuple[int, Decimal]]:
    """Return from when on how much was held."""
    return [(int(fill["time"]), _after(fill)) for fill in fills if _key(fill) == key]


def _after(fill: Row) -> Decimal:
    return Decimal(fill["startPosition"]) + Decimal(fill["sz"]) * (1 if fill["side"] == "B" else -1)


def _unprotected(log: Log, key: tuple[str, str]) -> tuple[int, bool]:
    """Return the longest time (ms) in which a position had no stop for all of it, and whether it has none at the end."""
    steps, stops = _positions(log.fills, key), [order for order in log.orders if _is_stop(order, key)]
    times = sorted({*(time for time, _ in steps), *(edge for stop in stops for edge in _life(stop, log)), log.now_ms})
    longest, run = 0, 0
    for begin, end in pairwise(times):
        held = next((size for time, size in reversed(steps) if time <= begin), ZERO)
        live = [stop for stop in stops if _life(stop, log)[0] <= begin < _life(stop, log)[1]]
        run = run + end - begin if held and not _covers(live, held) else 0
        longest = max(longest, run)
    return longest, run > 0


def _is_stop(order: Row, key: tuple[str, str]) -> bool:
    trigger = order["trigger"]
    return _key(order) == key and trigger is not None and trigger["tpsl"] == "sl" and bool(order["reduceOnly"])


def _life(order: Row, log: Log) -> tuple[int, int]:
    return int(order["time"]), log.now_ms if order["status"] in LIVE else int(order["statusTime"])


def _covers(stops: Sequence[Row], held: Decimal) -> bool:
    against = [stop for stop in stops if (stop["side"] == "A") is (held > 0)]
    is_whole = any(stop["isPositionTpsl"] and not Decimal(stop["origSz"]) for stop in against)
    return is_whole or sum((Decimal(stop["origSz"]) for stop in against), ZERO) >= abs(held)


def _lost(log: Log, stretches: Mapping[tuple[str, str], tuple[int, bool]]) -> Iterator[str]:
    """Find positions that nobody looks after: not what the bot says it holds, or, when it was not asked, without a stop."""
    if log.holds is None:
        for (coin, _), (_, is_bare) in stretches.items():
            if is_bare:
                yield f"{coin} is held and nothing protects it"
        return
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for key in stretches:
        held[key[0]] += _positions(log.fills, key)[-1][1]
    for coin in sorted({*held, *log.holds}):
        told = log.holds.get(coin, ZERO)
        if held[coin] != told:
            yield f"the exchange holds {held[coin]} {coin}, the bot says {told}"
