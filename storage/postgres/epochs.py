"""Lives of the database: noted at start and by the watchdog, asserted by the platform, confirmed by a person if strange."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.errors import Retryable
from storage.postgres.engine import transaction
from storage.postgres.epoch import current_epoch
from storage.postgres.tables import epochs
from storage.records import Epoch

FIRST_START = "first start"
SAME_DEPLOYMENT = "same deployment"


class PostgresEpochs:
    """Lives of the database; an `Epochs`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, deployment_id: str) -> Epoch:
        """Note the epoch that this database is in; a strange deployment waits for a person.

        The database of another deployment, or one whose contents were loaded into another cluster, is a copy: it must not
        trade beside the original. A restart or a failover of our own is confirmed by itself.
        """
        with transaction(self._engine) as connection:
            epoch = current_epoch(connection)
            system, timeline, started_at = epoch.split("/")
            values = {
                "epoch": epoch,
                "system_identifier": system,
                "timeline": int(timeline),
                "started_at": datetime.fromisoformat(started_at),
                "deployment_id": deployment_id,
                "confirmed_by": _confirmation(connection, system, deployment_id),
            }
            connection.execute(upsert(epochs).values(values).on_conflict_do_nothing())
            _doubt(connection, epoch, deployment_id)
            return _read(connection, epoch)

    def current(self) -> Epoch | None:
        """The epoch that this database is in, None before it was registered."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(epochs).where(epochs.c.epoch == current_epoch(connection))).one_or_none()
        return None if row is None else _epoch(row)

    def note_asserted(self, epoch: str) -> bool:
        """Say that the halts in force are back; False when the database is in another epoch."""
        with transaction(self._engine) as connection:
            if epoch != current_epoch(connection):
                return False
            statement = update(epochs).where(epochs.c.epoch == epoch)
            at = func.coalesce(epochs.c.asserted_at, func.now())
            return connection.execute(statement.values(asserted_at=at)).rowcount == 1

    def confirm(self, deployment_id: str, by: str) -> Epoch:
        """Let a restored or cloned database trade under a deployment id."""
        with transaction(self._engine) as connection:
            epoch = current_epoch(connection)
            statement = update(epochs).where(epochs.c.epoch == epoch)
            values = {"deployment_id": deployment_id, "confirmed_by": by}
            if connection.execute(statement.values(values)).rowcount == 0:
                raise Retryable(
                    "epoch_unknown", "The database has just started.", action="Start the worker, try again."
                )
            return _read(connection, epoch)


def _confirmation(connection: Connection, system: str, deployment_id: str) -> str | None:
    newest = connection.execute(select(epochs).order_by(epochs.c.seen_at.desc(), epochs.c.epoch).limit(1)).first()
    if newest is None:
        return FIRST_START
    same = newest.system_identifier == system and newest.deployment_id == deployment_id
    return SAME_DEPLOYMENT if same and newest.confirmed_by is not None else None


def _doubt(connection: Connection, epoch: str, deployment_id: str) -> None:
    """Close the epoch when a second deployment starts on the same database."""
    strange = (epochs.c.epoch == epoch, epochs.c.deployment_id != deployment_id)
    connection.execute(update(epochs).where(*strange).values(confirmed_by=None, deployment_id=deployment_id))


def _read(connection: Connection, epoch: str) -> Epoch:
    return _epoch(connection.execute(select(epochs).where(epochs.c.epoch == epoch)).one())


def _epoch(row: Row[Any]) -> Epoch:
    return Epoch(
        epoch=row.epoch,
        deployment_id=row.deployment_id,
        seen_at=row.seen_at,
        confirmed_by=row.confirmed_by or "",
        asserted_at=row.asserted_at,
    )
