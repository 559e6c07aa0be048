"""Sealed values: bound to user and row, rotated without being read."""

import base64
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.secrets import KeyRing, SealError, Vault

KEYS = KeyRing.generate()
OLD = base64.b64encode(b"o" * 32).decode()
NEW = base64.b64encode(b"n" * 32).decode()


@given(user=st.text(), row=st.text(), plaintext=st.binary())
def test_what_is_sealed_opens_for_its_user_and_row(user: str, row: str, plaintext: bytes) -> None:
    vault = Vault(KEYS)
    assert vault.open(user, row, vault.seal(user, row, plaintext)) == plaintext


@pytest.mark.parametrize(("user", "row"), [("ann", "signer/2"), ("bob", "signer/1"), ("anns", "igner/1")])
def test_a_sealed_value_opens_for_no_other_user_or_row(user: str, row: str) -> None:
    vault = Vault(KEYS)
    sealed = vault.seal("ann", "signer/1", b"key")
    with pytest.raises(SealError):
        vault.open(user, row, sealed)


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b'{"k":"test","w":"!","c":""}', b'{"k":"test","w":"","c":""}'])
def test_a_damaged_value_is_refused(damaged: bytes) -> None:
    with pytest.raises(SealError):
        Vault(KEYS).open("ann", "row", damaged)


def test_the_plaintext_is_nowhere_in_the_sealed_value() -> None:
    sealed = Vault(KEYS).seal("ann", "row", b"private-key-bytes")
    assert b"private-key-bytes" not in sealed
    assert base64.b64encode(b"private-key-bytes") not in sealed


def test_rotation_keeps_old_values_readable_and_rewraps_them_to_the_new_key() -> None:
    sealed = Vault(KeyRing.parse(f"old:{OLD}")).seal("ann", "row", b"key")
    both = Vault(KeyRing.parse(f"new:{NEW},old:{OLD}"))
    assert both.key_id(sealed) == "old"
    rewrapped = both.rewrap("ann", sealed)
    assert both.key_id(rewrapped) == "new"
    assert Vault(KeyRing.parse(f"new:{NEW}")).open("ann", "row", rewrapped) == b"key"


def test_a_value_of_a_key_that_is_gone_names_that_key() -> None:
    sealed = Vault(KeyRing.parse(f"old:{OLD}")).seal("ann", "row", b"key")
    with pytest.raises(SealError, match="old"):
        Vault(KeyRing.parse(f"new:{NEW}")).open("ann", "row", sealed)


@pytest.mark.parametrize("text", ["", "a:b", "a:AAAA", f"a:{OLD},a:{NEW}", "not base64"])
def test_a_malformed_master_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SetupError) as failure:
        KeyRing.parse(text)
    assert failure.value.code == "bad_setting"
    assert OLD not in str(failure.value)


def test_a_ring_does_not_show_its_keys() -> None:
    assert "oooo" not in repr(KeyRing.parse(f"old:{OLD}"))


def test_the_generated_key_file_is_private_and_read_again(tmp_path: Path) -> None:
    settings = load_settings({"HOLDFAST_HOME": str(tmp_path)}, env_file=None)
    assert KeyRing.of(settings) == KeyRing.of(settings)
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_a_set_master_key_wins_over_the_file(tmp_path: Path) -> None:
    environ = {"HOLDFAST_HOME": str(tmp_path), "HOLDFAST_MASTER_KEY": f"prod:{OLD}"}
    assert KeyRing.of(load_settings(environ, env_file=None)).primary == "prod"
    assert not (tmp_path / "master.key").exists()


def test_two_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    settings = load_settings({"HOLDFAST_HOME": str(tmp_path)}, env_file=None)
    rings: list[KeyRing] = []
    threads = [threading.Thread(target=lambda: rings.append(KeyRing.of(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ring.keys["local"] for ring in rings}) == 1
    assert len(rings) == 8
