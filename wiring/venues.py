"""The venues that a process serves."""

from collections.abc import Mapping
from datetime import timedelta

from domain.errors import Misconfigured
from runtime.settings import Settings
from venues.base import UserStream, Venue
from venues.hyperliquid.config import HyperliquidConfig, Network
from venues.hyperliquid.stream import HyperliquidStream
from venues.hyperliquid.venue import HyperliquidVenue, connect

HYPERLIQUID = "hyperliquid"


class Venues:
    """Implements `venues.base.VenueDirectory` over fixed venues."""

    def __init__(self, venues: Mapping[tuple[str, str], Venue]) -> None:
        self._venues = dict(venues)

    def of(self, venue: str, network: str) -> Venue:
        """Return a venue; raises Misconfigured(venue_unknown) for one that this process does not serve."""
        found = self._venues.get((venue, network))
        if found is None:
            served = ", ".join(f"{name} {where}" for name, where in self._venues) or "none"
            raise _unknown(venue, network, served)
        return found


class HyperliquidStreams:
    """Implements `activities.ports.Streams`: a connection of its own for each reader."""

    def __init__(self, config: HyperliquidConfig) -> None:
        self._config = config

    def of(self, venue: str, network: str) -> UserStream:
        """Return a stream; raises Misconfigured(venue_unknown) for another venue or network."""
        if (venue, network) != (HYPERLIQUID, self._config.network.value):
            raise _unknown(venue, network, f"{HYPERLIQUID} {self._config.network.value}")
        return HyperliquidStream(self._config)


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


def venue_of(connection: HyperliquidVenue) -> Venue:
    """Show a connection as a venue of activities."""
    return Venue(
        name=HYPERLIQUID,
        network=connection.config.network.value,
        trading=connection.trading,
        accounts=connection.accounts,
        market=connection.market,
    )


def directory(connection: HyperliquidVenue) -> Venues:
    """Serve one connection."""
    venue = venue_of(connection)
    return Venues({(venue.name, venue.network): venue})


def _unknown(venue: str, network: str, served: str) -> Misconfigured:
    return Misconfigured(
        "venue_unknown",
        f"This process does not serve {venue} {network}, but {served}.",
        action="Set HYPERLIQUID_NETWORK to the account's network.",
    )
