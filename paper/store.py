"""The venue's own SQLite file: what was admitted is in it before the answer leaves.

Write-ahead mode without a sync per commit: a killed process loses nothing, a machine that loses power may lose the last moments.
Orders, nonces and counts of requests, which come with every action, are written as one row for everything that is committed
together: a row for each in tables of their own costs three times as much. The next opening sorts them into the tables; where
very many wait for it, each commit sorts some of the oldest, so that neither the file nor an opening grows without an end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from paper.engine.accounts import Account, Fill, FundingPayment, LedgerUpdate, ValueSample
from paper.engine.changes import FundingRate
from paper.engine.orders import Order
from paper.engine.twaps import Twap
from paper.engine.vaults import Vault
from paper.hyperliquid.agents import Agent
from paper.opened import is_opened, opened_row, order_json

SCHEMA = 3
READABLE = {1, 2, SCHEMA}
# Orders and nonces that may wait for the next opening, which sorts so many in seconds, and how many batches a commit sorts then.
MOST_UNSORTED = 250_000
SORTED_AT_ONCE = 8
# A batch is tens of kilobytes long, and every page of it costs two calls of the system.
_PRAGMAS = "pragma page_size=16384; pragma journal_mode=wal; pragma synchronous=normal;"
_TABLES = """
create table if not exists meta(key text primary key, body text not null);
create table if not exists accounts(address text primary key, body blob not null);
create table if not exists counts(id integer primary key, address text not null, used integer not null, throttled integer not null);
create index if not exists counts_by_address on counts(address);
create table if not exists agents(address text primary key, is_live integer not null, body blob not null);
create table if not exists nonces(signer text not null, nonce integer not null, primary key (signer, nonce)) without rowid;
create table if not exists used_nonces(id integer primary key, signer text not null, nonce integer not null);
create table if not exists orders(oid integer primary key, body blob not null);
create table if not exists batches(id integer primary key, orders blob not null, sent blob not null);
create table if not exists fills(id integer primary key, body blob not null);
create table if not exists fundings(id integer primary key, body blob not null);
create table if not exists ledger(id integer primary key, body blob not null);
create table if not exists vaults(address text primary key, body blob not null);
create table if not exists twaps(id integer primary key, body blob not null);
create table if not exists samples(id integer primary key, body blob not null);
create table if not exists rates(id integer primary key, body blob not null);
"""
_KINDS: dict[str, TypeAdapter[Any]] = {
    "accounts": TypeAdapter(Account),
    "agents": TypeAdapter(Agent),
    "orders": TypeAdapter(Order),
    "fills": TypeAdapter(Fill),
    "fundings": TypeAdapter(FundingPayment),
    "ledger": TypeAdapter(LedgerUpdate),
    "rates": TypeAdapter(FundingRate),
    "samples": TypeAdapter(ValueSample),
    "vaults": TypeAdapter(Vault),
    "twaps": TypeAdapter(Twap),
}
_ORDERS = TypeAdapter(list[Order])


UNWRITABLE = "The state file cannot be written ({}). Free some space and start again: what was answered before is kept."


class BadState(Exception):
    """The state file cannot be used; the text says why and what to do."""


class Store:
    """One connection, used by one thread; `begin` is implicit, `commit` ends each batch."""

    def __init__(self, path: Path | None, most_unsorted: int = MOST_UNSORTED) -> None:
        self._most_unsorted = most_unsorted
        self._unsorted = 0
        try:
            self._database = sqlite3.connect(str(path) if path else ":memory:")
            self._database.executescript(_PRAGMAS + _TABLES)
        except sqlite3.Error as error:
            raise BadState(f"The state file {path} cannot be opened ({error}); give another --state.") from error
        schema = self.meta("schema") or SCHEMA
        if schema not in READABLE:
            raise BadState(
                f"The state file {path} has schema {schema}, this program reads {SCHEMA}; give another --state."
            )
        self.put_meta("schema", SCHEMA)
        self._sort_batches()
        self._unsorted = 0
        self.commit()

    def meta(self, key: str) -> Any:
        """Return a stored value, None when there is none."""
        row = self._database.execute("select body from meta where key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put_meta(self, key: str, value: Any) -> None:
        """Store a value."""
        self._database.execute("insert or replace into meta values (?, ?)", (key, json.dumps(value)))

    def put_row(self, table: str, key: str | int, value: object) -> None:
        """Store an account, an order or another row that has a key of its own."""
        body = _KINDS[table].dump_json(value)
        self._database.execute(f"insert or replace into {table} values (?, ?)", (key, body))  # noqa: S608

    def put_batch(
        self, orders: list[Order], nonces: list[tuple[str, int | None]], counts: list[tuple[str, int, int]]
    ) -> None:
        """Store changed orders, used nonces and counts of accounts: requests sent, when the last one was refused.

        A nonce of None drops the signer's earlier ones.
        """
        opened, others = [], []
        for order in orders:
            if is_opened(order):
                opened.append(opened_row(order))
            else:
                others.append(order)
        sent = msgpack.packb((nonces, counts, opened), default=str)
        row = (_ORDERS.dump_json(others, exclude_defaults=True), sent)
        self._database.execute("insert into batches(orders, sent) values (?, ?)", row)
        self._unsorted += len(orders) + len(nonces)
        if self._unsorted > self._most_unsorted:
            self._sort_batches(SORTED_AT_ONCE)

    def _sort_batches(self, number: int = -1) -> None:
        """Put what came together, the oldest or all of it, into the tables in which it is looked for: in one transaction."""
        put = self._database.executemany
        counts: dict[str, tuple[str, int, int]] = {}
        oldest = "select id, orders, sent from batches order by id limit ?"
        batches = self._database.execute(oldest, (number,)).fetchall()
        for _, orders, sent in batches:
            nonces, counted, opened = _sent(sent)
            rows = [(row["oid"], to_json(row)) for row in (*from_json(orders), *map(order_json, opened))]
            put("insert or replace into orders values (?, ?)", rows)
            for signer, nonce in nonces:
                if nonce is None:
                    self.forget_nonces(signer)
                else:
                    self.add_nonces([(signer, nonce)])
            counts |= {row[0]: tuple(row) for row in counted}
            self._unsorted -= len(rows) + len(nonces)
        put("delete from counts where address = ?", [(address,) for address in counts])
        put("insert into counts(address, used, throttled) values (?, ?, ?)", counts.values())
        self._database.executemany("delete from batches where id = ?", [(row[0],) for row in batches])

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """Yield the latest counts, which may be older than the account's own row."""
        yield from self._database.execute("select address, max(used), max(throttled) from counts group by address")

    def drop_counts(self) -> None:
        """Forget the counts, as the accounts' own rows have them."""
        self._database.execute("delete from counts")

    def put_agent(self, agent: Agent, *, is_live: bool) -> None:
        """Store an approval and whether it still counts."""
        row = (agent.address, is_live, _KINDS["agents"].dump_json(agent))
        self._database.execute("insert or replace into agents values (?, ?, ?)", row)

    def append(self, table: str, values: list[Any]) -> None:
        """Store rows that only ever grow."""
        if values:
            rows = [(_KINDS[table].dump_json(value),) for value in values]
            self._database.executemany(f"insert into {table}(body) values (?)", rows)  # noqa: S608

    def add_nonces(self, used: list[tuple[str, int]]) -> None:
        """Store used nonces, one behind the other: a table sorted by signer would rewrite a page for each."""
        self._database.executemany("insert into used_nonces(signer, nonce) values (?, ?)", used)

    def forget_nonces(self, signer: str) -> None:
        """Drop the nonces of a pruned agent."""
        for table in ("nonces", "used_nonces"):
            self._database.execute(f"delete from {table} where signer = ?", (signer,))  # noqa: S608

    def rows(self, table: str) -> Iterator[Any]:
        """Yield everything of a table in the order in which it came."""
        kind = _KINDS[table]
        for (body,) in self._database.execute(f"select body from {table} order by rowid"):  # noqa: S608
            yield kind.validate_json(body)

    def agents(self) -> Iterator[tuple[Agent, bool]]:
        """Yield the approvals and whether they still count."""
        for body, is_live in self._database.execute("select body, is_live from agents order by rowid"):
            yield _KINDS["agents"].validate_json(body), bool(is_live)

    def nonces(self) -> Iterator[tuple[str, int]]:
        """Yield used nonces in rising order."""
        both = "select signer, nonce from nonces union all select signer, nonce from used_nonces"
        yield from self._database.execute(f"{both} order by signer, nonce")

    def commit(self) -> None:
        """Make what was put durable."""
        self._database.commit()

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _sent(blob: bytes) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the nonces, counts and opened orders of a batch; schema 2 had JSON and no orders there."""
    if blob[:1] == b"[":
        nonces, counts = from_json(blob)
        return nonces, counts, []
    nonces, counts, opened = msgpack.unpackb(blob)
    return nonces, counts, opened
