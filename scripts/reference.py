"""Write docs/reference/settings.md and .env.example from the settings themselves; `--check` only compares."""

import sys
from pathlib import Path

from runtime.settings import documented

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "settings.md"
EXAMPLE = ROOT / ".env.example"
HEAD = """# Settings

Every setting is an environment variable. Any of them can come from a file instead: `NAME_FILE` names the file, or a
file called `NAME` (or `name`) lies in the folder `HOLDFAST_SECRETS`. A file `.env` in the current folder is read too;
the environment wins over it. A wrong value stops the start with one sentence that names the setting (codes
`bad_setting` and `missing_setting`).

`DATABASE_URL` and `TEMPORAL_ADDRESS` mean: use that one or stop; nothing falls back to an embedded part. A default port
that is in use is replaced by the next free one, which is printed; a port that was set is used or refused
(`port_in_use`).

`HOLDFAST_ENV=production` needs `DATABASE_URL`, `TEMPORAL_ADDRESS` and `HOLDFAST_MASTER_KEY`.

| setting | default | meaning |
|---|---|---|
"""


def page() -> str:
    """Build the page."""
    rows = [f"| `{name}` | {default} | {meaning} |" for name, (default, meaning) in documented().items()]
    return HEAD + "\n".join(rows) + "\n"


def example() -> str:
    """Build the example of a `.env` file: every setting, commented out, at its default."""
    rows = [
        f"# {name}={'' if default in {'unset', 'none'} else default}" for name, (default, _) in documented().items()
    ]
    return "\n".join(["# Copy to .env and change what you need. See docs/reference/settings.md.", *rows]) + "\n"


def is_current() -> bool:
    """Say whether both files are what the settings would give."""
    files = ((PAGE, page()), (EXAMPLE, example()))
    return all(file.is_file() and file.read_text(encoding="utf-8") == text for file, text in files)


def main() -> int:
    """Write the files, or say whether they are current."""
    if "--check" in sys.argv[1:]:
        return 0 if is_current() else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
