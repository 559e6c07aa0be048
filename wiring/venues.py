"""The venues that a process serves: one registry for workers, the API and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from domain.accounts import AccountRef
from domain.errors import Misconfigured, Refused
from domain.halts import HaltScope
from runtime.settings import Settings
from venues.aster import venue as aster_venue
from venues.aster.config import AsterConfig
from venues.aster.venue import AsterVenue
from venues.base import SigningKey, UserStream, Venue
from venues.binance import venue as binance_venue
from venues.binance.config import BinanceConfig
from venues.binance.venue import BinanceVenue
from venues.fapi.config import Network as FapiNetwork
from venues.hyperliquid.config import HyperliquidConfig, Network
from venues.hyperliquid.stream import HyperliquidStream
from venues.hyperliquid.venue import HyperliquidVenue, connect

HYPERLIQUID, BINANCE, ASTER = "hyperliquid", "binance", "aster"
VENUES = (HYPERLIQUID, BINANCE, ASTER)
TITLES = {HYPERLIQUID: "Hyperliquid", BINANCE: "Binance", ASTER: "AsterDEX"}


def require_known(scope: HaltScope, key: str) -> None:
    """Refuse the halt of a venue that is none: it would read CLOSED and stop nothing; raises Refused(bad_scope)."""
    if scope is HaltScope.VENUE and key and key not in VENUES:
        raise Refused("bad_scope", f"There is no venue {key}.", action=f"Choose {', '.join(VENUES)}.")


class Keys(Protocol):
    """Opens the key of an account, for the venues that want their reads signed. Called from many threads."""

    def of_account(self, account: AccountRef) -> SigningKey:
        """Open the key of an account; raises Misconfigured(signer_missing)."""

    def of_address(self, venue: str, network: str, address: str) -> SigningKey:
        """Open the key of the account that has an address at a venue."""


class Venues:
    """Implements `venues.base.VenueDirectory` over fixed venues."""

    def __init__(self, venues: Mapping[tuple[str, str], Venue]) -> None:
        self._venues = dict(venues)

    def of(self, venue: str, network: str) -> Venue:
        """Return a venue; raises Misconfigured(venue_unknown) for one that this process does not serve."""
        found = self._venues.get((venue, network))
        if found is None:
            raise _unknown(venue, network, tuple(self._venues))
        return found


class VenueStreams:
    """Implements `activities.ports.Streams`: a connection of its own for each reader."""

    def __init__(self, makers: Mapping[tuple[str, str], Callable[[], UserStream]]) -> None:
        self._makers = dict(makers)

    def of(self, venue: str, network: str) -> UserStream:
        """Return a stream; raises Misconfigured(venue_unknown) for another venue or network."""
        make = self._makers.get((venue, network))
        if make is None:
            raise _unknown(venue, network, tuple(self._makers))
        return make()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Every venue of a process, each on the network of its setting."""

    hyperliquid: HyperliquidVenue
    binance: BinanceVenue
    aster: AsterVenue
    keys: Keys

    def directory(self) -> Venues:
        """Show the connections as the venues of activities."""
        return Venues(
            {
                **_place(venue_of(self.hyperliquid)),
                **_place(_keyed(BINANCE, self.binance)),
                **_place(_keyed(ASTER, self.aster)),
            }
        )

    def streams(self) -> VenueStreams:
        """Return what makes user streams."""

        def keyed(name: str, connection: BinanceVenue | AsterVenue) -> Callable[[], UserStream]:
            network = connection.config.network.value
            return lambda: connection.stream_of(lambda address: self.keys.of_address(name, network, address))

        return VenueStreams(
            {
                (HYPERLIQUID, self.hyperliquid.config.network.value): lambda: HyperliquidStream(
                    self.hyperliquid.config
                ),
                (BINANCE, self.binance.config.network.value): keyed(BINANCE, self.binance),
                (ASTER, self.aster.config.network.value): keyed(ASTER, self.aster),
            }
        )

    def close(self) -> None:
        """Close every connection."""
        for connection in (self.hyperliquid, self.binance, self.aster):
            connection.close()


