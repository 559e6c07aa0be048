"""What is stored batch by batch is found in its tables at the next opening."""

from __future__ import annotations

import sqlite3
from dataclasses import Field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from paper.engine.orders import Order, OrderEvent, Origin, Status, Tif, Trigger
from paper.store import SCHEMA, Store


def order(oid: int, sz: str) -> Order:
    size = Decimal(sz)
    made = Order(
        oid=oid,
        user="0xa",
        coin="BTC",
        asset=0,
        is_buy=True,
        limit_px=Decimal("97000.5"),
        sz=size,
        orig_sz=size,
        reduce_only=False,
        tif=Tif.GTC,
        admitted_ms=7,
        timestamp=8,
        origin=Origin(signer="0xa", nonce=9, expires_after=None),
        cloid=None,
    )
    made.note(8, Status.OPEN)
    return made


def test_the_last_state_of_each_order_is_read_back_in_the_order_of_ids(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    first, second = order(1, "0.5"), order(2, "3")
    store.put_batch([second], [], [])
    store.put_batch([first, second], [], [])
    first.sz = Decimal(0)
    first.note(10, Status.FILLED)
    store.put_batch([first], [], [])
    store.commit()
    store.close()
    for _ in range(2):
        again = Store(tmp_path / "state")
        assert list(again.rows("orders")) == [first, second]
        again.close()


@pytest.mark.parametrize("name", [row.name for row in fields(Order)])
def test_an_order_that_differs_in_anything_from_a_fresh_one_is_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    others: dict[str, object] = {
        "oid": 3, "user": "0xb", "coin": "ETH", "asset": 1, "limit_px": Decimal("1E+3"), "sz": Decimal("0.1"),
        "orig_sz": Decimal(7), "tif": Tif.ALO, "admitted_ms": 70, "timestamp": 80, "status": Status.CANCELED,
        "origin": Origin(signer="0xb", nonce=None, expires_after=5), "cloid": "0x0b", "parent": 4, "group": 5,
        "trigger": Trigger(px=Decimal(9), is_market=True, tpsl="sl"), "builder": "0xc", "builder_fee": 6,
        "filled_sz": Decimal("0.2"), "filled_ntl": Decimal(3), "twap_id": 8, "purpose": "Twap Slice",
        "self_trade": "both", "error": "no", "events": [],
    }  # fmt: skip
    made = order(2, "1")
    setattr(made, name, others[name] if name in others else not getattr(made, name))
    store = Store(tmp_path / "state")
    store.put_batch([made], [], [])
    store.commit()
    store.close()
    assert list(Store(tmp_path / "state").rows("orders")) == [made]


@pytest.mark.parametrize("row", fields(OrderEvent), ids=lambda row: str(row.name))
def test_an_opening_that_differs_in_anything_is_read_back_as_it_was(tmp_path: Path, row: Field[object]) -> None:
    others: dict[str, object] = {"ms": 9, "timestamp": 9, "status": Status.TRIGGERED}
    made = order(2, "1")
    known = getattr(made.events[0], row.name)
    changed: Any = not known if isinstance(known, bool) else others.get(row.name, Decimal(5))
    made.events[0] = replace(made.events[0], **{row.name: changed})
    store = Store(tmp_path / "state")
    store.put_batch([made], [], [])
    store.commit()
    store.close()
    assert list(Store(tmp_path / "state").rows("orders")) == [made]


def test_batches_of_the_schema_that_wrote_all_orders_in_full_are_read(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()
    with sqlite3.connect(tmp_path / "state") as database:
        row = (TypeAdapter(list[Order]).dump_json([order(1, "2")]), b'[[["0xa",5]],[["0xa",3,0]]]')
        database.execute("insert into batches(orders, sent) values (?, ?)", row)
        database.execute("update meta set body = '2' where key = 'schema'")
    database.close()
    again = Store(tmp_path / "state")
    assert (list(again.rows("orders")), list(again.nonces())) == ([order(1, "2")], [("0xa", 5)])
    assert list(again.counts()) == [("0xa", 3, 0)]


def test_batches_that_wait_to_be_sorted_stay_few_and_a_venue_killed_at_any_time_has_everything(tmp_path: Path) -> None:
    store = Store(tmp_path / "state", most_unsorted=40)
    known: dict[int, Order] = {}
    for step in range(60):
        changed = [order(step, "5"), *(known[oid] for oid in {step // 2, step // 3} & known.keys())]
        for row in changed[1:]:
            row.sz -= Decimal("0.01")
            row.note(step, Status.OPEN)
        known[step] = changed[0]
        store.put_batch(changed, [("0xa", step), ("0xb", None), ("0xb", step)], [("0xa", step + 1, step)])
        store.commit()
        for name in ("state", "state-wal"):
            (tmp_path / f"killed-{name}").write_bytes((tmp_path / name).read_bytes())
        with sqlite3.connect(tmp_path / "killed-state") as database:
            (waiting,) = database.execute("select count(*) from batches").fetchone()
            (counts,) = database.execute("select count(*) from counts").fetchone()
            assert (waiting <= 20, counts <= 1) == (True, True)
        database.close()
        again = Store(tmp_path / "killed-state")
        assert list(again.rows("orders")) == list(known.values())
        assert list(again.nonces()) == [*(("0xa", number) for number in range(step + 1)), ("0xb", step)]
        assert list(again.counts()) == [("0xa", step + 1, step)]
        again.close()


def test_nonces_of_a_pruned_agent_stay_forgotten_and_later_ones_count(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.put_batch([], [("0xa", 5), ("0xb", 6)], [("0xa", 3, 0)])
    store.put_batch([], [("0xa", None), ("0xa", 8)], [("0xa", 4, 1_000)])
    store.commit()
    store.close()
    again = Store(tmp_path / "state")
    assert list(again.nonces()) == [("0xa", 8), ("0xb", 6)]
    assert list(again.counts()) == [("0xa", 4, 1_000)]


def test_a_batch_that_was_not_committed_is_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.put_batch([order(1, "1")], [("0xa", 5)], [])
    store.close()
    again = Store(tmp_path / "state")
    assert (list(again.rows("orders")), list(again.nonces())) == ([], [])


def test_a_state_file_of_the_schema_before_batches_is_read(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()
    with sqlite3.connect(tmp_path / "state") as database:
        database.execute("update meta set body = '1' where key = 'schema'")
    database.close()
    assert Store(tmp_path / "state").meta("schema") == SCHEMA
