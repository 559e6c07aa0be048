"""The page shows what runs: its scripts are taken out of it and run, each against the exchange that it names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paper.faults import Fault, Faults
from paper.hyperliquid.__main__ import parser
from paper.hyperliquid.control import Control, control_routes
from paper.hyperliquid.opening import Options, open_node
from paper.hyperliquid.server import Server
from paper.hyperliquid.ws import Hub
from scripts import paper_switches
from tests.contracts.rigs.server import PaperServer

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "paper-exchange.md"
SUITE = ROOT / "docs" / "explanation" / "fault-suite.md"
BLOCK = re.compile(r"```(python|bash)\n(.*?)```", re.DOTALL)
SAID = {
    "sdk.py": ["opened {'filled'", "stop waitingForTrigger", "cancelled success", "position BTC 0.01", "Close Long"],
    "ccxt_bot.py": ["bought", "cancelled canceled", "positions []"],
    "control.sh": ['"status":"ok"', '"frozen":true', '"fault":"ws_silent"', '"faults":0', '"dir":"Open Long"'],
    "lost_answer.py": ["no answer: ConnectionError", "it was filled", "held 0.01 orders admitted 1"],
    "binance_bot.py": ["bought first-of-alice closed", "position long 0.01", "'sell'"],
    "aster_bot.py": ["position 0.010", "stop NEW", "sold"],
}


def scripts() -> dict[str, str]:
    """The blocks of the page by the name in their first line."""
    blocks = [block for _, block in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    return {block.removeprefix("# ").split(":", maxsplit=1)[0]: block for block in blocks}


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("how-to")
    with (
        PaperServer(folder, "hyperliquid", limits="on") as hyperliquid,
        PaperServer(folder, "binance", limits="on") as binance,
        PaperServer(folder, "aster", limits="on") as aster,
    ):
        yield {"3001": hyperliquid.url, "3002": binance.url, "3003": aster.url}


def run(code: str, urls: dict[str, str], folder: Path, *, language: str = "python") -> str:
    for port, url in urls.items():
        code = code.replace(f"http://127.0.0.1:{port}", url)
    file = folder / "script"
    file.write_text(code, encoding="utf-8")
    program = [sys.executable] if language == "python" else ["bash", "-e"]
    done = subprocess.run([*program, str(file)], capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_script_of_the_page_is_known_here() -> None:
    assert scripts().keys() == SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_a_script_of_the_page_runs_and_says_what_it_should(name: str, urls: dict[str, str], tmp_path: Path) -> None:
    said = run(scripts()[name], urls, tmp_path, language="bash" if name.endswith(".sh") else "python")
    assert [words for words in SAID[name] if words not in said] == [], said


def test_the_command_that_scores_a_bot_is_the_one_of_the_page(urls: dict[str, str], tmp_path: Path) -> None:
    said = run(scripts()["lost_answer.py"], urls, tmp_path)
    user = re.search(r"--user (0x\w+)", said)
    assert user is not None
    blocks = BLOCK.findall(SUITE.read_text(encoding="utf-8"))
    command = next(text for language, text in blocks if language == "bash").split()
    command = [
        user[1] if word.startswith("0x") else word.replace("http://127.0.0.1:3001", urls["3001"]) for word in command
    ]
    done = subprocess.run(
        [sys.executable, "-m", "cli", *command[1:], "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    score = json.loads(done.stdout)
    # The script leaves a position behind without a stop.
    assert (score["duplicates"], score["lost"], done.returncode) == (0, 1, 1)
    assert score["unprotected_max_s"] > 0


def test_the_page_names_every_fault_option_endpoint_and_switch() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing: list[str] = [fault for fault in Fault if f"`{fault}`" not in text]
    missing += [option for action in parser()._actions for option in action.option_strings if f"`{option}`" not in text]
    node = open_node(Options(coins=("BTC",), feed=None, speed=1, seed=1, state=None, limits=False))
    for route in control_routes(Control(node, Faults(), Hub(node, Faults(), Server(node).act))):
        missing += [
            f"{way} {route.path}" for way in (route.methods or set()) - {"HEAD"} if f"`{way} {route.path}`" not in text
        ]
    assert [name for name in missing if name not in {"-h", "--help"}] == []
    assert paper_switches.page() == text, "write it anew with python scripts/paper_switches.py"
