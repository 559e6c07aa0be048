"""Running Postgres for root: it refuses to run as root, so it runs as nobody."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

# Inside the name space root's files belong to nobody: no account, no chown, folders of mode 0700 stay reachable.
UNSHARE = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
SYSTEM_HOME = Path("/var/lib/holdfast")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """Who runs Postgres, with which programs and on which folder."""

    data: Path
    binaries: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None

    def prepare(self, folder: Path) -> None:
        """Make a folder that this user owns."""
        folder.mkdir(mode=0o700, parents=True)
        if self.user is not None:
            os.chown(folder, self.user, self.user)


def drop_root(home: Path, data: Path, binaries: Path) -> Nobody:
    """Choose how Postgres runs: as we are, in a user name space, or as nobody in a folder that nobody can reach."""
    if os.geteuid() != 0:
        return Nobody(data=data, binaries=binaries)
    if can_unshare():
        return Nobody(data=data, binaries=binaries, prefix=UNSHARE)
    return _as_account(home, binaries)


def can_unshare() -> bool:
    """Say whether this machine allows user name spaces and has a new enough `unshare`."""
    if shutil.which(UNSHARE[0]) is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


def _as_account(home: Path, binaries: Path, system_home: Path = SYSTEM_HOME) -> Nobody:
    """Move data and programs to where nobody can reach them: the home of root usually has mode 0700."""
    place = system_home / sha256(str(home.absolute()).encode()).hexdigest()[:16]
    programs = place / "programs"
    if not (programs / "bin" / "postgres").exists():
        shutil.copytree(binaries.parent, programs, dirs_exist_ok=True)
    user = pwd.getpwnam("nobody").pw_uid
    for folder in (system_home, place):
        folder.chmod(0o755)
    os.chown(place, user, user)
    return Nobody(data=place / "postgres", binaries=programs / "bin", user=user)
