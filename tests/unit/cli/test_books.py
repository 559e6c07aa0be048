"""Commands that need Postgres alone: halt, release, users, the audit log, the schema guard."""

import json
from pathlib import Path

from sqlalchemy import text

from commands.exits import Exit
from storage.postgres.engine import engine, transaction
from storage.postgres.gate import PostgresGate
from tests.stack.command_line import Holdfast


def closed_by(database: str, folder: Path) -> str:
    """Ask the gate that every opening order passes."""
    made = engine(database, pool_size=1)
    try:
        return PostgresGate(made, folder / "home" / "HALT").closed_by(venue="hyperliquid", user_id="u", agent_id="a")
    finally:
        made.dispose()


def test_a_halt_closes_the_gate_without_api_and_temporal(holdfast: Holdfast, database: str, tmp_path: Path) -> None:
    """CLOSED is the committed row; nobody could be told, which is said."""
    answer = holdfast("halt", "--reason", "drill", "--wait", "0", "--json", DATABASE_URL=database)

    shown = json.loads(answer.stdout)
    assert (shown["closed"], shown["row"], shown["told"]) == (True, True, False)
    assert "drill" in closed_by(database, tmp_path)


def test_a_release_opens_the_gate_and_removes_the_file(holdfast: Holdfast, database: str, tmp_path: Path) -> None:
    """Both ways of halting end together."""
    holdfast("halt", "--file", "--wait", "0", DATABASE_URL=database)
    assert closed_by(database, tmp_path)

    answer = holdfast("release", "--json", DATABASE_URL=database)

    assert json.loads(answer.stdout)["released"] is True
    assert closed_by(database, tmp_path) == ""


def test_the_release_of_one_agent_leaves_the_kill_switch_of_all_in_force(
    holdfast: Holdfast, database: str, tmp_path: Path
) -> None:
    """The file halts everything on its host, whoever wrote it."""
    holdfast("halt", "--file", "--wait", "0", DATABASE_URL=database)
    holdfast("release", DATABASE_URL=database)
    (tmp_path / "home" / "HALT").write_text("by hand\n")
    holdfast("halt", "--scope", "agent", "--key", "a", "--wait", "0", DATABASE_URL=database)
    assert "--scope agent --key a` ends it" in " ".join(holdfast("doctor", DATABASE_URL=database).stdout.split())

    holdfast("release", "--scope", "agent", "--key", "a", DATABASE_URL=database)
    assert closed_by(database, tmp_path)

    answer = holdfast("release", DATABASE_URL=database)
    assert "HALT is removed" in " ".join(answer.stdout.split())
    assert closed_by(database, tmp_path) == ""


def test_a_new_administrator_has_a_key_and_a_line_in_the_audit_log(holdfast: Holdfast, database: str) -> None:
    """The chain holds, and breaks when somebody changes a line."""
    made = json.loads(holdfast("user", "create", "ada", "--admin", "--json", DATABASE_URL=database).stdout)
    assert made["api_key"].startswith("hf_")
    assert json.loads(holdfast("audit", "verify", "--json", DATABASE_URL=database).stdout) == {"entries": 1, "ok": True}

    books = engine(database, pool_size=1)
    with transaction(books) as connection:
        connection.execute(text("alter table audit_log disable trigger all"))
        connection.execute(text("update audit_log set actor = 'nobody'"))
    books.dispose()
    broken = holdfast("audit", "verify", DATABASE_URL=database)

    assert broken.returncode == Exit.NO
    assert "[audit_broken]" in broken.stderr


def test_a_schema_newer_than_the_code_is_refused(holdfast: Holdfast, database: str) -> None:
    """Neither checked as good nor migrated."""
    books = engine(database, pool_size=1)
    with transaction(books) as connection:
        connection.execute(text("insert into schema_revisions (revision) values ('9999')"))
    books.dispose()

    answer = holdfast("migrate", "--check", DATABASE_URL=database)

    assert answer.returncode == Exit.SETUP
    assert "[schema_new]" in answer.stderr


def test_an_empty_database_is_migrated(holdfast: Holdfast, empty_database: str) -> None:
    """The check before says what to do."""
    before = holdfast("migrate", "--check", DATABASE_URL=empty_database)
    assert "[schema_missing]" in before.stderr
    assert "holdfast migrate" in before.stderr

    assert holdfast("migrate", DATABASE_URL=empty_database).returncode == Exit.DONE
    assert holdfast("migrate", "--check", DATABASE_URL=empty_database).returncode == Exit.DONE
