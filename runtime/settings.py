"""Every setting of Holdfast; the environment name is the field's name in capitals.

Any setting can come from a file: NAME_FILE names it, or a file of that name lies in the folder HOLDFAST_SECRETS.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

HYPERLIQUID_TESTNET = "https://api.hyperliquid-testnet.xyz"
HYPERLIQUID_MAINNET = "https://api.hyperliquid.xyz"

LEAST_SECONDS = {"binance_lookup_lag_seconds": 15, "aster_deadline_seconds": 70, "aster_lookup_lag_seconds": 60}


class Profile(StrEnum):
    """Which promises the settings must keep."""

    DEVELOPMENT = "development"
    TESTING = "testing"
    PRODUCTION = "production"


class Network(StrEnum):
    """Which of a venue's worlds is traded; never mainnet by default."""

    PAPER = "paper"
    TESTNET = "testnet"
    MAINNET = "mainnet"


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _postgres_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("postgresql://", "postgresql+psycopg://")):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return value


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ValueError("must look like host:7233, without a scheme")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
Address = Annotated[str, AfterValidator(_host_and_port)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The settings of one process, frozen when it starts."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    holdfast_env: Profile = Field(Profile.DEVELOPMENT, description="Profile: development, testing or production.")
    holdfast_home: Path = Field(Path(".holdfast"), description="Folder with the data of this deployment.")
    holdfast_cache: Path = Field(Path("~/.cache/holdfast"), description="Folder for programs that are built once.")
    holdfast_data: Path | None = Field(None, description="Folder with recorded market data.")
    holdfast_secrets: Path | None = Field(
        None, description="Folder with one file for each secret, named as its setting."
    )
    holdfast_master_key: SecretStr | None = Field(
        None,
        description="Key that wraps all others, `id:base64` of 32 bytes; older keys follow after commas. "
        "Without it a key is generated into the home folder.",
    )
    holdfast_clock_offset_ms: int = Field(0, description="Shift of this process's wall clock, for tests.")
    holdfast_api_url: HttpUrl | None = Field(None, description="Address of the API for the command line.")
    holdfast_api_key: SecretStr | None = Field(None, description="API key of the command line.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_keep: int = Field(10, ge=1, le=1000, description="Rotated log files that are kept for each process.")
    log_mask_addresses: bool = Field(False, description="Mask wallet addresses in logs as well.")
    metrics_port: Port = Field(9464, description="First port for Prometheus metrics; each process takes its own.")
    sentry_dsn: SecretStr | None = Field(None, description="Where errors are reported; without it nowhere.")

    api_host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: Port = Field(8000, description="Port of the API and the dashboard.")
    allowed_origins: Names = Field((), description="Origins that browsers may call the API from, comma-separated.")

    database_url: PostgresUrl | None = Field(None, description="Postgres to use; without it one is started.")
    database_pool_size: int = Field(
        20,
        ge=1,
        le=500,
        description="Connections that a process keeps open; an API, and a worker that opens, have one more to listen.",
    )
    database_pool_overflow: int = Field(
        0, ge=0, le=500, description="Connections beyond the pool under load, opened and closed each time."
    )
    database_pool_wait_seconds: Seconds = Field(5, description="Longest wait for a connection.")
    postgres_port: Port = Field(5433, description="Port of the embedded Postgres.")

    temporal_address: Address | None = Field(None, description="Temporal to use; without it one is started.")
    temporal_namespace: str = Field("default", min_length=1, description="Temporal namespace.")
    temporal_tls: bool = Field(False, description="Speak TLS to Temporal.")
    temporal_tls_ca: Path | None = Field(None, description="PEM file of the authority of Temporal's certificate.")
    temporal_tls_cert: Path | None = Field(None, description="PEM file of the client's certificate.")
    temporal_tls_key: Path | None = Field(None, description="PEM file of the client's key.")
    temporal_api_key: SecretStr | None = Field(None, description="API key for Temporal Cloud.")
    temporal_retention_days: int = Field(30, ge=30, le=3650, description="Days that closed executions are kept.")
    temporal_port: Port = Field(7233, description="Port of the embedded Temporal server.")
    temporal_ui_port: Port = Field(8233, description="Port of the Temporal Web UI.")

    worker_threads: int = Field(32, ge=1, le=1000, description="Threads for each queue's blocking activities.")
    worker_workflow_tasks: int = Field(
        8,
        ge=4,
        le=1000,
        description="Workflow tasks under way at once: few, so that a stop's is not behind many; more where Temporal is far away.",
    )
    worker_cached_workflows: int = Field(
        5000, ge=0, le=100_000, description="Executions that a worker keeps in memory."
    )

    trading_halted: bool = Field(False, description="Start with the platform halted.")
    kill_switch_file: Path | None = Field(None, description="Trading is halted while this file exists.")
    hyperliquid_network: Network = Field(Network.PAPER, description="paper, testnet or mainnet.")
    hyperliquid_url: HttpUrl | None = Field(None, description="Address of the Hyperliquid API; default by network.")
    hyperliquid_timeout_seconds: Seconds = Field(4, description="Time limit of each call to Hyperliquid.")
    hyperliquid_weight_per_minute: int = Field(
        1200,
        ge=60,
        description="Request weight that this process may spend a minute; share 1200 between hosts behind one address.",
    )
    paper_hyperliquid_port: Port = Field(3001, description="Port of the paper Hyperliquid server.")
    binance_network: Network = Field(Network.PAPER, description="paper, testnet or mainnet.")
    binance_url: HttpUrl | None = Field(None, description="Address of the Binance USD-M API; default by network.")
    binance_timeout_seconds: Seconds = Field(4, description="Time limit of each call to Binance.")
    binance_weight_per_minute: int = Field(
        2400, ge=60, description="Request weight that this process may spend a minute at Binance."
    )
    binance_lookup_lag_seconds: Seconds = Field(15, description="LOOKUP_LAG_SECONDS of orders at Binance.")
    paper_binance_port: Port = Field(3002, description="Port of the paper Binance server.")
    aster_network: Network = Field(Network.PAPER, description="paper, testnet or mainnet.")
    aster_url: HttpUrl | None = Field(None, description="Address of the AsterDEX API; default by network.")
    aster_timeout_seconds: Seconds = Field(4, description="Time limit of each call to AsterDEX.")
    aster_weight_per_minute: int = Field(
        2400, ge=60, description="Request weight that this process may spend a minute at AsterDEX."
    )
    aster_deadline_seconds: Seconds = Field(
        70,
        description="Longest time in which AsterDEX may still admit an order after it was signed; it has no deadlines.",
    )
    aster_lookup_lag_seconds: Seconds = Field(60, description="LOOKUP_LAG_SECONDS of orders at AsterDEX.")
    paper_aster_port: Port = Field(3003, description="Port of the paper AsterDEX server.")
    order_deadline_seconds: float = Field(
        8, gt=0, le=25, description="Life of a sent order until the venue refuses it; a decision lives 30 s."
    )
    lookup_lag_seconds: Seconds = Field(10, description="Wait past a deadline before `not found` is believed.")
    portfolio_max_age_seconds: Seconds = Field(
        10, description="Age at which a portfolio is read again before approval."
    )
    sync_seconds: Seconds = Field(30, description="Interval of the account synchronisation.")

    openrouter_api_key: SecretStr | None = Field(None, description="Key for the language model adviser.")
    asgard_api_key: SecretStr | None = Field(None, description="Key for Asgard.")
    solana_rpc_url: HttpUrl | None = Field(None, description="Solana node.")
    arbitrum_rpc_url: HttpUrl | None = Field(None, description="Arbitrum node.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from `load_settings` alone: it knows NAME_FILE and the secrets folder."""
        return (init_settings,)

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("sentry_dsn")
    @classmethod
    def _is_dsn(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value is not None else None
        if parts is not None and not (parts.scheme in {"http", "https"} and parts.username and parts.path.strip("/")):
            raise ValueError("must look like https://KEY@HOST/PROJECT")
        return value

    @model_validator(mode="after")
    def _waits_long_enough(self) -> Self:
        """Refuse waits below what the venues are known to need: an order that still runs would be called dead."""
        short = [name for name, least in LEAST_SECONDS.items() if getattr(self, name) < least]
        if short and self.holdfast_env is not Profile.TESTING:
            raise ValueError(f"{short[0].upper()} must be at least {LEAST_SECONDS[short[0]]}")
        return self

    @field_validator("holdfast_home", "holdfast_cache", "holdfast_data", "kill_switch_file", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    def is_set(self, name: str) -> bool:
        """Say whether a setting was given rather than left at its default."""
        return name in self.model_fields_set

    @property
    def halt_file(self) -> Path:
        """The kill-switch file."""
        return self.kill_switch_file or self.holdfast_home / "HALT"

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.holdfast_home / "logs"

    @property
    def venue_url(self) -> str:
        """The Hyperliquid address that follows from the network, unless one is set."""
        match self.hyperliquid_network:
            case _ if self.hyperliquid_url is not None:
                return self.hyperliquid_url
            case Network.PAPER:
                return f"http://127.0.0.1:{self.paper_hyperliquid_port}"
            case Network.TESTNET:
                return HYPERLIQUID_TESTNET
            case Network.MAINNET:
                return HYPERLIQUID_MAINNET

    def network_of(self, venue: str) -> Network:
        """Return which world of a venue is traded."""
        network: Network = getattr(self, f"{venue}_network")
        return network

    def url_of(self, venue: str) -> str:
        """Return the address that is set for a venue or that its paper server has; '' for the venue's own."""
        given: str | None = getattr(self, f"{venue}_url")
        if given is not None:
            return given
        is_paper = self.network_of(venue) is Network.PAPER
        return f"http://127.0.0.1:{getattr(self, f'paper_{venue}_port')}" if is_paper else ""

    @property
    def clock_offset(self) -> timedelta:
        """The shift of this process's wall clock."""
        return timedelta(milliseconds=self.holdfast_clock_offset_ms)

    @property
    def order_deadline(self) -> timedelta:
        """The life of a sent order until the venue refuses it."""
        return timedelta(seconds=self.order_deadline_seconds)

    @property
    def lookup_lag(self) -> timedelta:
        """The wait past a deadline before `not found` is believed."""
        return timedelta(seconds=self.lookup_lag_seconds)

    @property
    def portfolio_max_age(self) -> timedelta:
        """The age at which a portfolio is read again before approval."""
        return timedelta(seconds=self.portfolio_max_age_seconds)

    @property
    def sync_interval(self) -> timedelta:
        """The interval of the account synchronisation."""
        return timedelta(seconds=self.sync_seconds)


def environment_names() -> tuple[str, ...]:
    """List every setting by its environment name."""
    return tuple(name.upper() for name in Settings.model_fields)


def documented() -> Mapping[str, tuple[str, str]]:
    """Describe each setting by its default and its meaning, for the reference page."""
    fields = Settings.model_fields
    return {name.upper(): (_shown(field.default), field.description or "") for name, field in fields.items()}


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    if isinstance(default, tuple):
        return ", ".join(default) or "none"
    return str(default).lower() if isinstance(default, bool) else str(default)
