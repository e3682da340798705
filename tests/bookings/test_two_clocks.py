"""A student in India and a mentor in New York, about the days on which New York's clocks are changed: what each is
shown, sent and reminded of is one moment, told by the reader's own clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from konnect import clock
from konnect.store import Query
from local.sandboxes.mail import MailSink

from .conftest import DAY, MENTOR, OTHER, STUDENT, Desk
from .test_calendar import desk, file, invitation, posted, sink, text_of

__all__ = ["desk", "sink"]

INDIA, NEW_YORK = "Asia/Kolkata", "America/New_York"
SECOND, HALF_HOUR = timedelta(seconds=1), timedelta(minutes=30)
SATURDAY, SUNDAY = 6, 0


@dataclass(frozen=True)
class Weekend:
    """One on whose Sunday, at 02:00, New York's clocks are changed; the mentor is there from 08:00 to 10:00.
    `saturday`, `sunday`: what 08:00 is in UTC, for the student, and for the mentor."""

    day: date
    saturday: tuple[str, str, str]
    sunday: tuple[str, str, str]
    returned: int
    """Percent of a booking of Sunday that go back at that time of Saturday, by the mentor's clock."""

    @property
    def now(self) -> datetime:
        """Thursday."""
        return datetime(self.day.year, self.day.month, self.day.day, 15, tzinfo=UTC) - 3 * DAY


