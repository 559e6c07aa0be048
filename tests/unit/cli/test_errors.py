"""Each bad day is one sentence with a stable code and its exit code."""

import json
import socket
from pathlib import Path

import pytest

from commands.exits import Exit
from tests.stack.command_line import Holdfast

CASES = [
    (("doctor",), {"API_PORT": "nonsense"}, "bad_setting", Exit.SETUP),
    (("up",), {"HYPERLIQUID_NETWORK": "moon"}, "bad_setting", Exit.SETUP),
    (("up", "--feed", "nowhere_{coin}.csv"), {}, "no_feed", Exit.SETUP),
    (("migrate", "--check"), {}, "no_postgres", Exit.UNAVAILABLE),
    (("halt",), {}, "halt_failed", Exit.UNAVAILABLE),
    (("halt", "--scope", "user"), {}, "bad_scope", Exit.REFUSED),
    (("agent", "list"), {}, "no_api", Exit.UNAVAILABLE),
    (("replay", "platform"), {}, "no_temporal", Exit.UNAVAILABLE),
    (("audit", "verify"), {}, "no_postgres", Exit.UNAVAILABLE),
    (("account", "add", "0x12"), {}, "bad_address", Exit.SETUP),
    (("up", "--venue", "kraken"), {}, "bad_venue", Exit.USAGE),
    (("account", "add", "0x" + "1" * 40, "--venue", "binance"), {}, "address_not_taken", Exit.USAGE),
    (("halt", "--scope", "venue", "--key", "moon"), {}, "bad_scope", Exit.REFUSED),
    (("up",), {"HOLDFAST_MASTER_KEY": "xx"}, "bad_setting", Exit.SETUP),
    (("panic", "0x12"), {}, "bad_address", Exit.SETUP),
    (("panic", "--venue", "moon"), {}, "bad_venue", Exit.USAGE),
    (("panic", "0x" + "1" * 40, "--key-file", "/nowhere/key"), {}, "bad_key", Exit.SETUP),
    (("panic", "0x" + "1" * 40), {"HOLDFAST_PANIC_KEY": "short"}, "bad_key", Exit.SETUP),
    (("panic",), {}, "bad_address", Exit.USAGE),
    (("panic", "0x" + "1" * 40, "--venue", "binance"), {}, "address_not_taken", Exit.USAGE),
    (("up",), {"HOLDFAST_HOME": "/proc/holdfast"}, "file_unusable", Exit.SETUP),
    (("doctor",), {"SENTRY_DSN": "nonsense"}, "bad_setting", Exit.SETUP),
    (("doctor",), {"HOLDFAST_SECRETS": "/nowhere"}, "bad_setting", Exit.SETUP),
]


@pytest.mark.parametrize(("arguments", "settings", "code", "exit_code"), CASES, ids=[case[2] for case in CASES])
def test_a_bad_day_is_one_sentence_with_its_code(
    holdfast: Holdfast, arguments: tuple[str, ...], settings: dict[str, str], code: str, exit_code: Exit
) -> None:
    """No traceback, one line, the code in brackets."""
    answer = holdfast(*arguments, **settings)

    assert answer.returncode == exit_code, answer.stderr
    assert f"[{code}]" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stderr.strip().count("\n") == 0


def test_with_json_an_error_is_a_document(holdfast: Holdfast) -> None:
    """What a program reads from standard output carries the same code."""
    answer = holdfast("agent", "list", "--json")

    assert json.loads(answer.stdout)["error"]["code"] == "no_api"


def test_a_port_that_was_set_and_is_in_use_stops_the_start(holdfast: Holdfast, tmp_path: Path) -> None:
    """Nothing was started for it: no data folder of Postgres is left."""
    temporal = tmp_path / "bin" / "temporal"
    temporal.parent.mkdir()
    temporal.write_text("#!/bin/sh\necho 'temporal version 1.5.1 (Server 1.29.1, UI 2.0.0)'\n")
    temporal.chmod(0o755)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        answer = holdfast("up", API_PORT=port, PATH=f"{temporal.parent}:/usr/bin:/bin")

    assert answer.returncode == Exit.SETUP, answer.stderr
    assert f"Port {port} is in use." in answer.stderr
    assert "[port_in_use]" in answer.stderr
    assert not (tmp_path / "home" / "postgres").exists()


def test_down_without_anything_running_says_so(holdfast: Holdfast) -> None:
    """It is no error: the wish is fulfilled."""
    answer = holdfast("down")

    assert answer.returncode == Exit.DONE
    assert "Nothing runs" in answer.stdout


def test_doctor_names_every_part_that_is_down(holdfast: Holdfast) -> None:
    """One part that does not answer hides no other."""
    answer = holdfast("doctor", "--json")

    document = json.loads(answer.stdout)
    codes = {finding["code"] for finding in document["findings"]}
    assert {"no_postgres", "no_temporal", "no_worker_here", "no_api"} <= codes
    assert answer.returncode == Exit.NO
    assert all(finding["action"] for finding in document["findings"] if finding["code"])


def test_the_kill_switch_file_needs_no_postgres(holdfast: Holdfast, tmp_path: Path) -> None:
    """With everything down the file alone closes the gate."""
    answer = holdfast("halt", "--file", "--reason", "fire drill", "--json")

    assert json.loads(answer.stdout)["closed"] is True
    assert (tmp_path / "home" / "HALT").read_text() == "fire drill\n"
