"""Messages of the WebSocket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from api.schemas.values import Body, Coin

ChannelName = Literal["trading", "market", "positions"]


class Hello(Body):
    """The first message: who, what, and from where on (None: from now). `coins` of `venue` are those of the channel market."""

    token: SecretStr | None = None
    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)] = ("trading", "positions")
    venue: Literal["hyperliquid", "binance", "aster"] = "hyperliquid"
    coins: Annotated[tuple[Coin, ...], Field(max_length=50)] = ()
    after: Annotated[int | None, Field(ge=0, le=2**62)] = None
