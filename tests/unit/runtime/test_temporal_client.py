"""A Temporal that does not answer, or whose files cannot be read, is one sentence."""

from pathlib import Path

import pytest

from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.ports import free_port
from runtime.temporal_client import connect


async def test_an_address_where_nobody_listens_is_named() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(SetupError, match=address) as failure:
        await connect(load_settings({"TEMPORAL_ADDRESS": address}, env_file=None), None)
    assert failure.value.code == "no_temporal"


async def test_a_tls_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    environ = {"TEMPORAL_TLS_CA": str(tmp_path / "missing.pem")}
    with pytest.raises(SetupError, match="missing") as failure:
        await connect(load_settings(environ, env_file=None), None)
    assert failure.value.code == "bad_setting"
