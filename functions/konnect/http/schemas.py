"""What every wire model shares: camelCase names, times in UTC with `Z`, lists with a cursor."""

from datetime import MAXYEAR, MINYEAR, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from konnect import clock, ids

T = TypeVar("T")
D = TypeVar("D", bound=date)


def document_id(value: str) -> str:
    """Raises ValueError for what can be no document's id, such as `..` or `__x__`: reading it would be a fault."""
    if not ids.valid(value):
        raise ValueError("is no id")
    return value


DocumentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$"), AfterValidator(document_id)]


def _reckonable(given: D) -> D:
    """In another zone, or a while later, it has to be a time as well."""
    if not MINYEAR < given.year < MAXYEAR:
        raise ValueError("is no time that can be reckoned with")
    return given


Moment = Annotated[AwareDatetime, AfterValidator(_reckonable)]
"""A time with its zone, as callers give it."""
CalendarDate = Annotated[date, AfterValidator(_reckonable)]
"""A date, as callers give it."""


class Schema(BaseModel):
    """Fields are snake_case here and camelCase on the wire; input is accepted under either name.

    Unknown fields are ignored, unless a model sets extra="forbid".
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        json_encoders={datetime: clock.iso},
        # An answer always has its optional fields (as null), so its documentation lists them as present.
        json_schema_serialization_defaults_required=True,
    )


class ListQuery(Schema):
    """The query of every list."""

    limit: int = Field(default=20, ge=1, le=100, description="How many items a page has at most.")
    cursor: str | None = Field(default=None, max_length=2048, description="`nextCursor` of the page before.")


class NumberedQuery(ListQuery):
    """The query of a list that can be paged by number too."""

    page: int | None = Field(
        default=None, ge=1, le=100, description="The page's number, from 1, instead of a cursor, which is cheaper."
    )


class Listing(Schema, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(default=None, description="Pass it as `cursor` for the next page; null at the end.")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}List"


class ErrorDetail(BaseModel):
    """One thing that is wrong. For bad input: the field and what it must be; else what helps to go on."""

    model_config = ConfigDict(extra="allow")

    field: str | None = None
    message: str | None = None


class ErrorInfo(BaseModel):
    code: str = Field(description="Stable, for programs.", examples=["INSUFFICIENT_BALANCE"])
    message: str = Field(description="For people; may change.")
    details: list[ErrorDetail]
    retryAfterS: int | None = Field(  # noqa: N815 - the wire's name
        default=None, description="In a socket's acknowledgement, where HTTP has Retry-After."
    )


class ErrorBody(BaseModel):
    """Every answer that is not a success."""

    error: ErrorInfo
