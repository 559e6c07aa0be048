"""Requests signed by wallets: the signature, the nonce and the empty request (reference 2.1)."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.contracts.paper_fapi.trader import (
    TEST_NETWORK,
    Trader,
    WalletTrader,
    eventually,
    key_trader,
    now_ms,
    wallet_signature,
)
from tests.contracts.rigs.server import PaperServer

EXPIRED = (400, -4225, "Nonce Expired")
KEPT = 100


def _wallet(trader: Trader) -> WalletTrader:
    assert isinstance(trader, WalletTrader)
    return trader


def test_a_signature_for_the_test_network_is_taken_as_well(trader: Trader) -> None:
    _wallet(trader).chain_id = TEST_NETWORK
    assert trader.order().status == 200


def test_a_signature_for_another_chain_is_refused(trader: Trader) -> None:
    _wallet(trader).chain_id = 1
    assert trader.order().code == -1022


def test_the_signature_covers_every_parameter(trader: Trader) -> None:
    form = trader.signed_form(trader.terms()).replace("97000", "97001")
    assert trader.send("POST", "order", form).code == -1022


def test_the_signature_covers_the_order_of_the_parameters(trader: Trader) -> None:
    form = trader.signed_form(trader.terms())
    first, second, rest = form.split("&", 2)
    assert trader.send("POST", "order", f"{second}&{first}&{rest}").code == -1022


def test_a_request_without_a_signature_or_a_nonce_is_refused(trader: Trader) -> None:
    form = trader.signed_form(trader.terms())
    assert trader.send("POST", "order", form.rpartition("&")[0]).code == -1102
    assert trader.send("POST", "order", form.replace("nonce=", "once=")).code == -1102


def test_a_signature_of_the_wrong_shape_is_refused(trader: Trader) -> None:
    form = trader.signed_form(trader.terms()).rpartition("=")[0]
    for text in ("0x12", "hello", "0x" + "f" * 130, "0x" + "0" * 130):
        assert trader.send("POST", "order", f"{form}={text}").code == -1022


def test_the_user_may_be_left_out_where_an_agent_signs(trader: Trader) -> None:
    text = f"symbol=BTCUSDT&nonce={_wallet(trader).nonce()}&signer={trader.key}"
    form = f"{text}&signature={wallet_signature(trader.secret, text)}"
    assert trader.send("GET", "openOrders", form).ok == []


def test_a_nonce_is_good_once(trader: Trader) -> None:
    form = trader.signed_form(trader.terms())
    assert trader.send("POST", "order", form).status == 200
    assert trader.send("POST", "order", form).refusal == EXPIRED
    assert len(trader.open_ids()) == 1


def test_a_nonce_far_from_the_venues_clock_is_refused(trader: Trader) -> None:
    for seconds in (-12, 12):
        trader.offset_ms = seconds * 1000
        assert trader.order().refusal == EXPIRED
    trader.offset_ms = -8000
    assert trader.order().status == 200


def test_a_nonce_is_in_microseconds(trader: Trader) -> None:
    assert trader.post("order", **trader.terms(nonce=now_ms())).refusal == EXPIRED


def test_nonces_may_come_in_any_order_while_the_list_has_room(trader: Trader) -> None:
    late, early = _wallet(trader).nonce(), now_ms() * 1000 - 3_000_000
    assert trader.post("order", **trader.terms(nonce=late)).status == 200
    assert trader.post("order", **trader.terms(nonce=early)).status == 200


def test_a_nonce_below_a_full_list_is_refused(trader: Trader) -> None:
    early = now_ms() * 1000 - 4_000_000
    for _ in range(KEPT):
        assert trader.get("openOrders", symbol="BTCUSDT").status == 200
    assert trader.post("order", **trader.terms(nonce=early)).refusal == EXPIRED


def test_a_used_nonce_is_remembered_over_a_restart(trader: Trader, server: PaperServer) -> None:
    form = trader.signed_form(trader.terms())
    assert trader.send("POST", "order", form).status == 200
    server.restart()
    assert trader.send("POST", "order", form).refusal == EXPIRED


def test_a_request_that_was_refused_has_used_its_nonce(trader: Trader) -> None:
    form = trader.signed_form(trader.terms(symbol="NONEUSDT"))
    assert trader.send("POST", "order", form).code == -1121
    assert trader.send("POST", "order", form).refusal == EXPIRED


def test_many_requests_at_once_get_by_with_nonces_of_one_clock(trader: Trader) -> None:
    forms = [trader.signed_form(trader.terms(quantity="0.001")) for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda form: trader.send("POST", "order", form), forms))
    assert {answer.status for answer in answers} == {200}
    assert len(trader.open_ids()) == sum(answer.status == 200 for answer in answers)


def test_an_empty_request_voids_a_request_that_still_waits(trader: Trader, server: PaperServer) -> None:
    nonce = _wallet(trader).nonce()
    server.fault("late_execution", seconds=1)
    assert trader.post("order", **trader.terms(nonce=nonce)).status == 503
    assert trader.post("noop", nonce=nonce).ok == {"code": 200, "msg": "success"}
    after = trader.order(price="96000.00").ok["orderId"]
    time.sleep(1.5)  # The moment at which the order would have run, and half a second.
    assert trader.open_ids() == [after]


def test_without_an_empty_request_a_late_request_runs(trader: Trader, server: PaperServer) -> None:
    server.fault("late_execution", seconds=0.3)
    unknown = trader.order()
    assert (unknown.status, unknown.code) == (503, -1007)
    eventually(lambda: len(trader.open_ids()) == 1)


def test_an_empty_request_burns_a_nonce_that_was_not_used(trader: Trader) -> None:
    nonce = _wallet(trader).nonce()
    assert trader.post("noop", nonce=nonce).status == 200
    assert trader.post("order", **trader.terms(nonce=nonce)).refusal == EXPIRED


def test_an_empty_request_comes_too_late_for_an_order_that_has_run(trader: Trader) -> None:
    nonce = _wallet(trader).nonce()
    placed = trader.post("order", **trader.terms(nonce=nonce)).ok["orderId"]
    assert trader.post("noop", nonce=nonce).refusal == EXPIRED
    assert trader.open_ids() == [placed]


def test_old_keys_keep_working_beside_wallets(server: PaperServer) -> None:
    keyed = key_trader(server)
    placed = keyed.order().ok["orderId"]
    assert keyed.open_ids() == [placed]
    assert keyed.send("POST", "/fapi/v3/order", keyed.signed_form(keyed.terms())).code == -1102
    keyed.close()
