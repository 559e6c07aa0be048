"""Reading our own sources for the tests of architecture."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = (
    "activities", "advisors", "api", "commands", "domain", "paper", "runtime", "storage", "venues", "wiring",
    "workflows",
)  # fmt: skip
MODULES = ("cli.py", "worker.py")


def files(*packages: str) -> Iterator[Path]:
    """List the Python files of packages (all of ours by default), migrations left out."""
    for package in packages or PACKAGES:
        yield from (file for file in sorted((ROOT / package).rglob("*.py")) if "versions" not in file.parts)
    if not packages:
        yield from (ROOT / module for module in MODULES if (ROOT / module).exists())


def tree(file: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imported(file: Path) -> frozenset[str]:
    """Name every module that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(tree(file)):
        match node:
            case ast.Import(names=aliases):
                names.update(alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), names=aliases):
                names.add(module)
                names.update(f"{module}.{alias.name}" for alias in aliases)
    return frozenset(names)


def imports_any(file: Path, *wanted: str) -> list[str]:
    """List what a file imports of these packages."""
    return sorted(name for name in imported(file) if any(name == one or name.startswith(f"{one}.") for one in wanted))


def shown(file: Path) -> str:
    """Name a file as a reader would."""
    return str(file.relative_to(ROOT))
