"""The codec endpoint of Temporal's Web UI: it shows encrypted payloads to those who may read them.

The Web UI calls it from the browser, across origins and without our API key. So it has an authorisation of its own: a token in the
path, derived from the master key (`holdfast up` hands it to the UI it starts), or an administrator's key as everywhere else.
Protocol: the SDK's remote codec, JSON of `temporal.api.common.v1.Payloads`. It is no route of our own API: it stands in no OpenAPI
document and takes no idempotency key, since it changes nothing.
"""

from __future__ import annotations

import hmac

import structlog
from fastapi import APIRouter
from fastapi.responses import Response
from google.protobuf import json_format
from starlette.requests import Request
from temporalio.api.common.v1 import Payloads

from api.auth import Me
from api.deps import RawBody
from domain.errors import Refused
from runtime.converter import EncryptionCodec
from runtime.secrets import KeyRing, SealError

router = APIRouter(tags=["codec"])

_LARGEST = 4 * 1024 * 1024
"""Bytes of a request; Temporal refuses payloads of over 2 MB."""


@router.post("/codec/{token}/decode", include_in_schema=False)
def decode_for_the_ui(token: str, request: Request, body: RawBody) -> Response:
    """Decrypt payloads for the bearer of the codec token."""
    if not any(hmac.compare_digest(token, known) for known in _keys(request).codec_tokens()):
        raise Refused(
            "unauthenticated",
            "This codec address is not valid.",
            action="Take the address from `holdfast up`, or from `holdfast doctor`.",
        )
    return _decoded(_keys(request), body)


@router.post("/admin/codec/decode", include_in_schema=False)
def decode_for_an_administrator(request: Request, _: Me, body: RawBody) -> Response:
    """Decrypt payloads for an administrator's API key."""
    return _decoded(_keys(request), body)


def _decoded(keys: KeyRing, body: bytes) -> Response:
    if len(body) > _LARGEST:
        raise Refused(
            "body_too_large", "The payloads are larger than Temporal allows.", action="Ask for fewer at a time."
        )
    try:
        asked = json_format.Parse(body, Payloads())
        shown = EncryptionCodec(keys).open(asked.payloads)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise Refused(
            "bad_request", "This is no JSON of Temporal payloads.", action="See the remote codec protocol."
        ) from error
    except (SealError, KeyError) as error:
        raise Refused(
            "payload_sealed",
            "A payload was encrypted under a key that is not here.",
            action="Add the older key to HOLDFAST_MASTER_KEY.",
        ) from error
    structlog.get_logger("codec").info("payloads shown", count=len(shown))
    return Response(json_format.MessageToJson(Payloads(payloads=shown)), media_type="application/json")


def _keys(request: Request) -> KeyRing:
    keys: KeyRing = request.app.state.keys
    return keys
