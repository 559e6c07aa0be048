"""The codec endpoint, also as Temporal's own command line calls it."""

from __future__ import annotations

import asyncio
import base64
import subprocess

import httpx
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from runtime.converter import EncryptionCodec
from runtime.loading import load_settings
from runtime.secrets import KeyRing
from runtime.temporal_server import find_temporal
from tests.integration.api.conftest import Api, Served, Temporal, account_ref
from workflows import ids

ENCRYPTED = base64.b64encode(b"binary/encrypted").decode()
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"coin": "BTC"}')


def sealed(keys: KeyRing) -> str:
    encrypted = asyncio.run(EncryptionCodec(keys).encode([PLAIN]))
    return json_format.MessageToJson(Payloads(payloads=encrypted))


def decode(served: Served, token: str, body: str) -> httpx.Response:
    return httpx.post(f"{served.base_url}/codec/{token}/decode", content=body, timeout=10)


def test_the_bearer_of_the_codec_token_sees_payloads(served: Served, keys: KeyRing) -> None:
    answer = decode(served, keys.codec_tokens()[0], sealed(keys))
    assert answer.status_code == 200
    assert list(json_format.Parse(answer.text, Payloads()).payloads) == [PLAIN]


def test_another_token_sees_nothing(served: Served, keys: KeyRing) -> None:
    answer = decode(served, KeyRing.generate().codec_tokens()[0], sealed(keys))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")


def test_a_payload_of_a_key_that_is_not_here_is_said_to_be_so(served: Served, keys: KeyRing) -> None:
    strange = KeyRing(primary="old", keys={"old": b"x" * 32})
    answer = decode(served, keys.codec_tokens()[0], sealed(strange))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "payload_sealed")


def test_what_is_no_payload_is_refused(served: Served, keys: KeyRing) -> None:
    answer = decode(served, keys.codec_tokens()[0], "[1]")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_an_api_key_decodes_only_for_an_administrator(served: Served, ann: Api, bob: Api, keys: KeyRing) -> None:
    answers = [
        api.http.post("/admin/codec/decode", content=sealed(keys), headers={"Idempotency-Key": "x"})
        for api in (ann, bob)
    ]
    assert [answer.status_code for answer in answers] == [200, 403]


def test_temporals_own_command_line_shows_an_agents_input(
    served: Served, ann: Api, keys: KeyRing, temporal: Temporal
) -> None:
    made = ann.post("/api/agents", {"adviser": "trend", "coins": ["kPEPE"]})
    assert made.status_code == 201, made.text
    started = ann.post("/api/agent/start")
    assert started.is_success, started.text
    agent, user = made.json()["id"], account_ref(ann).user_id
    binary = find_temporal(load_settings({}, env_file=None).holdfast_cache)
    command = [str(binary), "workflow", "show", "--workflow-id", ids.agent(user, agent), "--output", "json"]
    where = ["--address", temporal.address, "--namespace", temporal.namespace]
    codec = ["--codec-endpoint", f"{served.base_url}/codec/{keys.codec_tokens()[0]}"]
    hidden = subprocess.run([*command, *where], capture_output=True, text=True, timeout=30, check=True).stdout
    shown = subprocess.run([*command, *where, *codec], capture_output=True, text=True, timeout=30, check=True).stdout
    assert ENCRYPTED in hidden
    assert ENCRYPTED not in shown
    assert base64.b64encode(b"json/plain").decode() in shown, shown[:4000]
