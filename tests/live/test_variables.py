"""The rigs of test networks take their keys from the environment, say what is missing and show no secret."""

from pathlib import Path

import pytest

from tests.contracts.rigs.known import PAPER_RIGS
from tests.contracts.rigs.live import LIVE_CASES, LIVE_VENUES, given, live_rig, variables
from tests.contracts.test_venue_table import cases

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "venues.md"
ADDRESS = "0x" + "ab" * 20


def test_every_venue_of_the_contract_has_a_rig_at_a_test_network():
    assert set(LIVE_VENUES) == set(PAPER_RIGS)


@pytest.mark.parametrize("venue", LIVE_VENUES)
def test_without_keys_the_cases_are_skipped_and_say_which_variables_are_missing(
    venue: str, monkeypatch: pytest.MonkeyPatch
):
    for name in variables(venue):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(pytest.skip.Exception) as caught:
        live_rig(venue)
    assert all(name in str(caught.value) for name in variables(venue))


@pytest.mark.parametrize("venue", LIVE_VENUES)
def test_the_variables_are_documented(venue: str):
    text = PAGE.read_text()
    assert all(f"`{name}`" in text for name in variables(venue))


def test_two_of_three_variables_are_not_enough():
    names = variables("aster")
    assert given("aster", {names[0]: ADDRESS, names[1]: ADDRESS}) is None


def test_what_is_given_names_the_main_wallet_and_shows_no_secret():
    names = variables("aster")
    found = given("aster", dict(zip(names, (ADDRESS, "0x" + "cd" * 20, "secret"), strict=True)))
    assert found is not None
    assert found.key.master == ADDRESS
    assert "secret" not in repr(found)


def test_every_live_case_is_a_case():
    assert cases().keys() >= LIVE_CASES
