"""What travels through Temporal is pydantic's JSON, encrypted."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from runtime.converter import data_converter
from runtime.secrets import KeyRing, SealError

OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    size: Decimal
    at: datetime


MESSAGE = Message(size=Decimal("0.10"), at=datetime(2026, 1, 2, tzinfo=UTC))


async def test_a_message_comes_back_exactly_and_its_payload_shows_nothing() -> None:
    converter = data_converter(KeyRing.generate())
    payloads = await converter.encode([MESSAGE])
    assert b"0.10" not in payloads[0].SerializeToString()
    assert await converter.decode(payloads, [Message]) == [MESSAGE]


async def test_an_unencrypted_payload_is_let_in_so_that_operators_can_signal_by_hand() -> None:
    payloads = await pydantic_data_converter.encode([MESSAGE])
    assert await data_converter(KeyRing.generate()).decode(payloads, [Message]) == [MESSAGE]


async def test_without_keys_payloads_stay_readable() -> None:
    payloads = await data_converter(None).encode([MESSAGE])
    assert b'"0.10"' in payloads[0].data


async def test_payloads_of_a_rotated_key_stay_readable() -> None:
    payloads = await data_converter(KeyRing.parse(f"old:{OLD}")).encode([MESSAGE])
    both = data_converter(KeyRing.parse(f"new:{NEW},old:{OLD}"))
    assert await both.decode(payloads, [Message]) == [MESSAGE]
    with pytest.raises(SealError, match="old"):
        await data_converter(KeyRing.parse(f"new:{NEW}")).decode(payloads, [Message])


async def test_a_damaged_payload_is_refused() -> None:
    converter = data_converter(KeyRing.generate())
    payload = (await converter.encode([MESSAGE]))[0]
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])
    with pytest.raises(SealError):
        await converter.decode([payload], [Message])
