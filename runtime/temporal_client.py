"""The connection to Temporal: address, TLS, API key and converter by settings."""

from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client, Interceptor
from temporalio.runtime import Runtime
from temporalio.service import TLSConfig

from runtime.converter import data_converter
from runtime.errors import SetupError
from runtime.secrets import KeyRing
from runtime.settings import Settings


async def connect(
    settings: Settings,
    keys: KeyRing | None,
    *,
    address: str | None = None,
    interceptors: Sequence[Interceptor] = (),
    runtime: Runtime | None = None,
) -> Client:
    """Connect to TEMPORAL_ADDRESS or the given address; raise no_temporal when nobody answers there."""
    target = address or settings.temporal_address or f"127.0.0.1:{settings.temporal_port}"
    api_key = settings.temporal_api_key
    try:
        return await Client.connect(
            target,
            namespace=settings.temporal_namespace,
            data_converter=data_converter(keys),
            interceptors=interceptors,
            tls=_tls(settings),
            api_key=api_key.get_secret_value() if api_key else None,
            runtime=runtime,
        )
    except RuntimeError as error:
        raise SetupError(
            "no_temporal",
            f"Temporal does not answer at {target}.",
            "Start it, or mend TEMPORAL_ADDRESS and its TLS settings.",
        ) from error


def _tls(settings: Settings) -> TLSConfig | bool:
    files = (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    if not any(files):
        return settings.temporal_tls or settings.temporal_api_key is not None
    authority, certificate, key = (_pem(file) for file in files)
    return TLSConfig(server_root_ca_cert=authority, client_cert=certificate, client_private_key=key)


def _pem(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(
            "bad_setting",
            f"The TLS file {file} cannot be read.",
            "Mend TEMPORAL_TLS_CA, TEMPORAL_TLS_CERT or TEMPORAL_TLS_KEY.",
        ) from error
