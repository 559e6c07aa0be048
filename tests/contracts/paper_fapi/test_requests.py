"""Who may ask: keys, signatures, times, addresses; and what a request that makes no sense is told."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.contracts.paper_fapi.trader import SYMBOL, Trader, eventually, hmac_of, key_trader, now_ms
from tests.contracts.rigs.server import PaperServer

MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
OUTSIDE = "Timestamp for this request is outside of the recvWindow."
AHEAD = "Timestamp for this request was 1000ms ahead of the server's time."


@pytest.fixture
def keyed(server: PaperServer):
    """A user with an API key: on both venues, the older kind of AsterDEX."""
    made = key_trader(server)
    yield made
    made.close()


def test_the_signature_is_the_one_of_the_venues_documentation():
    """The example of Binance's documentation, "SIGNED endpoint examples for POST /fapi/v1/order"."""
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    text = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943"
    )
    assert hmac_of(secret, text) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def test_a_request_is_taken_with_its_parameters_in_the_query_the_body_or_both(keyed: Trader):
    form = keyed.signed_form(keyed.terms())
    for query, body in ((form, ""), ("", form)):
        answer = keyed.http.post(f"/fapi/v1/order?{query}", content=body, headers=keyed.headers())
        assert answer.status_code == 200, answer.text
    text = keyed.signed_form({}).split("&signature=")[0]
    query, body = text, urlencode(keyed.terms())
    signature = hmac_of(keyed.secret, query + body)
    answer = keyed.http.post(
        f"/fapi/v1/order?{query}", content=f"{body}&signature={signature}", headers=keyed.headers()
    )
    assert answer.status_code == 200, answer.text
    assert len(keyed.open_ids()) == 3


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"timestamp": ""}, (400, -1102, MISSING.format("timestamp"))),
        ({"timestamp": "soon"}, (400, -1102, MISSING.format("timestamp"))),
        ({"recvWindow": 60001}, (400, -1131, "recvWindow must be less than 60000")),
    ],
)
def test_a_time_that_is_none_is_refused(keyed: Trader, change: dict[str, object], refusal: tuple[int, int, str]):
    assert keyed.get("openOrders", **change).refusal == refusal
    assert keyed.order(**change).refusal == refusal


@pytest.mark.parametrize(
    ("offset", "window", "text"),
    [
        (-5200, None, OUTSIDE),
        (-700, 500, OUTSIDE),
        (1300, None, AHEAD),
        (30_000, 60_000, AHEAD),
        (-61_000, 60_000, OUTSIDE),
    ],
)
def test_a_time_outside_of_the_window_is_refused(keyed: Trader, offset: int, window: int | None, text: str):
    keyed.offset_ms = offset
    changes = {} if window is None else {"recvWindow": window}
    assert keyed.order(**changes).refusal == (400, -1021, text)
    keyed.offset_ms = 0
    assert keyed.open_ids() == []


@pytest.mark.parametrize(("offset", "window"), [(-4000, None), (500, None), (-55_000, 60_000)])
def test_a_time_inside_of_the_window_is_taken(keyed: Trader, offset: int, window: int | None):
    keyed.offset_ms = offset
    assert keyed.order(**({} if window is None else {"recvWindow": window})).status == 200


def test_the_venues_clock_is_told_and_counts(keyed: Trader, server: PaperServer):
    server.post("settings", clock_offset_ms=30_000)
    told = keyed.public("time").ok["serverTime"]
    assert 29_000 < told - now_ms() < 31_000
    assert keyed.order().code == -1021
    keyed.offset_ms = 30_000
    assert keyed.order().status == 200


def test_a_wrong_or_missing_signature_is_refused(keyed: Trader):
    text = urlencode({"timestamp": now_ms()})
    wrong = (400, -1022, "Signature for this request is not valid.")
    assert keyed.send("GET", "openOrders", f"{text}&signature={64 * 'a'}").refusal == wrong
    assert keyed.send("GET", "openOrders", f"{text}&signature=none").refusal == wrong
    good = keyed.signed_form({"symbol": SYMBOL})
    assert keyed.send("GET", "openOrders", good.replace(SYMBOL, "ETHUSDT")).refusal == wrong
    assert keyed.send("GET", "openOrders", text).refusal == (400, -1102, MISSING.format("signature"))


def test_keys_of_a_wrong_shape_and_strange_keys_are_refused_differently(keyed: Trader):
    form = keyed.signed_form({})
    for bad in ("", "short", 63 * "a" + "!"):
        refusal = keyed.send("GET", "openOrders", form, {"X-MBX-APIKEY": bad}).refusal
        assert refusal == (401, -2014, "API-key format invalid.")
    refusal = keyed.send("GET", "openOrders", form, {"X-MBX-APIKEY": 64 * "b"}).refusal
    words = "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1"
    assert refusal == (401, -2015, words)


