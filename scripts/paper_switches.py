"""Write the table of the paper exchange's switches into its page, from the settings themselves; `--check` only compares."""

import ast
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from paper.engine.settings import Settings

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how-to" / "paper-exchange.md"
SOURCE = ROOT / "paper" / "engine" / "settings.py"
BEGIN, END = "<!-- written by scripts/paper_switches.py -->\n", "<!-- end -->\n"


def table() -> str:
    """Build the table: name, default, meaning."""
    meanings = _meanings()
    rows = [f"| `{name}` | {_shown(value)} | {meanings[name]} |\n" for name, value in Settings().as_json().items()]
    return "| switch | default | meaning |\n|---|---|---|\n" + "".join(rows)


def _meanings() -> dict[str, str]:
    """Read the sentence below each field."""
    classes = (node for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef))
    body = next(node.body for node in classes if node.name == Settings.__name__)
    found: dict[str, str] = {}
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split()).replace("|", "or")
    return found


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{Decimal(str(value)):f}`" if str(value).replace(".", "").isdigit() else f"`{value}`"


def page() -> str:
    """Return the page with the table as it must be."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN, maxsplit=1)
    return head + BEGIN + table() + END + rest.split(END, maxsplit=1)[1]


def main() -> int:
    """Write the page, or say whether it is current."""
    if "--check" in sys.argv[1:]:
        return 0 if page() == PAGE.read_text(encoding="utf-8") else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
