"""Keys that a person gives to a command: by environment, by file or at a prompt, never as an argument."""

import os
import re
from pathlib import Path

import typer

from domain.errors import Misconfigured

API_KEY_SETTING, API_SECRET_SETTING = "HOLDFAST_VENUE_API_KEY", "HOLDFAST_VENUE_API_SECRET"
KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")


def asked_key(setting: str, file: str, prompt: str) -> str:
    """Find a private key: SETTING, SETTING_FILE, the given file, else ask; bad_key when it is none."""
    key = _asked(setting, file, prompt)
    if not KEY.fullmatch(key):
        raise Misconfigured("bad_key", "That is no private key.", action="Give 64 hexadecimal digits.")
    return key if key.startswith("0x") else f"0x{key}"


def asked_api_key(title: str) -> dict[str, str]:
    """Find an API key and its secret, as our API takes them; the venue says whether they are any."""
    return {
        "api_key": _asked(API_KEY_SETTING, "", f"API key at {title}"),
        "api_secret": _asked(API_SECRET_SETTING, "", "Its secret"),
    }


def _asked(setting: str, file: str, prompt: str) -> str:
    place = file or os.environ.get(f"{setting}_FILE", "")
    text = os.environ.get(setting, "") or (_read(Path(place)) if place else "")
    return str(text or typer.prompt(prompt, hide_input=True)).strip()


def _read(file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("bad_key", f"{file} cannot be read.", action="Name a file with the key.") from error
