"""The venue's SQLite file with the tables of these venues: users, agents, terms, nonces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from paper.fapi.terms import Terms
from paper.fapi.users import User, WalletAgent
from paper.store import Store

_TABLES = """
create table if not exists users(name text primary key, body blob not null);
create table if not exists wallet_agents(address text primary key, body blob not null);
create table if not exists terms(oid integer primary key, body blob not null);
"""
_KINDS: dict[str, TypeAdapter[Any]] = {
    "users": TypeAdapter(User),
    "wallet_agents": TypeAdapter(WalletAgent),
    "terms": TypeAdapter(Terms),
}


class FapiStore(Store):
    """The engine's tables and ours in one file and one transaction."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._database.executescript(_TABLES)

    def put_own(self, table: str, key: str | int, value: object) -> None:
        """Store a row of one of our tables; None takes it out."""
        if value is None:
            column = self._database.execute(f"select * from {table} limit 0").description[0][0]  # noqa: S608
            self._database.execute(f"delete from {table} where {column} = ?", (key,))  # noqa: S608
            return
        body = _KINDS[table].dump_json(value)
        self._database.execute(f"insert or replace into {table} values (?, ?)", (key, body))  # noqa: S608

    def own_rows(self, table: str) -> Iterator[Any]:
        """Yield everything of one of our tables in the order in which it came."""
        for (body,) in self._database.execute(f"select body from {table} order by rowid"):  # noqa: S608
            yield _KINDS[table].validate_json(body)
