"""Masking of secrets in everything that is written or sent: by name, by shape and by value."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MASK = "***"
SHORTEST_SECRET = 8
SECRET_NAMES = re.compile(
    r"(?i)(secret|password|passwd|passphrase|private|mnemonic|seed_phrase|api[_-]?key|agent_key|master_key|sealed_key|"
    r"access_key|token|signature|authorization|cookie|credential|dsn|database_url)"
)
# These end like secrets and are names.
PLAIN_NAMES = frozenset(
    {"attempt_token", "token_id", "key_id", "api_key_id", "tokens", "prompt_tokens", "total_tokens"}
)
SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A 32-byte key or half a signature; a client order id has 16 bytes and stays readable.
    (re.compile(r"\b(0x)?[0-9a-fA-F]{64,}\b"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(://[^:/\s@]+):[^@\s/]+@"), rf"\1:{MASK}@"),
    (re.compile(r"\b(sk|hf|pk|xox[abp])[-_][A-Za-z0-9_-]{16,}"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"), MASK),
    (re.compile(r"(?i)((?:api[_-]?key|token|signature|password|secret)=)[^&\s\"']+"), rf"\1{MASK}"),
)
ADDRESS = re.compile(r"\b(0x[0-9a-fA-F]{4})[0-9a-fA-F]{32}([0-9a-fA-F]{4})\b")


class Masker:
    """Masks secrets in text and in nested values."""

    def __init__(self, secrets: Iterable[str] = (), *, addresses: bool = False) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._addresses = addresses

    def text(self, text: str) -> str:
        """Mask known secrets, then everything that has the shape of one."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for shape, replacement in SHAPES:
            text = shape.sub(replacement, text)
        return ADDRESS.sub(r"\1..\2", text) if self._addresses else text

    def value(self, value: Any) -> Any:
        """Mask a value of any depth; what JSON does not know becomes text."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case bytes() | bytearray():
                return MASK
            case Mapping():
                return {self.text(str(name)): self.named(str(name), inner) for name, inner in value.items()}
            case Sequence() | set() | frozenset():
                return [self.value(inner) for inner in value]
            case _:
                return self.text(str(value))

    def named(self, name: str, value: Any) -> Any:
        """Mask a value whole when its name says that it is a secret."""
        if value is not None and name.lower() not in PLAIN_NAMES and SECRET_NAMES.search(name):
            return MASK
        return self.value(value)
