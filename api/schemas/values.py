"""Values of requests and answers: decimals travel as strings, names are bounded, unknown fields are refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

from domain.errors import Refused
from domain.money import parse_decimal, plain

T = TypeVar("T")


class Body(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Answer(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class Listed(Answer, Generic[T]):
    """Part of a list; `next_cursor` is empty at its end."""

    items: list[T]
    next_cursor: str = ""


def _decimal(value: object) -> object:
    """Read a decimal string; a JSON number has passed through a float and is refused."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("decimal_string", 'send a decimal as a string, for example "0.5"')
    try:
        return parse_decimal(value.strip())
    except Refused as error:
        raise PydanticCustomError("decimal_string", "{reason}", {"reason": error.message}) from None


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise PydanticCustomError("not_positive", "has to be above zero")
    return value


def _printable(value: str) -> str:
    # Postgres takes no NUL, and control characters have no place in a name or a reason.
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise PydanticCustomError("not_printable", "has control characters")
    return value


Number = Annotated[
    Decimal, BeforeValidator(_decimal, json_schema_input_type=str), PlainSerializer(plain, return_type=str)
]
Positive = Annotated[Number, AfterValidator(_positive)]
Printable = AfterValidator(_printable)
Coin = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@:/._\-]{1,40}$")]
Name = Annotated[str, StringConstraints(max_length=80), Printable]
Reason = Annotated[str, StringConstraints(max_length=300), Printable]
Text = Annotated[str, StringConstraints(max_length=200), Printable]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-]{1,64}$")]
