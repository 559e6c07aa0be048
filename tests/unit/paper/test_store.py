"""What is stored batch by batch is found in its tables at the next opening."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

from paper.engine.orders import Order, Origin, Status, Tif
from paper.store import Store


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
    assert Store(tmp_path / "state").meta("schema") == 2
