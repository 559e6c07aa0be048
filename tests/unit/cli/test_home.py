"""The folder of a deployment: one `up` at a time, and nobody else reads its secrets."""

import stat
from pathlib import Path

import pytest

from commands import home
from commands.client import connect, keep_access
from runtime.errors import SetupError
from runtime.loading import load_settings

PLACES = home.Running(
    pid=1,
    database_url="postgresql://holdfast:secret@127.0.0.1:5433/holdfast",
    temporal_address="127.0.0.1:7233",
    temporal_ui="http://127.0.0.1:8233",
    venue_url="http://127.0.0.1:3001",
    api_url="http://127.0.0.1:8000",
)


def test_a_second_up_on_one_folder_is_refused(tmp_path: Path) -> None:
    """The lock is the kernel's, so a killed `up` never blocks the next one."""
    with home.held(tmp_path):
        with pytest.raises(SetupError) as refusal, home.held(tmp_path):
            pass
        assert refusal.value.code == "already_running"
    with home.held(tmp_path):
        assert home.is_held(tmp_path)


def test_the_places_of_a_killed_up_are_not_believed(tmp_path: Path) -> None:
    """Its file is still there; the lock is not."""
    with home.held(tmp_path):
        home.note_running(tmp_path, PLACES)
        assert home.running(tmp_path) == PLACES
        left_behind = (tmp_path / "run" / "up.json").read_text()
    (tmp_path / "run" / "up.json").write_text(left_behind)

    assert home.running(tmp_path) is None


def test_what_holds_a_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """The password of Postgres and the API key."""
    with home.held(tmp_path):
        home.note_running(tmp_path, PLACES)
        keep_access(tmp_path, url="http://127.0.0.1:8000", key="hf_secret")
        for file in (tmp_path / "run" / "up.json", tmp_path / "cli.json"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in repr(PLACES)


def test_the_settings_win_over_what_up_has_written(tmp_path: Path) -> None:
    """HOLDFAST_API_URL and HOLDFAST_API_KEY name another deployment."""
    keep_access(tmp_path, url="http://127.0.0.1:8000", key="hf_kept")
    given = {"HOLDFAST_HOME": str(tmp_path), "HOLDFAST_API_URL": "http://127.0.0.1:9000", "HOLDFAST_API_KEY": "hf_set"}

    assert connect(load_settings({"HOLDFAST_HOME": str(tmp_path)}, None)).url == "http://127.0.0.1:8000"
    assert connect(load_settings(given, None)).url == "http://127.0.0.1:9000"