def test_a_key_without_the_right_reads_and_does_not_trade(keyed: Trader):
    keyed.account(permissions={"trade": False})
    assert keyed.get("openOrders").ok == []
    assert keyed.order().refusal[:2] == (401, -2015)


def test_a_key_bound_to_another_address_is_refused(keyed: Trader):
    keyed.account(ip_list=["203.0.113.9"])
    assert keyed.get("openOrders").refusal[:2] == (401, -2015)
    keyed.account(ip_list=["127.0.0.1"])
    assert keyed.get("openOrders").ok == []


def test_a_request_that_waited_beyond_its_window_is_refused_at_the_matching_of_binance(
    keyed: Trader, server: PaperServer, venue: str
):
    server.post("settings", halted=True)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(keyed.order, recvWindow=300)
        clock = eventually(lambda: _passed(server, now_ms() + 600))
        assert clock
        server.post("settings", halted=False)
        answer = sent.result(10)
    if venue == "binance":
        assert answer.refusal == (400, -5028, "Timestamp for this request is outside of the ME recvWindow.")
        assert keyed.open_ids() == []
    else:
        assert answer.status == 200


def _passed(server: PaperServer, until: int) -> bool:
    while int(server.get("clock")["wall_ms"]) < until:
        continue
    return True


@pytest.mark.parametrize("path", ["nothing", "/fapi/v9/order", "order/"])
def test_a_path_that_is_none_is_not_found(keyed: Trader, path: str):
    answer = keyed.get(path)
    assert answer.status == 404
    assert answer.body["code"] == -5000
    assert answer.body["msg"].startswith("Path /fapi/")
    assert answer.body["msg"].endswith(", Method GET is invalid")


def test_a_method_that_is_none_is_not_found(keyed: Trader):
    assert keyed.put("openOrders").status == 404


def test_a_parameter_sent_twice_is_refused(keyed: Trader):
    text = urlencode({"timestamp": now_ms(), "symbol": SYMBOL}) + "&symbol=ETHUSDT"
    form = f"{text}&signature={hmac_of(keyed.secret, text)}"
    assert keyed.send("GET", "openOrders", form).refusal == (400, -1101, "Duplicate values for a parameter detected.")


def test_a_body_in_json_holds_no_parameters(keyed: Trader):
    body = json.dumps(keyed.terms() | {"timestamp": now_ms()})
    assert keyed.send("POST", "order", body).refusal == (400, -1102, MISSING.format("timestamp"))


@pytest.mark.parametrize("body", ["%ff%fe", "a=b=c&&&=", "\x00\x01", 3000 * "a=1&"])
def test_bytes_that_mean_nothing_are_refused_and_harm_nobody(keyed: Trader, body: str):
    answer = keyed.send("POST", "order", body)
    assert (answer.status, answer.code in {-1101, -1102}) == (400, True)
    assert keyed.get("openOrders").ok == []


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("order", {"symbol": SYMBOL}, -1102),
        ("order", {"symbol": SYMBOL, "orderId": "abc"}, -1102),
        ("order", {"symbol": SYMBOL, "orderId": "99"}, -2013),
        ("order", {"symbol": SYMBOL, "origClientOrderId": "never-sent"}, -2013),
        ("allOrders", {}, -1102),
        ("userTrades", {"symbol": "NOPE"}, -1121),
        ("income", {"startTime": "yesterday"}, -1102),
        ("leverageBracket", {"symbol": "NOPE"}, -1121),
    ],
)
def test_reads_that_make_no_sense_are_refused(keyed: Trader, name: str, params: dict[str, object], code: int):
    assert keyed.get(name, **params).code == code


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("klines", {"symbol": SYMBOL}, -1102),
        ("klines", {"symbol": SYMBOL, "interval": "7m"}, -1120),
        ("depth", {"symbol": SYMBOL, "limit": 7}, -4021),
        ("depth", {}, -1102),
        ("premiumIndex", {"symbol": "NOPE"}, -1121),
    ],
)
def test_public_reads_that_make_no_sense_are_refused(keyed: Trader, name: str, params: dict[str, object], code: int):
    assert keyed.public(name, **params).code == code


def test_a_cancel_without_an_id_says_which_are_missing(keyed: Trader):
    text = "Param 'origclientorderid' or 'orderid' must be sent, but both were empty/null!"
    assert keyed.delete("order", symbol=SYMBOL).refusal == (400, -1102, text)


def test_an_inactive_account_is_told_so(keyed: Trader, server: PaperServer):
    server.post("settings", account_inactive=True)
    assert keyed.order().refusal == (400, -4109, "This account is inactive, please activate first")


def test_an_order_while_trading_stands_still_is_refused(keyed: Trader, server: PaperServer):
    server.post("settings", trading_halted=True)
    assert keyed.order().code == -4108
