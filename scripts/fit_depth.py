"""Fit the depth of the simulated books to recorded ones: writes paper/engine/depth.csv and a plot of the fit.

    python scripts/fit_depth.py ../shared/data

Model (docs/explanation/paper-market.md): within y basis points of the best price a side holds touch + depth * y^power USD. `touch`
is the median size of the best level; `depth` and `power` are the straight line through the medians of what lies behind it, in
logarithms. Coins of which no book is recorded take the shape of BTC, scaled by a day's volume.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "paper" / "engine" / "depth.csv"
PLOT = ROOT / "docs" / "explanation" / "paper-depth.svg"
BOOKS = "ws/live_books_5m.jsonl"
CONTEXTS = "api/nautilus_hyperliquid/ws_all_dexs_asset_ctxs.json"
GRID = (0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 70.0, 100.0)
MODEL_OF = "BTC"
# Asset ids of the main perpetuals, in whose order the contexts come.
ASSETS = {"ETH": 1, "SOL": 5, "AVAX": 6, "BNB": 7, "DOGE": 12, "kPEPE": 15, "LINK": 18, "XRP": 25, "HYPE": 159}
ORDERS_USD = (10_000, 100_000, 1_000_000)
Rows = list[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One row of the table; distances in basis points, sizes in USD."""

    coin: str
    half_spread_bp: float
    spacing_bp: float
    touch_usd: float
    depth_usd: float
    power: float
    reach_bp: float
    r2: float | None
    books: int
    source: str

    def within(self, distance: float) -> float:
        """Return what lies within a distance of the best price."""
        return self.touch_usd + self.depth_usd * distance**self.power


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a recorded book: (distance from its best price, USD) by level, and the mid's distance."""

    levels: Rows
    half_spread: float

    def within(self, distance: float) -> float:
        """Return the USD within a distance of the best price."""
        return sum(usd for far, usd in self.levels if far <= distance)

    def cost(self, usd: float) -> float | None:
        """Return how far from the best price an order of a size pays on average; None when the recording ends before."""
        left, paid = usd, 0.0
        for far, here in self.levels:
            part = min(left, here)
            left, paid = left - part, paid + part * far
        return paid / usd if left <= 0 else None


def sides_of(path: Path) -> tuple[dict[str, list[Side]], datetime]:
    """Read recorded l2Book messages."""
    sides: dict[str, list[Side]] = {}
    last = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        if message["channel"] != "l2Book":
            continue
        data = message["data"]
        last = max(last, data["time"])
        bids, asks = ([(float(level["px"]), float(level["sz"])) for level in side] for side in data["levels"])
        mid = (bids[0][0] + asks[0][0]) / 2
        for side in (bids, asks):
            best = side[0][0]
            levels = [(abs(px - best) / mid * 1e4, px * sz) for px, sz in side]
            sides.setdefault(data["coin"], []).append(Side(levels, abs(best - mid) / mid * 1e4))
    return sides, datetime.fromtimestamp(last / 1000, tz=UTC)


def curve_of(sides: list[Side]) -> Rows:
    """Return (distance, median USD within it) where most of the books reach so far."""
    rows: Rows = []
    for distance in GRID:
        seen = [side.within(distance) for side in sides if side.levels[-1][0] >= distance]
        if len(seen) >= 0.6 * len(sides):
            rows.append((distance, median(seen)))
    return rows


def fit(coin: str, sides: list[Side], date: datetime) -> Fit:
    """Fit one coin."""
    touch = median(side.levels[0][1] for side in sides)
    curve = curve_of(sides)
    points = [(math.log(far), math.log(usd - touch)) for far, usd in curve if usd > touch * 1.05]
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    power = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    level = mean_y - power * mean_x
    logs = [math.log(usd) for _, usd in curve]
    wrong = sum((math.log(usd) - math.log(touch + math.exp(level) * far**power)) ** 2 for far, usd in curve)
    r2 = 1 - wrong / sum((item - fmean(logs)) ** 2 for item in logs)
    spacings = [b[0] - a[0] for side in sides for a, b in zip(side.levels, side.levels[1:], strict=False)]
    return Fit(
        coin=coin,
        half_spread_bp=median(side.half_spread for side in sides),
        spacing_bp=median(spacings),
        touch_usd=touch,
        depth_usd=math.exp(level),
        power=power,
        reach_bp=curve[-1][0],
        r2=r2,
        books=len(sides) // 2,
        source=f"books of {date:%Y-%m-%d}",
    )


