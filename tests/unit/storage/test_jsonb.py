"""Domain values to JSONB and back."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.accounts import HeldPosition, Portfolio
from domain.intents import Intent, IntentKind, IntentPolicy, OrderStyle, Protection
from domain.limits import AGGRESSIVE
from domain.money import Money, Price, Quantity
from domain.orders import Side
from storage.postgres.engine import dump, load

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
INTENT = Intent(
    intent_id="i",
    user_id="u",
    account_id="a",
    venue="hyperliquid",
    coin="BTC",
    kind=IntentKind.OPEN,
    side=Side.SELL,
    decided_at=NOW,
    size=Quantity(Decimal("0.10000000000000000001")),
    policy=IntentPolicy(style=OrderStyle.LIMIT, limit_px=Price(Decimal("1E+5")), work_for=timedelta(minutes=7)),
    protection=Protection(stop_px=Price(Decimal("3.30"))),
    limits=AGGRESSIVE,
)


def test_an_intent_survives_json_to_the_last_digit():
    assert load(Intent, json.loads(json.dumps(dump(INTENT)))) == INTENT


def test_decimals_are_strings_in_json():
    assert dump(INTENT)["size"] == "0.10000000000000000001"


def test_nested_tuples_come_back_as_tuples():
    held = HeldPosition(coin="BTC", size=Quantity(Decimal(1)), entry_px=Price(Decimal(2)), mark_px=Price(Decimal(3)))
    portfolio = Portfolio(
        account_id="a", as_of=NOW, equity=Money(Decimal(5)), available=Money(Decimal(4)), positions=(held,)
    )
    assert load(Portfolio, json.loads(json.dumps(dump(portfolio)))) == portfolio


def test_a_field_of_a_newer_version_is_ignored():
    assert load(Intent, {**dump(INTENT), "colour": "blue"}) == INTENT
