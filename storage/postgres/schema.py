"""The schema guard: code runs only on the schema that it was written for."""

from __future__ import annotations

from sqlalchemy import Engine, inspect, select

from domain.errors import Misconfigured
from storage.migrations import upgrade
from storage.postgres.engine import transaction
from storage.postgres.tables import schema_revisions

_MIGRATE = "Run `holdfast migrate`."


def migrate(url: str, to: str = "head") -> str:
    """Bring a database to a revision and return it; raises Misconfigured for an unknown or older one."""
    return upgrade.upgrade(url, to)


def applied(engine: Engine) -> tuple[str, ...]:
    """Ids of the revisions that a database has had, oldest first."""
    with transaction(engine) as connection:
        if not inspect(connection).has_table(schema_revisions.name):
            return ()
        statement = select(schema_revisions.c.revision).order_by(schema_revisions.c.revision)
        return tuple(connection.scalars(statement))


def check(engine: Engine) -> str:
    """Return the revision when the database has exactly the revisions of this code.

    Raises Misconfigured: schema_missing, schema_old, schema_new or schema_differs.
    """
    had, known = applied(engine), upgrade.revisions()
    if had == known:
        return known[-1]
    if not had:
        raise Misconfigured("schema_missing", "The database has no tables of Holdfast yet.", action=_MIGRATE)
    if set(had) < set(known):
        raise Misconfigured(
            "schema_old", f"The database is at revision {had[-1]}, this program needs {known[-1]}.", action=_MIGRATE
        )
    if set(had) > set(known):
        raise Misconfigured(
            "schema_new",
            f"The database is at revision {had[-1]}, this program knows {known[-1]} at most.",
            action="Start the newer program that upgraded it, or restore a backup.",
        )
    strange = ", ".join(sorted(set(had) - set(known)))
    raise Misconfigured(
        "schema_differs",
        f"The database has had revisions that this program does not know: {strange}.",
        action="Start the program that applied them, or restore a backup.",
    )