FORWARD = Weekend(
    date(2026, 3, 8),
    ("2026-03-07T13:00:00.000Z", "2026-03-07T18:30:00+05:30", "2026-03-07T08:00:00-05:00"),
    ("2026-03-08T12:00:00.000Z", "2026-03-08T17:30:00+05:30", "2026-03-08T08:00:00-04:00"),
    50,
)
BACK = Weekend(
    date(2026, 11, 1),
    ("2026-10-31T12:00:00.000Z", "2026-10-31T17:30:00+05:30", "2026-10-31T08:00:00-04:00"),
    ("2026-11-01T13:00:00.000Z", "2026-11-01T18:30:00+05:30", "2026-11-01T08:00:00-05:00"),
    100,
)
Clock = Callable[[datetime], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the API takes for the time from then on."""
    return lambda moment: monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.fixture(params=[FORWARD, BACK], ids=["forward", "back"])
def weekend(request: pytest.FixtureRequest, desk: Desk, set_clock: Clock) -> Weekend:
    found: Weekend = request.param
    set_clock(found.now)
    hours(desk, "08:00", "10:00")
    return found


def hours(desk: Desk, start: str, end: str) -> None:
    """The mentor says so, at weekends."""
    week = [{"dayOfWeek": day, "slots": [{"start": start, "end": end}]} for day in (SATURDAY, SUNDAY)]
    change = {"timeZone": NEW_YORK, "availability": week}
    answer = desk.api.user(MENTOR, role="expert").call("PUT", "/api/mentors/availability", change)
    assert answer.status_code == 200, answer.text


def slots(desk: Desk, zone: str, first: date, last: date, duration: int = 60) -> list[dict[str, str]]:
    """What is open on these days of a zone, as a page there shows it."""
    query = {"from": first.isoformat(), "to": last.isoformat(), "tz": zone, "duration": duration}
    return list(desk.api.user(STUDENT).get(f"/api/mentors/{MENTOR}/slots", **query).json()["items"])


def book(desk: Desk, at: str, *, uid: str = STUDENT, minutes: int = 60) -> str:
    """Book what the page shows, and pay; the booking's id."""
    wanted = {"mentorId": MENTOR, "scheduledAt": at, "duration": minutes, "topic": "Mock Interview", "timeZone": INDIA}
    answer = desk.api.user(uid).post("/api/bookings", wanted)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    desk.settle(desk.pay(made["order"]["orderId"]), uid, now=clock.now())
    return str(made["booking"]["id"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def said(at: str, zone: str) -> str:
    """As our texts name it: 8 March 2026 at 08:00 EDT."""
    return f"{moment(at).day} {moment(at):%B %Y} at {moment(at):%H:%M} {zone}"


def mentors_zone(at: str) -> str:
    return {"-05:00": "EST", "-04:00": "EDT"}[at[-6:]]


def check_mail(mail: EmailMessage, at: str, zone: str, utc: str) -> None:
    """It tells the time by the reader's clock, and puts the moment into the reader's calendar."""
    assert f"{moment(at):%A}, {said(at, zone)}" in text_of(mail)
    event: Any = invitation(mail)[1]
    assert event["DTSTART"].dt == moment(utc)


def invitations(desk: Desk, sink: MailSink, uid: str) -> list[EmailMessage]:
    return [mail for mail in posted(desk, sink, uid) if mail.get_content_type() == "multipart/mixed"]


def test_one_slot_on_both_calendars(desk: Desk, weekend: Weekend) -> None:
    first, last = weekend.day - DAY, weekend.day
    indian, american = (slots(desk, zone, first, last) for zone in (INDIA, NEW_YORK))
    assert [one["startsAt"] for one in indian] == [one["startsAt"] for one in american]
    for utc, student, mentor in (weekend.saturday, weekend.sunday):
        starts = [clock.iso(moment(utc) + number * HALF_HOUR) for number in range(3)]
        assert [one["startsAt"] for one in indian if one["startsAt"][:10] == utc[:10]] == starts
        assert {"startsAt": utc, "local": student} in indian
        assert {"startsAt": utc, "local": mentor} in american


def test_from_the_slot_to_the_invitation(desk: Desk, sink: MailSink, weekend: Weekend) -> None:
    utc, student, mentor = weekend.sunday
    booking_id = book(desk, student)
    assert desk.booking(booking_id)["scheduledAt"] == moment(utc)
    assert utc not in [one["startsAt"] for one in slots(desk, NEW_YORK, weekend.day, weekend.day)]
    for uid in (STUDENT, MENTOR):
        text, event = file(desk, booking_id, uid)
        assert f"DTSTART:{moment(utc):%Y%m%dT%H%M%SZ}" in text
        assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=1)
    check_mail(invitations(desk, sink, STUDENT)[-1], student, "IST", utc)
    check_mail(invitations(desk, sink, MENTOR)[-1], mentor, mentors_zone(mentor), utc)
    # To Saturday, at the same time of the mentor's day, and an hour off in the student's.
    utc, student, mentor = weekend.saturday
    moved = desk.api.user(STUDENT).call("PUT", f"/api/bookings/{booking_id}/reschedule", {"scheduledAt": student})
    assert (moved.status_code, moved.json()["scheduledAt"]) == (200, utc)
    check_mail(invitations(desk, sink, STUDENT)[-1], student, "IST", utc)
    check_mail(invitations(desk, sink, MENTOR)[-1], mentor, mentors_zone(mentor), utc)
    assert file(desk, booking_id)[1]["SEQUENCE"] == 1


def test_a_day_before_is_a_day(desk: Desk, weekend: Weekend) -> None:
    """Of 24 hours, and so an hour off by the mentor's clock."""
    utc, student, mentor = weekend.sunday
    booking_id, begins = book(desk, student), moment(utc)
    assert desk.booking(booking_id)["remindersAt"] == [begins - DAY, begins - timedelta(minutes=15)]
    for at, count in ((begins - DAY, 1), (begins - timedelta(minutes=15), 2)):
        desk.tasks_until(at - SECOND)
        assert len(desk.told("booking_reminder")) == 2 * (count - 1)
        desk.tasks_until(at)
        assert len(desk.told("booking_reminder")) == 2 * count
    told = Query(("notifications",)).filter("type", "==", "booking_reminder").run(desk.ctx.db)
    for uid, at, zone in ((STUDENT, student, "IST"), (MENTOR, mentor, mentors_zone(mentor))):
        bodies = {one["message"] for one in told if one["userId"] == uid}
        assert len(bodies) == 1
        assert f"begins on {said(at, zone)}." in bodies.pop()


def test_so_is_the_day_until_which_all_goes_back(desk: Desk, weekend: Weekend, set_clock: Clock) -> None:
    booking_id = book(desk, weekend.sunday[1])
    # The same time of Saturday by the mentor's clock: 23 hours before, or 25.
    set_clock(moment(weekend.saturday[2]))
    cancel = {"reason": "I am travelling."}
    answer = desk.api.user(STUDENT).call("PUT", f"/api/bookings/{booking_id}/cancel", cancel)
    assert answer.json()["refund"]["amount"] == answer.json()["total"] * weekend.returned / 100
    desk.check_books()


def test_the_hour_that_comes_twice_is_two_slots(desk: Desk, sink: MailSink, set_clock: Clock) -> None:
    set_clock(BACK.now)
    hours(desk, "01:00", "02:00")
    shown = slots(desk, NEW_YORK, BACK.day, BACK.day, 30)
    first, second = "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"
    assert [one["local"] for one in shown if "01:30" in one["local"]] == [first, second]
    indian = [one["local"] for one in slots(desk, INDIA, BACK.day, BACK.day, 30)]
    assert indian == [f"2026-11-01T{at}:00+05:30" for at in ("10:30", "11:00", "11:30", "12:00")]
    for at, uid, zone, utc in ((first, STUDENT, "EDT", "053000"), (second, OTHER, "EST", "063000")):
        booking_id = book(desk, at, uid=uid, minutes=30)
        assert f"DTSTART:20261101T{utc}Z" in file(desk, booking_id, MENTOR)[0]
        check_mail(invitations(desk, sink, MENTOR)[-1], at, zone, at)


def test_the_hour_that_is_left_out_is_none(desk: Desk, set_clock: Clock) -> None:
    set_clock(FORWARD.now)
    hours(desk, "02:00", "03:00")
    assert slots(desk, NEW_YORK, FORWARD.day, FORWARD.day, 30) == []
    assert len(slots(desk, NEW_YORK, FORWARD.day - DAY, FORWARD.day - DAY, 30)) == 2