def scaled(pattern: Fit, path: Path) -> list[Fit]:
    """Give coins without recorded books the shape of another, scaled by a day's volume; the spread is that of the impact prices."""
    contexts = dict(json.loads(path.read_text(encoding="utf-8"))["data"]["ctxs"])[""]
    whole = float(contexts[0]["dayNtlVlm"])
    fits: list[Fit] = []
    for coin, asset in ASSETS.items():
        row = contexts[asset]
        part = float(row["dayNtlVlm"]) / whole
        bid, ask = (float(px) for px in row["impactPxs"])
        half = (ask - bid) / (ask + bid) * 1e4
        fits.append(
            Fit(
                coin=coin,
                half_spread_bp=half,
                spacing_bp=half * 2,
                touch_usd=pattern.touch_usd * part,
                depth_usd=pattern.depth_usd * part,
                power=pattern.power,
                reach_bp=pattern.reach_bp,
                r2=None,
                books=0,
                source=f"{pattern.coin} by a day's volume",
            )
        )
    return fits


def write_table(fits: list[Fit]) -> None:
    """Write the table that the simulated makers read."""
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Fit.__dataclass_fields__)
        for row in fits:
            quality = "" if row.r2 is None else f"{row.r2:.3f}"
            numbers = [f"{value:.4g}" for value in (row.half_spread_bp, row.spacing_bp, row.touch_usd, row.depth_usd)]
            writer.writerow(
                [row.coin, *numbers, f"{row.power:.3f}", f"{row.reach_bp:g}", quality, row.books, row.source]
            )


def say(row: Fit, sides: list[Side]) -> None:
    """Print how well a coin is fitted: what orders pay beyond the best price, recorded and by the model."""
    sys.stdout.write(
        f"{row.coin}: half spread {row.half_spread_bp:.3f} bp, touch {row.touch_usd:,.0f} USD, {row.depth_usd:,.0f} USD "
        f"within 1 bp, power {row.power:.2f}, up to {row.reach_bp:g} bp, R2 {row.r2:.3f}, {row.books} books\n"
    )
    for usd in ORDERS_USD:
        costs = [cost for side in sides if (cost := side.cost(usd)) is not None]
        if len(costs) > len(sides) / 2:
            steps = (max(usd * (n + 0.5) / 200 - row.touch_usd, 0.0) / row.depth_usd for n in range(200))
            model = fmean(step ** (1 / row.power) for step in steps)
            sys.stdout.write(
                f"  {usd:>9,} USD pay {median(costs):.3f} bp beyond the best price, by the model {model:.3f}\n"
            )


def plot(fits: list[Fit], curves: dict[str, Rows]) -> str:
    """Draw the recorded medians and the fitted lines, both axes logarithmic."""
    width, height, left, bottom = 640, 400, 60, 40
    decades_x, decades_y = (-1.0, 2.0), (2.0, 7.0)

    def place(far: float, usd: float) -> str:
        x = left + (math.log10(far) - decades_x[0]) / (decades_x[1] - decades_x[0]) * (width - left - 90)
        y = height - bottom - (math.log10(usd) - decades_y[0]) / (decades_y[1] - decades_y[0]) * (height - bottom - 20)
        return f"{x:.1f},{y:.1f}"

    colours = ("#1f6f8b", "#b5542c", "#5b7f3a", "#7a4f9a", "#8a7020")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for exponent in range(int(decades_y[0]), int(decades_y[1]) + 1):
        start, end = place(0.1, 10.0**exponent), place(100, 10.0**exponent)
        x, y = start.split(",")
        parts.append(f'<path d="M{start} L{end}" stroke="#dddddd"/>')
        parts.append(f'<text x="{float(x) - 6}" y="{float(y) + 4}" text-anchor="end">${10**exponent:,}</text>')
    for far in (0.1, 1.0, 10.0, 100.0):
        start, end = place(far, 10.0 ** decades_y[0]), place(far, 10.0 ** decades_y[1])
        x, y = start.split(",")
        parts.append(f'<path d="M{start} L{end}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x}" y="{float(y) + 15}" text-anchor="middle">{far:g} bp</text>')
    for row, colour in zip(fits, colours, strict=False):
        curve = [point for point in curves[row.coin] if point[1] > 100]
        line = [place(far, row.within(far)) for far, _ in curve]
        parts.append(f'<path d="M{" L".join(line)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for far, usd in curve:
            x, y = place(far, usd).split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>')
        x, y = line[-1].split(",")
        parts.append(f'<text x="{float(x) + 6}" y="{float(y) + 4}" fill="{colour}">{row.coin}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main(arguments: list[str]) -> int:
    """Fit, write, say."""
    data = Path(arguments[0]) if arguments else ROOT.parent / "shared" / "data"
    if not (data / BOOKS).exists():
        sys.stderr.write(f"There are no recorded books at {data / BOOKS}; give the folder of the data.\n")
        return 2
    sides, date = sides_of(data / BOOKS)
    fits = [fit(coin, rows, date) for coin, rows in sides.items()]
    pattern = next(row for row in fits if row.coin == MODEL_OF)
    write_table([*fits, *scaled(pattern, data / CONTEXTS)])
    for row in fits:
        say(row, sides[row.coin])
    PLOT.write_text(plot(fits, {coin: curve_of(rows) for coin, rows in sides.items()}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