class NoKeys:
    """Implements `Keys` where only public data are read."""

    def of_account(self, account: AccountRef) -> SigningKey:
        """Refuse."""
        raise Misconfigured("signer_missing", f"There is no key for {account.address} here.", action="Ask the API.")

    def of_address(self, venue: str, network: str, address: str) -> SigningKey:  # noqa: ARG002
        """Refuse."""
        raise Misconfigured("signer_missing", f"There is no key for {address} here.", action="Ask the API.")


def connections(settings: Settings, keys: Keys, urls: Mapping[str, str] = MappingProxyType({})) -> Connections:
    """Connect to every venue of the settings, or at the given addresses; makes no request."""
    return Connections(
        hyperliquid=hyperliquid(settings, urls.get(HYPERLIQUID, "")),
        binance=binance(settings, keys, urls.get(BINANCE, "")),
        aster=aster(settings, keys, urls.get(ASTER, "")),
        keys=keys,
    )


def hyperliquid(settings: Settings, url: str = "") -> HyperliquidVenue:
    """Connect to the Hyperliquid of the settings; makes no request."""
    return connect(
        HyperliquidConfig(
            network=Network(settings.hyperliquid_network.value),
            url=url or settings.venue_url,
            timeout=timedelta(seconds=settings.hyperliquid_timeout_seconds),
            clock_offset=settings.clock_offset,
            deadline=settings.order_deadline,
            lag=settings.lookup_lag,
            weight_per_minute=settings.hyperliquid_weight_per_minute,
        )
    )


def binance(settings: Settings, keys: Keys, url: str = "") -> BinanceVenue:
    """Connect to the Binance of the settings; makes no request."""
    config = BinanceConfig(
        network=FapiNetwork(settings.binance_network.value),
        url=url or settings.url_of(BINANCE),
        timeout=timedelta(seconds=settings.binance_timeout_seconds),
        clock_offset=settings.clock_offset,
        deadline=settings.order_deadline,
        lag=timedelta(seconds=settings.binance_lookup_lag_seconds),
        weight_per_minute=settings.binance_weight_per_minute,
    )
    return binance_venue.connect(config, keys.of_account)


def aster(settings: Settings, keys: Keys, url: str = "") -> AsterVenue:
    """Connect to the AsterDEX of the settings; makes no request."""
    config = AsterConfig(
        network=FapiNetwork(settings.aster_network.value),
        url=url or settings.url_of(ASTER),
        timeout=timedelta(seconds=settings.aster_timeout_seconds),
        clock_offset=settings.clock_offset,
        deadline=timedelta(seconds=settings.aster_deadline_seconds),
        lag=timedelta(seconds=settings.aster_lookup_lag_seconds),
        weight_per_minute=settings.aster_weight_per_minute,
    )
    return aster_venue.connect(config, keys.of_account)


def venue_of(connection: HyperliquidVenue) -> Venue:
    """Show a connection to Hyperliquid as a venue of activities."""
    return Venue(
        name=HYPERLIQUID,
        network=connection.config.network.value,
        trading=connection.trading,
        accounts=connection.accounts,
        market=connection.market,
        address_checks=connection.accounts,
        request_counts=connection.accounts,
    )


def directory(connection: HyperliquidVenue) -> Venues:
    """Serve one connection to Hyperliquid."""
    return Venues(_place(venue_of(connection)))


def _keyed(name: str, connection: BinanceVenue | AsterVenue) -> Venue:
    return Venue(
        name=name,
        network=connection.config.network.value,
        trading=connection.trading,
        accounts=connection.accounts,
        market=connection.market,
        key_checks=connection.accounts,
    )


def _place(venue: Venue) -> dict[tuple[str, str], Venue]:
    return {(venue.name, venue.network): venue}


def _unknown(venue: str, network: str, served: tuple[tuple[str, str], ...]) -> Misconfigured:
    names = ", ".join(f"{name} {where}" for name, where in served) or "none"
    return Misconfigured(
        "venue_unknown",
        f"This process does not serve {venue} {network}, but {names}.",
        action=f"Set {venue.upper()}_NETWORK to the account's network.",
    )
