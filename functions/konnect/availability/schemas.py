"""Wire models of availability: local times as "HH:MM", on the half-hour, in the mentor's own zone."""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from konnect import clock
from konnect.http.schemas import CalendarDate, Schema
from konnect.store import Doc

from .service import MAX_DAYS
from .slots import DAY_MINUTES

Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):(00|30)$|^24:00$")]


def _time_zone(value: str) -> str:
    clock.zone(value)
    return value


Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]


class Slot(Schema):
    """A window of a day; `end` may be "24:00" (or "00:00"), the midnight that follows."""

    start: Time = Field(examples=["09:00"])
    end: Time = Field(examples=["12:30"])

    @property
    def window(self) -> tuple[int, int]:
        return _minutes(self.start), _minutes(self.end) or DAY_MINUTES

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.window[0] >= self.window[1]:
            raise ValueError("must end after it begins, on the half-hour")
        return self


def _apart(slots: list[Slot]) -> list[Slot]:
    found = sorted(slots, key=lambda one: one.window)
    if any(after.window[0] < before.window[1] for before, after in pairwise(found)):
        raise ValueError("must not overlap")
    return found


Slots = Annotated[list[Slot], Field(max_length=24), AfterValidator(_apart)]


class Day(Schema):
    day_of_week: int = Field(ge=0, le=6, strict=True, description="0 is Sunday.")
    slots: Slots


class ExceptionalDay(Schema):
    """Takes the place of a date's weekly slots; without any it is a day off."""

    date: date
    slots: Slots


class Vacation(Schema):
    """Dates in the mentor's zone, both included."""

    from_: date = Field(alias="from")
    to: date

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.to < self.from_:
            raise ValueError("must end on its first day or later")
        return self


class AvailabilityChange(Schema):
    """What is left out stays as it is. What is booked already stays booked."""

    time_zone: Zone | None = Field(default=None, description="The mentor's zone, by its IANA name.")
    availability: Annotated[list[Day], Field(max_length=7)] | None = Field(
        default=None, description="The week; a day that is not in it has no slots."
    )
    exceptions: Annotated[list[ExceptionalDay], Field(max_length=366)] | None = None
    vacation: Vacation | None = Field(default=None, description="Null ends it.")
    notice_mins: int | None = Field(default=None, ge=0, le=14 * 24 * 60, strict=True, description="At least so early.")
    buffer_mins: int | None = Field(
        default=None, ge=0, le=240, strict=True, description="Between two bookings, at least so long."
    )
    horizon_days: int | None = Field(default=None, ge=1, le=365, strict=True, description="At most so early.")

    @field_validator("availability")
    @classmethod
    def _once_a_day(cls, value: list[Day] | None) -> list[Day] | None:
        if value and max(Counter(one.day_of_week for one in value).values()) > 1:
            raise ValueError("must name a day once")
        return value

    @field_validator("exceptions")
    @classmethod
    def _once_a_date(cls, value: list[ExceptionalDay] | None) -> list[ExceptionalDay] | None:
        if value and max(Counter(one.date for one in value).values()) > 1:
            raise ValueError("must name a date once")
        return value

    def fields(self) -> Doc:
        """What was given, as the document has it."""
        found: Doc = {}
        if self.time_zone is not None:
            found["timeZone"] = self.time_zone
        if self.availability is not None:
            found["weekly"] = {str(one.day_of_week): _stored(one.slots) for one in self.availability}
        if self.exceptions is not None:
            found["exceptions"] = {one.date.isoformat(): _stored(one.slots) for one in self.exceptions}
        if "vacation" in self.model_fields_set:
            away = self.vacation
            found["vacation"] = {"from": away.from_.isoformat(), "to": away.to.isoformat()} if away else None
        numbers = {"noticeMins": self.notice_mins, "bufferMins": self.buffer_mins, "horizonDays": self.horizon_days}
        return found | {name: value for name, value in numbers.items() if value is not None}


class Availability(Schema):
    """When a mentor can be booked."""

    time_zone: str
    is_accepting_bookings: bool
    availability: list[Day]
    exceptions: list[ExceptionalDay]
    vacation: Vacation | None
    notice_mins: int
    buffer_mins: int
    horizon_days: int

    @classmethod
    def of(cls, doc: Doc) -> Self:
        vacation = doc["vacation"]
        return cls(
            time_zone=doc["timeZone"],
            is_accepting_bookings=doc["acceptsBookings"],
            availability=[Day(day_of_week=int(day), slots=_shown(doc["weekly"][day])) for day in sorted(doc["weekly"])],
            exceptions=[
                ExceptionalDay(date=date.fromisoformat(day), slots=_shown(doc["exceptions"][day]))
                for day in sorted(doc["exceptions"])
            ],
            vacation=Vacation.model_validate(vacation) if vacation else None,
            notice_mins=doc["noticeMins"],
            buffer_mins=doc["bufferMins"],
            horizon_days=doc["horizonDays"],
        )


class Toggle(Schema):
    is_accepting_bookings: bool | None = Field(
        default=None, strict=True, description="Left out, it is switched to the other state."
    )


class SlotsQuery(Schema):
    """Dates of the zone `tz`, both included; at most 62 days."""

    from_: CalendarDate | None = Field(default=None, alias="from", description="Left out, today.")
    to: CalendarDate | None = Field(default=None, description="Left out, the sixth day after `from`.")
    tz: Zone | None = Field(default=None, description="An IANA name; left out, the mentor's zone.")
    duration: Literal["30", "60"] = "30"

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.from_ is not None and self.to is not None:
            if self.to < self.from_:
                raise ValueError("to must not be before from")
            if self.to - self.from_ >= timedelta(days=MAX_DAYS):
                raise ValueError(f"at most {MAX_DAYS} days")
        return self


class OpenSlot(Schema):
    starts_at: datetime
    local: str = Field(description="The same moment in the asked zone.", examples=["2026-06-01T09:30:00+05:30"])


class OpenSlots(Schema):
    items: list[OpenSlot]
    time_zone: str = Field(description="Of `local`.")
    duration: int


def _minutes(value: str) -> int:
    return int(value[:2]) * 60 + int(value[3:])


def _stored(slots: list[Slot]) -> list[Doc]:
    return [{"from": first, "to": last} for first, last in (slot.window for slot in slots)]


def _shown(windows: list[Doc]) -> list[Slot]:
    return [Slot(start=_clock(one["from"]), end=_clock(one["to"])) for one in windows]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
