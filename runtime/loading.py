"""Reading the settings from the environment, from files and from `.env`, with one sentence for each fault."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runtime.errors import SetupError
from runtime.settings import Profile, Settings, environment_names

DOT_ENV = Path(".env")
REQUIRED_IN_PRODUCTION = ("DATABASE_URL", "TEMPORAL_ADDRESS", "HOLDFAST_MASTER_KEY")


def load_settings(environ: Mapping[str, str] | None = None, env_file: Path | None = DOT_ENV) -> Settings:
    """Read and check every setting; raise bad_setting or missing_setting naming each one that is wrong."""
    given = _given(os.environ if environ is None else environ, env_file)
    values = {name.lower(): value for name, value in _resolved(given)}
    try:
        settings = Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _bad_settings(error) from None
    _check_profile(settings)
    return settings


def _given(environ: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    from_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    return {name: value for name, value in {**from_file, **environ}.items() if value is not None}


def _resolved(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    folder = given.get("HOLDFAST_SECRETS", "").strip()
    if folder and not Path(folder).is_dir():
        # Without the folder every secret in it would count as unset, and a default would stand in.
        raise SetupError(
            "bad_setting",
            f"HOLDFAST_SECRETS names {folder}, which is no folder.",
            "Make it, or unset HOLDFAST_SECRETS.",
        )
    for name in environment_names():
        if value := _value_of(name, given, Path(folder) if folder else None):
            yield name, value


def _value_of(name: str, given: Mapping[str, str], folder: Path | None) -> str:
    """Take NAME, else the file that NAME_FILE names, else the file in the secrets folder; empty means unset."""
    if value := given.get(name, "").strip():
        return value
    if file := given.get(f"{name}_FILE", "").strip():
        return _read(name, Path(file))
    for candidate in (folder / name, folder / name.lower()) if folder else ():
        if candidate.is_file():
            return _read(name, candidate)
    return ""


def _read(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            "bad_setting", f"{name}_FILE names {file}, which cannot be read.", f"Mend the file or unset {name}_FILE."
        ) from error


def _bad_settings(error: ValidationError) -> SetupError:
    return SetupError(
        "bad_setting", " ".join(_sentence(fault) for fault in error.errors()), "See docs/reference/settings.md."
    )


def _sentence(fault: ErrorDetails) -> str:
    # A validator over several settings has no place of its own: its text names them.
    place = str(fault["loc"][0]).upper() if fault["loc"] else ""
    text = fault["msg"].removeprefix("Value error, ")
    return f"{place or 'The settings'}: {text[0].lower() if place else text[0]}{text[1:]}."


def _check_profile(settings: Settings) -> None:
    if settings.holdfast_env is not Profile.PRODUCTION:
        return
    missing = [name for name in REQUIRED_IN_PRODUCTION if not settings.is_set(name.lower())]
    if missing:
        raise SetupError(
            "missing_setting",
            f"HOLDFAST_ENV is production, but {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
            "Set each one, or name a file with it as NAME_FILE.",
        )
    if "*" in settings.allowed_origins:
        raise SetupError(
            "bad_setting", "ALLOWED_ORIGINS is * in production.", "Name the origins that may call the API."
        )
