"""Bring a database to a revision: forward only, in one transaction, one process at a time."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, text

from domain.errors import Misconfigured
from storage.postgres.engine import database_url, translated_errors

_ONE_AT_A_TIME = 4_851_650_001


def scripts() -> ScriptDirectory:
    """The revisions that this code knows."""
    return ScriptDirectory.from_config(_configuration())


def revisions() -> tuple[str, ...]:
    """Ids of the revisions that this code knows, oldest first."""
    return tuple(reversed([script.revision for script in scripts().walk_revisions()]))


def upgrade(url: str, to: str = "head") -> str:
    """Apply what is missing up to a revision and return the revision; what is there already is left alone."""
    made = create_engine(database_url(url), poolclass=NullPool, connect_args={"connect_timeout": 10})
    with translated_errors(), made.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
        now = MigrationContext.configure(connection).get_current_revision()
        wanted = _target(now, to)
        if wanted != now:
            configuration = _configuration()
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, wanted)
        return wanted


def _target(now: str | None, to: str) -> str:
    known = revisions()
    wanted = known[-1] if to == "head" else to
    if wanted not in known:
        raise Misconfigured(
            "revision_unknown", f"There is no revision {to}.", action=f"Known are {', '.join(known)} and head."
        )
    if now is not None and now not in known:
        raise Misconfigured(
            "schema_new",
            f"The database is at revision {now}, which this program does not know.",
            action="Start the newer program that made it.",
        )
    if now is not None and known.index(wanted) < known.index(now):
        raise Misconfigured(
            "schema_backward",
            f"The database is at revision {now}; going back to {wanted} would lose data.",
            action="Restore a backup instead.",
        )
    return wanted


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
