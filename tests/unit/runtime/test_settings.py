"""Settings: where values come from, and one sentence for each fault."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.errors import SetupError
from runtime.loading import load_settings
from runtime.settings import Network, Profile, Settings

PRODUCTION = {
    "HOLDFAST_ENV": "production",
    "DATABASE_URL": "postgresql://u:pw@db:5432/holdfast",
    "TEMPORAL_ADDRESS": "temporal:7233",
    "HOLDFAST_MASTER_KEY": "k",
}


def loaded(**environ: str) -> Settings:
    return load_settings(environ, env_file=None)


def test_nothing_set_means_paper_on_loopback_and_never_mainnet() -> None:
    settings = loaded()
    assert settings.hyperliquid_network is Network.PAPER
    assert settings.venue_url == "http://127.0.0.1:3001"
    assert settings.holdfast_env is Profile.DEVELOPMENT
    assert settings.database_url is None
    assert settings.halt_file == settings.holdfast_home / "HALT"


def test_the_order_times_are_timedeltas_with_the_documented_defaults() -> None:
    settings = loaded()
    assert settings.order_deadline == timedelta(seconds=8)
    assert settings.lookup_lag == timedelta(seconds=10)
    assert settings.portfolio_max_age == timedelta(seconds=10)
    assert settings.sync_interval == timedelta(seconds=30)
    assert loaded(HOLDFAST_CLOCK_OFFSET_MS="-1500").clock_offset == timedelta(seconds=-1.5)


@pytest.mark.parametrize(
    ("network", "address"),
    [("testnet", "https://api.hyperliquid-testnet.xyz"), ("mainnet", "https://api.hyperliquid.xyz")],
)
def test_the_network_decides_the_venue_address_unless_one_is_set(network: str, address: str) -> None:
    assert loaded(HYPERLIQUID_NETWORK=network).venue_url == address
    set_by_hand = loaded(HYPERLIQUID_NETWORK=network, HYPERLIQUID_URL="http://127.0.0.1:9/")
    assert set_by_hand.venue_url == "http://127.0.0.1:9"


def test_lists_are_split_at_commas() -> None:
    assert loaded(ALLOWED_ORIGINS="http://a, http://b,").allowed_origins == ("http://a", "http://b")


def test_a_setting_that_was_given_is_told_from_a_default() -> None:
    settings = loaded(API_PORT="8000")
    assert settings.is_set("api_port")
    assert not settings.is_set("metrics_port")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        loaded().log_level = "DEBUG"  # type: ignore[misc]


def test_a_secret_comes_from_the_file_that_name_file_names(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    settings = loaded(OPENROUTER_API_KEY_FILE=str(tmp_path / "key"))
    assert settings.openrouter_api_key is not None
    assert settings.openrouter_api_key.get_secret_value() == "from-a-file"


def test_a_secret_comes_from_the_secrets_folder(tmp_path: Path) -> None:
    (tmp_path / "sentry_dsn").write_text("https://key@dsn.example/1")
    settings = loaded(HOLDFAST_SECRETS=str(tmp_path))
    assert settings.sentry_dsn is not None
    assert settings.sentry_dsn.get_secret_value() == "https://key@dsn.example/1"


def test_the_environment_wins_over_the_file_and_over_dot_env(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=DEBUG\nAPI_PORT=9000\n")
    settings = load_settings({"LOG_LEVEL": "ERROR"}, env_file=tmp_path / ".env")
    assert (settings.log_level, settings.api_port) == ("ERROR", 9000)


def test_a_secret_never_shows_in_the_text_of_the_settings() -> None:
    assert "hidden-value" not in repr(loaded(OPENROUTER_API_KEY="hidden-value"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "eighty"),
        ("API_PORT", "70000"),
        ("HYPERLIQUID_NETWORK", "main"),
        ("TEMPORAL_ADDRESS", "http://temporal:7233"),
        ("HYPERLIQUID_URL", "api.hyperliquid.xyz"),
        ("DATABASE_URL", "mysql://u:hidden-value@h/d"),
        ("LOG_LEVEL", "LOUD"),
        ("TEMPORAL_RETENTION_DAYS", "3"),
        ("ORDER_DEADLINE_SECONDS", "31"),
        ("SENTRY_DSN_FILE", "/does/not/exist"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence_that_hides_its_value(name: str, value: str) -> None:
    with pytest.raises(SetupError) as failure:
        loaded(**{name: value})
    assert failure.value.code == "bad_setting"
    assert name in failure.value.message
    assert "hidden-value" not in str(failure.value)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(SetupError) as failure:
        loaded(API_PORT="x", LOG_LEVEL="LOUD")
    assert "API_PORT" in failure.value.message
    assert "LOG_LEVEL" in failure.value.message


@pytest.mark.parametrize("name", ["DATABASE_URL", "TEMPORAL_ADDRESS", "HOLDFAST_MASTER_KEY"])
def test_production_needs_real_parts_and_a_real_key(name: str) -> None:
    with pytest.raises(SetupError, match=name) as failure:
        loaded(**{key: value for key, value in PRODUCTION.items() if key != name})
    assert failure.value.code == "missing_setting"
    assert loaded(**PRODUCTION).holdfast_env is Profile.PRODUCTION


def test_production_refuses_every_origin_at_once() -> None:
    with pytest.raises(SetupError, match="ALLOWED_ORIGINS"):
        loaded(**PRODUCTION, ALLOWED_ORIGINS="*")


def test_every_venue_is_on_paper_unless_told_otherwise() -> None:
    settings = loaded(ASTER_NETWORK="testnet", BINANCE_URL="http://127.0.0.1:7/")
    assert [settings.network_of(venue).value for venue in ("hyperliquid", "binance", "aster")] == [
        "paper",
        "paper",
        "testnet",
    ]
    assert settings.url_of("hyperliquid") == "http://127.0.0.1:3001"
    assert settings.url_of("binance") == "http://127.0.0.1:7"
    assert settings.url_of("aster") == ""


@pytest.mark.parametrize("name", ["BINANCE_LOOKUP_LAG_SECONDS", "ASTER_DEADLINE_SECONDS", "ASTER_LOOKUP_LAG_SECONDS"])
def test_waits_that_the_venues_need_are_shortened_in_tests_alone(name: str) -> None:
    """An order that still runs would be called dead, and another one sent."""
    with pytest.raises(SetupError, match=name):
        loaded(**{name: "3"})
    assert loaded(HOLDFAST_ENV="testing", **{name: "3"}).holdfast_env is Profile.TESTING
