"""Search attributes: one list for deployment, tests and workflows. No amounts, no secrets: they are not encrypted."""

from __future__ import annotations

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

USER = SearchAttributeKey.for_keyword("TradingUser")
AGENT = SearchAttributeKey.for_keyword("TradingAgent")
VENUE = SearchAttributeKey.for_keyword("TradingVenue")
INSTRUMENT = SearchAttributeKey.for_keyword("TradingInstrument")
PHASE = SearchAttributeKey.for_keyword("TradingPhase")
STRATEGY = SearchAttributeKey.for_keyword("TradingStrategy")

ALL = (USER, AGENT, VENUE, INSTRUMENT, PHASE, STRATEGY)
NAMES = tuple(key.name for key in ALL)


def of(
    *, user: str = "", agent: str = "", venue: str = "", instrument: str = "", phase: str = "", strategy: str = ""
) -> TypedSearchAttributes:
    """Build the attributes of a start; empty values are left out."""
    values = zip(ALL, (user, agent, venue, instrument, phase, strategy), strict=True)
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in values if value])
