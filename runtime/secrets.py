"""Secrets at rest: each value has a data key of its own, wrapped by the master key and bound to its user and row.

A sealed value is JSON: master key id `k`, wrapped data key `w`, ciphertext `c`. Rotation wraps the data key anew and
leaves the ciphertext alone.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.errors import SetupError
from runtime.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = "holdfast/seal/1"
CODEC_TOKEN = b"holdfast/codec/1"
ONE_KEY = "Give 32 bytes as base64, `id:base64` for a named key, older keys after commas."


class SealError(Exception):
    """A sealed value cannot be opened: it is damaged, of another row, or of a key that is not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """Master keys by id; the primary one seals, all of them open."""

    primary: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.primary not in self.keys or any(len(key) != KEY_BYTES for key in self.keys.values()):
            raise SetupError("bad_setting", "HOLDFAST_MASTER_KEY has a key of a wrong length.", ONE_KEY)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take the keys from HOLDFAST_MASTER_KEY, or from a file in the home folder, made at first use."""
        if settings.holdfast_master_key is not None:
            return cls.parse(settings.holdfast_master_key.get_secret_value())
        return cls.parse(_key_file(settings.holdfast_home / "master.key"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `id:base64,id:base64`; the first key is the primary one."""
        pairs = [_pair(part.strip()) for part in text.split(",") if part.strip()]
        if not pairs or len({name for name, _ in pairs}) < len(pairs):
            raise SetupError("bad_setting", "HOLDFAST_MASTER_KEY has no key, or two of one id.", ONE_KEY)
        return cls(primary=pairs[0][0], keys=dict(pairs))

    @classmethod
    def generate(cls) -> Self:
        """Make a ring with one random key."""
        return cls(primary="test", keys={"test": secrets.token_bytes(KEY_BYTES)})

    def codec_tokens(self) -> tuple[str, ...]:
        """Return the tokens that open the codec endpoint, the primary key's first: derived, so that nothing more is kept."""
        names = [self.primary, *(name for name in self.keys if name != self.primary)]
        return tuple(hmac.new(self.keys[name], CODEC_TOKEN, hashlib.sha256).hexdigest() for name in names)

    def encrypt(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt under the primary key, bound to a context."""
        return _encrypt(self.keys[self.primary], plaintext, context)

    def decrypt(self, key_id: str, ciphertext: bytes, context: bytes) -> bytes:
        """Decrypt under the key of that id; raise SealError."""
        if key_id not in self.keys:
            raise SealError(f"The key {key_id} is not in HOLDFAST_MASTER_KEY.")
        return _decrypt(self.keys[key_id], ciphertext, context)


class Vault:
    """Seals and opens values that belong to a user and a row."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, user_id: str, row: str, plaintext: bytes) -> bytes:
        """Encrypt a value so that it opens only for the same user and row."""
        data_key = secrets.token_bytes(KEY_BYTES)
        return _pack(
            self._keys.primary,
            self._keys.encrypt(data_key, _context("key", user_id)),
            _encrypt(data_key, plaintext, _context("row", user_id, row)),
        )

    def open(self, user_id: str, row: str, sealed: bytes) -> bytes:
        """Decrypt a value; raise SealError for another user or row, damage, or a missing key."""
        key_id, wrapped, ciphertext = _unpack(sealed)
        data_key = self._keys.decrypt(key_id, wrapped, _context("key", user_id))
        return _decrypt(data_key, ciphertext, _context("row", user_id, row))

    def key_id(self, sealed: bytes) -> str:
        """Name the master key that wraps a value."""
        return _unpack(sealed)[0]

    def rewrap(self, user_id: str, sealed: bytes) -> bytes:
        """Wrap a value's data key under the primary master key; the value itself is not touched."""
        key_id, wrapped, ciphertext = _unpack(sealed)
        context = _context("key", user_id)
        return _pack(
            self._keys.primary, self._keys.encrypt(self._keys.decrypt(key_id, wrapped, context), context), ciphertext
        )


def _pair(part: str) -> tuple[str, bytes]:
    name, _, encoded = part.rpartition(":")
    try:
        return name or "main", base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise SetupError("bad_setting", "HOLDFAST_MASTER_KEY is not base64.", ONE_KEY) from error


def _key_file(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and linked: of two processes that start at once one wins, and nobody reads half a key.
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as output:
            output.write(f"local:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}")
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="ascii")


def _context(*parts: str) -> bytes:
    # JSON keeps ("a", "bc") apart from ("ab", "c").
    return json.dumps([FORMAT, *parts]).encode()


def _encrypt(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def _decrypt(key: bytes, ciphertext: bytes, context: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealError("The value is damaged or belongs to another user, row or key.") from error


def _pack(key_id: str, wrapped: bytes, ciphertext: bytes) -> bytes:
    body = {"k": key_id, "w": base64.b64encode(wrapped).decode(), "c": base64.b64encode(ciphertext).decode()}
    return json.dumps(body, separators=(",", ":")).encode()


def _unpack(sealed: bytes) -> tuple[str, bytes, bytes]:
    try:
        body = json.loads(sealed)
        return str(body["k"]), base64.b64decode(body["w"], validate=True), base64.b64decode(body["c"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise SealError("The value is not a sealed one.") from error
