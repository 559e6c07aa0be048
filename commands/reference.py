"""The reference page of the command line, written from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from commands import exits

HEADER = """# Command line

Written by `holdfast reference > docs/reference/cli.md`; a test compares.

Commands go through the API, at HOLDFAST_API_URL with HOLDFAST_API_KEY or where the last `holdfast up` said (`cli.json` in
HOLDFAST_HOME). `up`, `down`, `migrate`, `doctor`, `halt`, `release`, `panic`, `replay`, `record`, `user` and `audit` work with
the API down; `panic` needs the venue alone. An error is one sentence with a stable code; with `--json` it is
`{"error": {"code", "message"}}`.
"""


def page(app: typer.Typer) -> str:
    """Return the page as Markdown."""
    commands = "\n".join(_section(name, command) for name, command in _commands(get_command(app), "holdfast"))
    return f"{HEADER}\n## Exit codes\n\n{_exit_codes()}\n{commands}"


def _exit_codes() -> str:
    lines = (exits.__doc__ or "").splitlines()[2:]
    rows = (line.split(maxsplit=1) for line in lines if line.strip())
    return "| code | meaning |\n|---|---|\n" + "".join(f"| {code} | {meaning} |\n" for code, meaning in rows)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Walk the tree; the classes of the library that typer carries inside have no public names."""
    for short, child in sorted(getattr(command, "commands", {}).items()):
        if child.hidden:
            continue
        if hasattr(child, "commands"):
            yield from _commands(child, f"{name} {short}")
        else:
            yield f"{name} {short}", child


def _section(name: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and "--help" not in param.opts]
    usage = " ".join([name, *(_placeholder(argument) for argument in arguments)])
    rows = [f"| `{_placeholder(argument)}` | {_text(argument)} |\n" for argument in arguments]
    rows += [f"| `{', '.join(option.opts)}` | {_text(option)} |\n" for option in options]
    table = "| | |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"## `{usage}`\n\n{' '.join((command.help or '').split())}\n\n{table}"


def _placeholder(argument: Any) -> str:
    shown = str(argument.name).upper()
    return shown if argument.required else f"[{shown}]"


def _text(param: Any) -> str:
    text = " ".join((param.help or "").split())
    if param.default in {None, "", False} or param.required:
        return text
    return f"{text} Default: {getattr(param.default, 'value', param.default)}."
