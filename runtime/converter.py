"""How values travel through Temporal: pydantic's JSON, encrypted with AES-GCM under a named key."""

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadCodec,
)

from runtime.secrets import KeyRing

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
CONTEXT = b"holdfast/payload/1"


_JSON = PydanticJSONPlainPayloadConverter()


class SharedTypesConverter(CompositePayloadConverter):
    """Pydantic's JSON with one cache of type adapters a process.

    The SDK makes a converter for every workflow run, and with pydantic's own each run would build the adapters of its messages
    anew: milliseconds and a tenth of a megabyte, held for as long as the run is cached.
    """

    def __init__(self) -> None:
        converters = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(_JSON if isinstance(each, JSONPlainPayloadConverter) else each for each in converters))


class EncryptionCodec(PayloadCodec):
    """Encrypts payloads; lets unencrypted ones in, so that operators can signal by hand."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload under the primary key."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt each payload under the key that it names; raise SealError when that key is not here."""
        return self.open(payloads)

    def open(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt as `decode` does, for callers that run no event loop."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        return Payload(
            metadata={"encoding": ENCODING, KEY_ID: self._keys.primary.encode()},
            data=self._keys.encrypt(payload.SerializeToString(), CONTEXT),
        )

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata[KEY_ID].decode()
        return Payload.FromString(self._keys.decrypt(key_id, payload.data, CONTEXT))


def data_converter(keys: KeyRing | None) -> DataConverter:
    """Build the converter that every client, worker, replayer and test uses; without keys it does not encrypt."""
    codec = None if keys is None else EncryptionCodec(keys)
    return DataConverter(payload_converter_class=SharedTypesConverter, payload_codec=codec)
