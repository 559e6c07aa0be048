"""`holdfast paper`: serve a paper exchange, and score the bot that has traded on it."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import httpx
import typer
from typer.core import TyperGroup

from commands import programs
from commands.exits import Exit
from commands.output import Json, print_json, say
from commands.scoring import Log, Score, judge
from domain.errors import Refused, Retryable

COMMANDS = {"score", "serve", "-h", "--help"}


class _Serving(TyperGroup):
    """Options without a command serve: `holdfast paper --venue hyperliquid`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in that may be left out."""
        return super().parse_args(ctx, args if args and args[0] in COMMANDS else ["serve", *args])


app = typer.Typer(cls=_Serving, help="Serve a paper exchange, or score a bot that has traded on one.")


@app.command("serve", context_settings=programs.PASS_ON)
def serve(context: typer.Context) -> None:
    """Start a paper exchange alone; `serve` may be left out: --venue hyperliquid|binance|aster --port N [--feed PATH] [--speed X] [--seed S]."""  # noqa: E501
    programs.become("paper", context.args)


@app.command("score")
def score(
    user: Annotated[str, typer.Option(help="The bot's account: an address, or its name on Binance and AsterDEX.")],
    url: Annotated[str, typer.Option(help="Where the paper exchange listens.")] = "http://127.0.0.1:3001",
    since: Annotated[int, typer.Option(help="Leave out what came before, in milliseconds since 1970.")] = 0,
    window: Annotated[float, typer.Option(help="Opens alike within so many seconds are one sent twice; 0: off.")] = 10,
    holds: Annotated[list[str] | None, typer.Option(help="What the bot says it holds: COIN=SIZE, or `flat`.")] = None,
    bound: Annotated[float, typer.Option(help="Longest time without a stop that is no fault, in seconds.")] = 5,
    as_json: Json = False,
) -> None:
    """Judge a bot from the exchange's own log of orders and fills: duplicates, lost positions, seconds without a stop."""
    told = _holdings(holds)
    found = judge(_log(url.rstrip("/"), user, since, timedelta(seconds=window), told))
    if as_json:
        figures = {"duplicates": found.duplicates, "lost": found.lost, "unprotected_max_s": found.unprotected_max_s}
        print_json(figures | {"words": list(found.words)})
    else:
        _print(found)
    if found.duplicates or found.lost or found.unprotected_max_s > bound:
        raise typer.Exit(Exit.NO)


def _print(found: Score) -> None:
    for words in found.words:
        say(words)
    say(f"duplicates={found.duplicates} lost={found.lost} unprotected_max_s={found.unprotected_max_s:.1f}")


def _holdings(told: list[str] | None) -> dict[str, Decimal] | None:
    if not told:
        return None
    return dict(_holding(item) for item in told if item != "flat")


def _holding(item: str) -> tuple[str, Decimal]:
    coin, _, size = item.partition("=")
    try:
        held = Decimal(size)
    except InvalidOperation:
        held = Decimal("nan")
    if not coin or not held.is_finite():
        raise Refused("holding_malformed", f"{item!r} is no holding.", action="Write COIN=SIZE, or `flat`.")
    return coin, held


def _log(url: str, user: str, since: int, window: timedelta, holds: dict[str, Decimal] | None) -> Log:
    wanted = {"user": user.lower(), "since": str(since)}
    clock = _got(f"{url}/control/clock", {})
    # Orders carry the machine's time, fills the venue's: all is told by the machine's.
    ahead = int(clock["block_ms"]) - int(clock["wall_ms"])
    orders = [row | {"statusTime": row["statusTime"] - ahead} for row in _got(f"{url}/control/orders", wanted)]
    fills = [row | {"time": row["time"] - ahead} for row in _got(f"{url}/control/fills", wanted)]
    return Log(orders=orders, fills=fills, now_ms=int(clock["wall_ms"]), window=window, holds=holds)


def _got(url: str, query: dict[str, str]) -> Any:
    try:
        answer = httpx.get(url, params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Retryable("paper_unreachable", f"The paper exchange at {url} does not answer: {error}.") from error
