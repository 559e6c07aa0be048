"""Fail points obey files, once, and in tests only."""

from pathlib import Path

from activities.submission import pass_by
from runtime.loading import load_settings
from wiring.fail_points import fail_point_of, obeying


def test_an_order_is_obeyed_once_and_told(tmp_path: Path) -> None:
    """The second sender passes."""
    done: list[str] = []
    reached = obeying(tmp_path, done.append)
    (tmp_path / "after_gate").write_text("sleep 5")

    reached("before_write_ahead", "abc")
    reached("after_gate", "abc")
    reached("after_gate", "abc")

    assert done == ["sleep 5"]
    assert (tmp_path / "after_gate.reached").read_text().endswith(" abc")


def test_an_order_for_one_client_id_waits_for_it(tmp_path: Path) -> None:
    """Others pass."""
    done: list[str] = []
    reached = obeying(tmp_path, done.append)
    (tmp_path / "after_gate").write_text("kill client:abc")

    reached("after_gate", "xyz")
    assert done == []
    reached("after_gate", "abc")
    assert done == ["kill"]


def test_outside_of_tests_nothing_is_obeyed(tmp_path: Path) -> None:
    """A file in the home folder must not be able to kill a worker that trades."""
    assert fail_point_of(load_settings({"HOLDFAST_HOME": str(tmp_path)}, None)) is pass_by
