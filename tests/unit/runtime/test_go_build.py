"""Building Temporal: what is in the cache is not built again, and a failure is one sentence."""

import os
import threading
from pathlib import Path

import pytest

from runtime import go_build
from runtime.errors import SetupError
from runtime.go_build import Program, build, go_environment, version_of_go
from runtime.temporal_server import find_temporal

PROGRAM = Program(name="tool", package="example.org/cmd/tool", version="v1.2.3", needs_go=(1, 20, 0))
# Stands for Go: answers its version, and "builds" by writing a file after a while.
GO = """#!/bin/sh
if [ "$1" = env ]; then echo go1.26.4; exit 0; fi
echo "built $*" >> "{log}"
[ "{mode}" = fail ] && {{ echo "go: no such module" >&2; exit 1; }}
mkdir -p "$GOBIN"
echo program > "$GOBIN/tool"
"""


def fake_go(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "work") -> Path:
    folder.mkdir()
    log = folder / "builds"
    log.touch()
    program = folder / "go"
    program.write_text(GO.format(log=log, mode=mode))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return log


def test_a_program_is_built_once_by_however_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_go(tmp_path / "go", monkeypatch)
    places: list[Path] = []
    threads = [
        threading.Thread(target=lambda: places.extend(build([PROGRAM], tmp_path / "cache", lambda _line: None)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places == [tmp_path / "cache" / "bin" / "tool-1.2.3"] * 4
    assert log.read_text().splitlines() == ["built install example.org/cmd/tool@v1.2.3"]


def test_a_build_leaves_nothing_but_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(tmp_path / "go", monkeypatch)
    build([PROGRAM], tmp_path / "cache", lambda _line: None)
    assert sorted(file.name for file in (tmp_path / "cache").iterdir()) == ["bin", "build.lock"]


def test_a_failed_build_names_the_reason_and_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go(tmp_path / "go", monkeypatch, mode="fail")
    with pytest.raises(SetupError, match="no such module") as failure:
        build([PROGRAM], tmp_path / "cache", lambda _line: None)
    assert failure.value.code == "build_failed"
    assert "TEMPORAL_ADDRESS" in failure.value.action
    assert sorted(file.name for file in (tmp_path / "cache").iterdir()) == ["build.lock"]


def test_no_go_and_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(go_build, "GO_LOCK", tmp_path / "missing.lock")
    with pytest.raises(SetupError) as failure:
        build([PROGRAM], tmp_path / "cache", lambda _line: None)
    assert failure.value.code == "no_go"
    assert "\n" not in failure.value.message


def test_an_old_go_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_go(tmp_path / "go", monkeypatch)
    monkeypatch.setattr(go_build, "GO_LOCK", tmp_path / "missing.lock")
    newer = Program(name="tool", package=PROGRAM.package, version="v1.2.3", needs_go=(1, 99, 0))
    with pytest.raises(SetupError):
        build([newer], tmp_path / "cache", lambda _line: None)
    assert log.read_text() == ""
    assert version_of_go(tmp_path / "go" / "go") == (1, 26, 4)


def test_the_build_stays_inside_its_folder_and_keeps_the_machines_proxies(tmp_path: Path) -> None:
    environ = go_environment(tmp_path, {"GOPROXY": "https://proxy.example", "GOFLAGS": "-mod=vendor"})
    assert environ["GOPROXY"] == "https://proxy.example"
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOBIN", "XDG_CONFIG_HOME"):
        assert Path(environ[name]).is_relative_to(tmp_path)
    assert environ["GOFLAGS"] == "-trimpath -buildvcs=false -modcacherw"


@pytest.mark.parametrize(("line", "is_used"), [("Server 1.31.2, UI 2.42", True), ("Server 1.24.1, UI 2.20", False)])
def test_a_temporal_on_path_is_used_when_it_knows_fairness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, is_used: bool
) -> None:
    fake_go(tmp_path / "bin", monkeypatch)
    on_path = tmp_path / "bin" / "temporal"
    on_path.write_text(f'#!/bin/sh\necho "temporal version 1.5.1 ({line})"\n')
    on_path.chmod(0o755)
    ours = tmp_path / "cache" / "bin" / "temporal-1.5.1"
    ours.parent.mkdir(parents=True)
    ours.touch()
    assert find_temporal(tmp_path / "cache", lambda _line: None) == (on_path if is_used else ours)
