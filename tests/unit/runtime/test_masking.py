"""No secret reaches a log line or an error report, by name, by shape or by value."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sentry_sdk.types import Event

from runtime.loading import load_settings
from runtime.masking import MASK, Masker
from runtime.telemetry import bind_trace, clear_trace, configure_logging, scrubbed

PRIVATE_KEY = "0x" + "4f" * 32
ADDRESS = "0x" + "a1" * 20
CLIENT_ID = "0x" + "0b" * 16
DEPLOYMENT_SECRET = "correct-horse-battery"  # a value of this test alone


@pytest.fixture
def quiet_root() -> Iterator[None]:
    """Give the root logger and structlog back as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    clear_trace()


@pytest.mark.parametrize(
    "text",
    [
        PRIVATE_KEY,
        "ab" * 65,
        "Authorization: Bearer abcdefgh12345",
        "postgresql://holdfast:hunter2hunter2@127.0.0.1/db",
        "sk-or-v1-0123456789abcdef0123",
        "hf_live_0123456789abcdef",
        "https://host/?api_key=0123456789&x=1",
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_text_that_looks_like_a_secret_is_masked(text: str) -> None:
    masked = Masker().text(f"before {text} after")
    assert MASK in masked
    assert text not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("text", [CLIENT_ID, ADDRESS, "BTC 0.001 at 64000", "a" * 40])
def test_ids_and_addresses_stay_readable(text: str) -> None:
    assert Masker().text(text) == text


def test_addresses_are_shortened_when_the_setting_says_so() -> None:
    assert Masker(addresses=True).text(ADDRESS) == "0xa1a1..a1a1"


@pytest.mark.parametrize(
    "name", ["password", "apiKey", "X-Api-Key", "agent_private_key", "signature", "Cookie", "token"]
)
def test_a_value_named_like_a_secret_is_masked_at_any_depth(name: str) -> None:
    assert Masker().value([{"outer": {name: "visible"}}]) == [{"outer": {name: MASK}}]


@pytest.mark.parametrize("name", ["key_id", "attempt_token", "idempotency_key", "client_id"])
def test_names_that_only_sound_like_secrets_stay_readable(name: str) -> None:
    assert Masker().named(name, "visible") == "visible"


@pytest.mark.usefixtures("quiet_root")
def test_every_sink_of_a_process_is_free_of_its_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"HOLDFAST_HOME": str(tmp_path), "OPENROUTER_API_KEY": DEPLOYMENT_SECRET}
    configure_logging(load_settings(environ, env_file=None), "worker-1")
    bind_trace(intent_id="i-1")
    try:
        raise ValueError(f"refused {DEPLOYMENT_SECRET} {PRIVATE_KEY}")
    except ValueError:
        structlog.get_logger("ours").exception("order failed", payload={"signature": "r-s-v"}, client_id=CLIENT_ID)
    logging.getLogger("library").warning("sent %s", DEPLOYMENT_SECRET, extra={"headers": {"Cookie": "session-value"}})
    written = (tmp_path / "logs" / "worker-1.jsonl").read_text()
    shown = capsys.readouterr().out
    for secret in (DEPLOYMENT_SECRET, PRIVATE_KEY, "r-s-v", "session-value"):
        assert secret not in written
        assert secret not in shown
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["event"] for line in lines] == ["order failed", "sent ***"]
    assert {line["intent_id"] for line in lines} == {"i-1"}
    assert lines[0]["client_id"] == CLIENT_ID
    assert lines[0]["process"] == "worker-1"


@pytest.mark.usefixtures("quiet_root")
def test_log_files_are_rotated_and_only_so_many_are_kept(tmp_path: Path) -> None:
    settings = load_settings({"HOLDFAST_HOME": str(tmp_path), "LOG_KEEP": "2"}, env_file=None)
    configure_logging(settings, "worker-1")
    handler = next(handler for handler in logging.getLogger().handlers if hasattr(handler, "maxBytes"))
    handler.maxBytes = 1_000
    for number in range(100):
        structlog.get_logger("ours").info("line", number=number)
    names = sorted(file.name for file in (tmp_path / "logs").iterdir())
    assert names == ["worker-1.jsonl", "worker-1.jsonl.1", "worker-1.jsonl.2"]


def test_an_error_report_keeps_ids_and_loses_everything_else() -> None:
    event: Event = {
        "request": {"headers": {"Authorization": "Bearer x"}},
        "extra": {"arguments": DEPLOYMENT_SECRET},
        "user": {"ip_address": "10.0.0.1"},
        "tags": {"intent_id": "i-1", "payload": DEPLOYMENT_SECRET},
        "exception": {"values": [{"type": "ValueError", "value": f"bad {DEPLOYMENT_SECRET}"}]},
    }
    report = scrubbed(event, {}, Masker([DEPLOYMENT_SECRET]))
    assert DEPLOYMENT_SECRET not in json.dumps(report)
    assert set(report) == {"tags", "exception"}
    assert report["tags"] == {"intent_id": "i-1"}
