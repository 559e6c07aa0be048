"""Write docs/reference/errors.md from the sources: every code, what it says and what to do; `--check` only compares."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from api.errors import CODES, STATUS, Category

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "errors.md"
PACKAGES = (
    "activities", "advisors", "api", "commands", "domain", "runtime", "storage", "venues", "wiring", "workflows",
)  # fmt: skip
MODULES = ("worker.py", "cli.py")
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
ERRORS = {
    "Refused": Category.INPUT,
    "Retryable": Category.UNAVAILABLE,
    "Misconfigured": Category.UNAVAILABLE,
    "OutcomeUnknown": Category.VENUE,
    "HoldfastError": Category.INTERNAL,
    "SetupError": Category.UNAVAILABLE,
}
REPORTS = {
    "RiskDecision",
    "_Rule",
    "RuleBreach",
    "Approval",
    "LinkReport",
    "OrderAck",
    "replace",
    "Ownership",
    "Answer",
}
COMMAND = "CommandFailed"
NO_ERROR = {"allowed", "ok"}
HEAD = """# Error codes

Written by `python scripts/error_codes.py` from the sources; a test compares. Codes are stable.

The API answers every error with one envelope:

    {"error": {"code": "...", "message": "...", "action": "...", "details": {}, "trace_id": "..."}}

`message` says what is wrong, `action` what to do, `details` names fields and figures, `trace_id` finds the request in logs, journal
and audit. `…` below stands for what is filled in. Categories and their HTTP status, where the table names no other:

| category | status |
|---|---|
"""
STEPS = """
## Answers of the API and of the command line

| code | category | status | message | what to do |
|---|---|---|---|---|
"""
COMMANDS = """
## Answers of the command line alone

| code | message | what to do |
|---|---|---|
"""
OUTCOMES = """
## Codes of intents, orders, risk decisions and links

These stand in `code` of an intent, an order, a risk decision or a link check: the request itself was accepted. Adding an account
by its key, or a new key to one, answers the code of a failed link check as its error (422). A status of the venue that no table
lists keeps the venue's own word in snake_case; an unclear HTTP answer is `http_` and its status.

| code | source | message |
|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place that makes a code."""

    code: str
    maker: str
    package: str
    message: str = ""
    action: str = ""


def page() -> str:
    """Build the page."""
    found = list(_everywhere())
    errors, outcomes = _sorted([one for one in found if one.maker != COMMAND])
    commands = _of_commands([one for one in found if one.maker == COMMAND])
    statuses = "".join(f"| {category} | {status.value} |\n" for category, status in STATUS.items())
    return HEAD + statuses + STEPS + "".join(errors) + COMMANDS + "".join(commands) + OUTCOMES + "".join(outcomes)


def _sorted(found: list[Found]) -> tuple[list[str], list[str]]:
    raised: dict[str, Found] = {}
    reported: dict[str, Found] = {}
    for one in found:
        into = raised if one.maker in ERRORS or one.code in CODES else reported
        known = into.get(one.code)
        if known is None or (not known.message and one.message):
            into[one.code] = one
    for code in CODES.keys() - raised.keys():
        raised[code] = Found(code=code, maker="", package="api")
    errors = [_error_row(raised[code]) for code in sorted(raised)]
    return errors, [_outcome_row(reported[code]) for code in sorted(reported.keys() - raised.keys())]


def _of_commands(found: list[Found]) -> list[str]:
    made = {one.code: one for one in reversed(found)}
    rows = (made[code] for code in sorted(made))
    return [f"| `{one.code}` | {_cell(one.message)} | {_cell(one.action)} |\n" for one in rows]


def _error_row(one: Found) -> str:
    fallback = ERRORS.get(one.maker, Category.INTERNAL)
    category, status = CODES.get(one.code, (fallback, STATUS[fallback]))
    return f"| `{one.code}` | {category} | {status.value} | {_cell(one.message)} | {_cell(one.action)} |\n"


def _outcome_row(one: Found) -> str:
    return f"| `{one.code}` | {one.package} | {_cell(one.message)} |\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _everywhere() -> Iterator[Found]:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    for file in (*files, *(ROOT / name for name in MODULES)):
        package = file.relative_to(ROOT).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield from _of(node, package)


def _of(node: ast.AST, package: str) -> Iterator[Found]:
    match node:
        case ast.Call():
            yield from _of_call(node, package)
        case ast.Tuple(elts=[ast.Constant(value=str(text)), ast.Constant(value=str(code))]) if (
            package == "venues" and CODE.fullmatch(code) and " " in text
        ):
            yield Found(code=code, maker="table", package=package, message=f"The venue says: {text}")
        case ast.Tuple(
            elts=[ast.Constant(value=str(code)), ast.Constant(value=str(text)), ast.Constant(value=str(act))]
        ):
            if CODE.fullmatch(code) and text.endswith("."):
                yield Found(code=code, maker="Retryable", package=package, message=text, action=act)


def _of_call(node: ast.Call, package: str) -> Iterator[Found]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    texts = [_text(argument) for argument in node.args]
    if (name in ERRORS or name == COMMAND) and texts:
        action = _text(keywords["action"]) if "action" in keywords else "".join(texts[2:3])
        yield from _named(texts[0], name, package, "".join(texts[1:2]), action)
    elif name == "ApplicationError" and "type" in keywords:
        yield from _named(_text(keywords["type"]), name, package, "".join(texts[:1]), "")
    elif name == "envelope" and len(texts) > 2:
        yield from _named(texts[1], "HoldfastError", package, texts[2], _text(keywords.get("action", ast.Constant(""))))
    elif name in {"_end", "end", "_conclude"} and len(texts) > 1:
        yield from _named(texts[1], name, package, "".join(texts[2:3]), "")
    elif name in REPORTS:
        code = keywords.get("code") or keywords.get("rule") or ast.Constant("")
        said = next(
            (keywords[word] for word in ("reason", "message", "words", "text", "sentence") if word in keywords), None
        )
        yield from _named(_text(code), name, package, _text(said) if said is not None else "", "")


def _named(code: str, maker: str, package: str, message: str, action: str) -> Iterator[Found]:
    if CODE.fullmatch(code) and code not in NO_ERROR:
        yield Found(code=code, maker=maker, package=package, message=message, action=action)


def _text(node: ast.expr) -> str:
    """Read a literal; what is filled in becomes an ellipsis, and what is no literal nothing."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in values)
        case _:
            return ""


def is_current() -> bool:
    """Say whether the page is what the sources give."""
    return PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()


def main() -> int:
    """Write the page, or say whether it is current."""
    if "--check" in sys.argv[1:]:
        return 0 if is_current() else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
