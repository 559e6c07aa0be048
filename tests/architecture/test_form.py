"""The form of the sources that no linter checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.architecture.sources import ROOT, files, shown, tree

LONGEST_FUNCTION = 60
LONGEST_FILE = 300
MEDIAN_FUNCTION = 8
VAGUE = re.compile(r"(^|_)(utils?|common|shared|helpers?|core|managers?)($|_|\.)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
LOCKS = ("requirements.lock", "requirements-go.lock")


def functions() -> Iterator[tuple[str, int]]:
    for file in files():
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{shown(file)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_function_is_longer_than_sixty_lines_and_half_have_at_most_eight() -> None:
    sizes = dict(functions())
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}
    assert median(sizes.values()) <= MEDIAN_FUNCTION


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    sizes = {shown(file): len(file.read_text(encoding="utf-8").splitlines()) for file in files()}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def test_packages_hold_a_docstring_and_nothing_else_in_their_init_files() -> None:
    for file in files():
        if file.name == "__init__.py":
            body = tree(file).body
            assert len(body) == 1, shown(file)
            assert ast.get_docstring(tree(file)), shown(file)


def test_every_module_and_every_public_class_says_what_it_is() -> None:
    silent = []
    for file in files():
        module = tree(file)
        silent += [] if ast.get_docstring(module) else [shown(file)]
        classes = [node for node in module.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        silent += [f"{shown(file)} {node.name}" for node in classes if not ast.get_docstring(node)]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [shown(file) for file in files() if VAGUE.search(str(file.relative_to(ROOT).with_suffix("")))] == []


def test_nothing_is_unfinished_by_its_own_words() -> None:
    found = {shown(file) for file in files() if UNFINISHED.search(file.read_text(encoding="utf-8"))}
    assert found == set()


def test_the_locks_name_no_package_index() -> None:
    for lock in LOCKS:
        assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


def test_every_setting_is_documented_and_in_the_example() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run scripts/reference.py"


def test_scripts_keep_to_what_bash_3_2_knows() -> None:
    modern = re.compile(r"(declare -A|mapfile|readarray|\$\{[a-z_]+(,,|\^\^)\}|&>>|\|&)")
    scripts: list[Path] = [*ROOT.glob("scripts/*.sh"), ROOT / ".ci" / "run"]
    assert len(scripts) >= 6
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert text.startswith("#!/usr/bin/env bash"), script.name
        assert not modern.search(text), script.name
