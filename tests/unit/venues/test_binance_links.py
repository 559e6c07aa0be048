"""A key of Binance or Aster is checked before any order: one sentence and a stable code for the first thing that is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Retryable
from tests.unit.venues.build_fapi import (
    API_KEY,
    ASTER_ACCOUNT,
    BINANCE_ACCOUNT,
    MASTER,
    SECRET,
    WALLET,
    Asked,
    Said,
    Stub,
    by_path,
    scripted,
)
from venues.aster import venue as aster
from venues.aster.config import AsterConfig
from venues.base import SigningKey
from venues.binance import venue as binance
from venues.binance.config import BinanceConfig
from venues.fapi.config import Network
from venues.fapi.limits import RequestBudget

RIGHTS = {"enableFutures": True, "enableWithdrawals": False, "enableReading": True}
GOOD: dict[str, Any] = {
    "account": {"canTrade": True},
    "positionSide/dual": {"dualSidePosition": False},
    "balance": [{"accountAlias": "SgsR", "asset": "USDT"}],
    "account/apiRestrictions": RIGHTS,
}
REJECTED = Said(
    status=401, body={"code": -2015, "msg": "Invalid API-key, IP, or permissions for action, request ip: 1.2.3.4"}
)


def refusal(code: int, text: str = "…", status: int = 400) -> Said:
    return Said(status=status, body={"code": code, "msg": text})


@contextmanager
def binance_of(
    *, key: SigningKey = API_KEY, offset: timedelta = timedelta(), **answers: Any
) -> Iterator[tuple[binance.BinanceVenue, Stub]]:
    with scripted(by_path(GOOD | answers, offset=offset)) as stub:
        venue = binance.connect(BinanceConfig(url=stub.url), lambda _: key, RequestBudget(1_000_000, timedelta(0)))
        try:
            yield venue, stub
        finally:
            venue.close()


@contextmanager
def aster_of(*, key: SigningKey = WALLET, **answers: Any) -> Iterator[tuple[aster.AsterVenue, Stub]]:
    agent = {"agentAddress": WALLET.address, "canPerpTrade": True, "canWithdraw": False, "expired": millis(400)}
    given: dict[str, Any] = {
        "accountWithJoinMargin": {"canTrade": True},
        "positionSide/dual": {"dualSidePosition": False},
        "agent": [agent],
        "balance": [],
    }
    with scripted(by_path(given | answers)) as stub:
        venue = aster.connect(AsterConfig(url=stub.url), lambda _: key, RequestBudget(1_000_000, timedelta(0)))
        try:
            yield venue, stub
        finally:
            venue.close()


def millis(days: float) -> int:
    return int((datetime.now(UTC) + timedelta(days=days)).timestamp() * 1000)


def test_a_good_key_is_good_and_nothing_was_written():
    with binance_of() as (venue, stub):
        report = venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address)
        assert (report.ok, report.code, report.valid_until) == (True, "ok", None)
        assert {one.method for one in stub.asked} == {"GET"}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"account": refusal(-2014)}, "key_malformed"),
        ({"account": refusal(-1022)}, "key_refused"),
        ({"account": refusal(-1002, status=401)}, "key_refused"),
        ({"account": REJECTED, "account/apiRestrictions": REJECTED}, "key_refused"),
        ({"account": REJECTED, "account/apiRestrictions": RIGHTS | {"enableFutures": False}}, "futures_not_enabled"),
        ({"account": REJECTED}, "key_refused"),
        ({"account": refusal(-1011)}, "ip_not_allowed"),
        ({"account": refusal(-4109)}, "futures_not_enabled"),
        ({"account": refusal(-1021)}, "clock_skewed"),
        ({"account": {"canTrade": False}}, "futures_not_enabled"),
        ({"positionSide/dual": {"dualSidePosition": True}}, "wrong_position_mode"),
        ({"positionSide/dual": {"dualSidePosition": "true"}}, "wrong_position_mode"),
        ({"balance": [{"accountAlias": "another", "asset": "USDT"}]}, "account_mismatch"),
        ({"account/apiRestrictions": RIGHTS | {"enableWithdrawals": True}}, "key_can_withdraw"),
        ({"account/apiRestrictions": RIGHTS | {"enableFutures": False}}, "futures_not_enabled"),
        ({"account/apiRestrictions": RIGHTS | {"tradingAuthorityExpirationTime": millis(-1)}}, "agent_expired"),
    ],
)
def test_what_is_wrong_has_a_code_and_one_sentence(answers: dict[str, Any], code: str):
    with binance_of(**answers) as (venue, stub):
        report = venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address)
        assert (report.ok, report.code) == (False, code)
        assert report.sentence.endswith(".")
        assert "\n" not in report.sentence
        assert API_KEY.secret not in report.sentence
        assert {one.method for one in stub.asked} == {"GET"}


def test_a_refused_key_is_told_the_address_that_the_venue_saw():
    answers: dict[str, Any] = {"account": REJECTED, "account/apiRestrictions": REJECTED}
    with binance_of(**answers) as (venue, _):
        assert "1.2.3.4" in venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address).sentence


@pytest.mark.parametrize("seconds", [30, -30])
def test_a_clock_half_a_minute_off_is_told_with_its_direction(seconds: int):
    with binance_of(offset=timedelta(seconds=seconds)) as (venue, stub):
        report = venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address)
        assert (report.ok, report.code) == (False, "clock_skewed")
        assert ("behind" if seconds > 0 else "ahead of") in report.sentence
        assert stub.paths() == ["GET /fapi/v1/time"]


@pytest.mark.parametrize("seconds", [4, -4])
def test_a_clock_that_is_a_little_off_is_good_enough(seconds: int):
    with binance_of(offset=timedelta(seconds=seconds)) as (venue, _):
        assert venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address).ok


def test_a_key_of_the_wrong_shape_is_told_without_a_single_request():
    broken = SigningKey(address="abc def", secret="short")
    with binance_of(key=broken) as (venue, stub):
        assert venue.accounts.check_link(BINANCE_ACCOUNT, broken.address).code == "key_malformed"
        assert stub.asked == []


def test_another_key_than_the_stored_one_is_told_without_a_single_request():
    with binance_of() as (venue, stub):
        assert venue.accounts.check_link(BINANCE_ACCOUNT, "x" * 64).code == "key_mismatch"
        assert stub.asked == []


def test_a_key_that_ends_soon_is_good_and_says_so():
    ends = RIGHTS | {"tradingAuthorityExpirationTime": millis(3)}
    answers: dict[str, Any] = {"account/apiRestrictions": ends}
    with binance_of(**answers) as (venue, _):
        report = venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address)
        assert (report.ok, report.code) == (True, "agent_expiring")
        assert report.valid_until is not None


@pytest.mark.parametrize(
    "answers",
    [
        {"account": Said(status=503, body=b"")},
        {"positionSide/dual": {}},
        {"balance": []},
        {"balance": {}},
        {"account/apiRestrictions": {}},
        {"account/apiRestrictions": Said(status=500, body=b"")},
    ],
)
def test_a_check_that_got_no_answer_is_no_verdict(answers: dict[str, Any]):
    with binance_of(**answers) as (venue, _), pytest.raises(Retryable):
        venue.accounts.check_link(BINANCE_ACCOUNT, API_KEY.address)


def test_a_demo_key_has_nobody_to_ask_for_its_rights():
    assert BinanceConfig(network=Network.TESTNET).restrictions_url == ""
    assert BinanceConfig(network=Network.MAINNET).restrictions_url == "https://api.binance.com"


def test_an_account_is_named_by_its_alias_or_its_main_wallet():
    with binance_of() as (venue, _):
        assert venue.accounts.identify(API_KEY) == "binance:SgsR"
    with aster_of(balance=[{"accountAlias": "SgsR"}]) as (other, _):
        assert other.accounts.identify(WALLET) == MASTER
        assert other.accounts.identify(API_KEY) == "aster:SgsR"


def test_a_good_agent_is_good_and_its_end_is_known():
    with aster_of() as (venue, _):
        report = venue.accounts.check_link(ASTER_ACCOUNT, WALLET.address)
        assert (report.ok, report.code) == (True, "ok")
        assert report.valid_until is not None


def test_an_agent_is_checked_for_the_main_wallet_that_it_should_act_for():
    bare = replace(WALLET, master="")
    with aster_of() as (venue, stub):
        assert venue.accounts.check_key(bare, MASTER).ok
        assert {one.form["user"] for one in stub.asked if "signer" in one.form} == {MASTER}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"canWithdraw": True}, "key_can_withdraw"),
        ({"canWithdraw": "true"}, "key_can_withdraw"),
        ({"canPerpTrade": False}, "futures_not_enabled"),
        ({"expired": millis(-1)}, "agent_expired"),
    ],
)
def test_the_rights_of_an_agent_are_those_that_the_venue_lists(changed: dict[str, Any], code: str):
    listed = {
        "agentAddress": WALLET.address.lower(),
        "canPerpTrade": True,
        "canWithdraw": False,
        "expired": 0,
    } | changed
    stranger = {"agentAddress": "0x" + "cd" * 20, "canPerpTrade": False, "canWithdraw": True, "expired": 1}
    with aster_of(agent=[stranger, listed]) as (venue, _):
        assert venue.accounts.check_link(ASTER_ACCOUNT, WALLET.address).code == code


def test_the_key_of_the_main_wallet_itself_is_refused_since_it_can_withdraw():
    own = SigningKey(address=WALLET.address, secret=SECRET, master=WALLET.address)
    account = replace(ASTER_ACCOUNT, address=WALLET.address)
    with aster_of(key=own) as (venue, stub):
        assert venue.accounts.check_link(account, WALLET.address).code == "key_can_withdraw"
        assert stub.asked == []


def test_an_agent_that_nobody_approved_is_refused():
    unknown = refusal(-1000, "No agent found")
    with aster_of(accountWithJoinMargin=unknown, agent=unknown) as (venue, _):
        assert venue.accounts.check_link(ASTER_ACCOUNT, WALLET.address).code == "agent_not_approved"


def test_signed_reads_of_wallets_have_nonces_that_rise():
    with aster_of() as (venue, stub):
        venue.accounts.check_link(ASTER_ACCOUNT, WALLET.address)
        nonces = [int(one.form["nonce"]) for one in stub.asked if "nonce" in one.form]
        assert nonces == sorted(set(nonces))
        assert len(nonces) >= 3


def test_a_read_names_no_key_in_its_query_but_in_its_header():
    seen: list[Asked] = []

    def balance(asked: Asked) -> Any:
        seen.append(asked)
        return GOOD["balance"]

    with binance_of(balance=balance) as (venue, _):
        venue.accounts.identify(API_KEY)
        assert API_KEY.address not in seen[0].form.values()
        assert seen[0].headers["X-MBX-APIKEY"] == API_KEY.address
