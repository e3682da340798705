"""Sessions in people's calendars: files, the secret feed, and invitations as the mail sandbox has received them."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import icalendar
import pytest

from konnect import clock
from konnect.bookings import feeds
from konnect.http.triggers import Change
from konnect.notifications import triggers
from konnect.store import Query
from local.sandboxes import background
from local.sandboxes.mail import MailSink
from tests.bookings.conftest import DAY, MENTOR, NOW, OTHER, SLOT, STUDENT, Desk

ADDRESSES = {STUDENT: "meera@konnect.test", MENTOR: "ravi@konnect.test"}
FROM, APP = "hello@konnect.test", "https://app.konnect.test"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    made = MailSink(0, 0)
    with background(made):
        yield made


@pytest.fixture
def desk(open_desk: Callable[..., Desk], sink: MailSink) -> Desk:
    mail = {"smtp_host": "127.0.0.1", "smtp_port": sink.smtp_port, "smtp_tls": "none"}
    made = open_desk(**mail, mail_from=f"Konnect <{FROM}>", app_url=f"{APP}/")
    made.no_webhooks()
    for uid, address in ADDRESSES.items():
        made.ctx.db.set(("users", uid), {"email": address}, merge=True)
    return made


def parsed(content: bytes | str) -> tuple[Any, list[Any]]:
    """A calendar, and its events."""
    calendar: Any = icalendar.Calendar.from_ical(content)
    for event in calendar.walk("VEVENT"):
        assert not event.errors
    return calendar, list(calendar.walk("VEVENT"))


def file(desk: Desk, booking_id: str, uid: str = STUDENT) -> tuple[str, Any]:
    answer = desk.api.user(uid).get(f"/api/bookings/{booking_id}/calendar.ics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{booking_id}.ics"'
    (event,) = parsed(answer.content)[1]
    return answer.text, event


def posted(desk: Desk, sink: MailSink, uid: str) -> list[EmailMessage]:
    """Deliver what was told; the mails of somebody, the first first."""
    for told in Query(("notifications",), order=(("createdAt", "asc"),)).run(desk.ctx.db):
        path = f"notifications/{told['id']}"
        triggers.on_notification_created(
            desk.ctx, Change("e", path, {"notificationId": told["id"]}, None, told, NOW), NOW
        )
    found = []
    for mail in sink.mailbox.find(ADDRESSES[uid]):
        message = message_from_bytes(mail.raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        found.append(message)
    return found[::-1]


def invitation(message: EmailMessage) -> tuple[str, Any]:
    """The method and the event of a mail, by the part and the file that clients look at."""
    assert message.get_content_type() == "multipart/mixed"
    alternative, attached = message.iter_parts()
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    part = list(alternative.iter_parts())[-1]
    method = part["Content-Type"].params["method"]
    content = part.get_payload(decode=True)
    assert attached.get_filename() == "invite.ics"
    assert attached.get_content_type() == "application/ics"
    assert attached.get_payload(decode=True) == content
    assert content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.splitlines())) <= 75
    calendar, (event,) = parsed(content)
    assert calendar["METHOD"] == method
    return method, event


class TestFile:
    def test_what_it_says_to_each(self, desk: Desk) -> None:
        booking_id = desk.confirmed(agenda="Sharding; queues, and\ntrade-offs — für alle")
        text, event = file(desk, booking_id)
        assert event["UID"] == f"{booking_id}@konnect.test"
        assert (event["DTSTART"].dt, event["DTEND"].dt) == (SLOT, SLOT + timedelta(hours=1))
        assert "DTSTART:20260604T100000Z" in text
        assert (event["STATUS"], event["SEQUENCE"]) == ("CONFIRMED", 0)
        assert event["SUMMARY"] == "Mock Interview with Ravi"
        assert event["URL"] == event["LOCATION"] == f"{APP}/call/{booking_id}"
        said = str(event["DESCRIPTION"])
        assert said.startswith("Topic: Mock Interview\nAgenda: Sharding; queues, and\ntrade-offs — für alle\n")
        assert said.endswith(f"/call/{booking_id}")
        assert event["ORGANIZER"] == f"mailto:{FROM}"
        # Who publishes names no attendees (RFC 5546, 3.2.1).
        assert "ATTENDEE" not in event
        (alarm,) = event.walk("VALARM")
        assert alarm["TRIGGER"].dt == timedelta(minutes=-15)
        text, event = file(desk, booking_id, MENTOR)
        assert event["SUMMARY"] == "Mock Interview with Meera"
        assert not [one for one in ADDRESSES.values() if one in text]

    def test_moved_and_cancelled(self, desk: Desk) -> None:
        booking_id = desk.confirmed(topic="Custom")
        assert file(desk, booking_id)[1]["SUMMARY"] == "Session with Ravi"
        desk.move(booking_id, SLOT + DAY)
        event = file(desk, booking_id)[1]
        assert (event["SEQUENCE"], event["DTSTART"].dt) == (1, SLOT + DAY)
        desk.cancel(booking_id, "mentor", NOW)
        event = file(desk, booking_id)[1]
        assert (event["SEQUENCE"], event["STATUS"], event.walk("VALARM")) == (2, "CANCELLED", [])

    def test_refusals(self, desk: Desk) -> None:
        unpaid, paid = str(desk.book(scheduled_at=SLOT + DAY)["id"]), desk.confirmed()
        for uid, booking_id, status, code in (
            (None, paid, 401, "UNAUTHENTICATED"),
            (OTHER, paid, 403, "NOT_A_PARTICIPANT"),
            (STUDENT, "GRP-20260601-000", 404, "BOOKING_NOT_FOUND"),
            (STUDENT, unpaid, 409, "NOT_CONFIRMED"),
        ):
            answer = desk.api.user(uid).get(f"/api/bookings/{booking_id}/calendar.ics")
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


class TestFeed:
    def test_it_is_made_read_replaced_and_removed(self, desk: Desk) -> None:
        meera, nobody = desk.api.user(STUDENT), desk.api.user(None)
        assert meera.get("/api/calendar-feed").json() == {"active": False, "createdAt": None}
        first = meera.post("/api/calendar-feed").json()["path"]
        assert meera.get("/api/calendar-feed").json()["active"] is True
        assert nobody.get(first).status_code == 200
        # The token is kept nowhere.
        token = first.removeprefix("/api/calendar/").removesuffix(".ics")
        (kept,) = Query((feeds.COLLECTION,)).run(desk.ctx.db)
        assert (kept["uid"], kept["id"]) == (STUDENT, feeds.id_of(token))
        assert token not in json.dumps(kept, default=str)
        second = meera.post("/api/calendar-feed").json()["path"]
        assert (nobody.get(first).status_code, nobody.get(second).status_code) == (404, 200)
        for _ in range(2):
            assert meera.call("DELETE", "/api/calendar-feed").status_code == 204
        assert nobody.get(second).status_code == 404
        assert Query((feeds.COLLECTION,)).run(desk.ctx.db) == []
        for method in ("GET", "POST", "DELETE"):
            assert nobody.call(method, "/api/calendar-feed").status_code == 401

    def test_all_that_one_is_booked_for(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        # By the real time, which the feed is read at.
        now = clock.now()
        at = now.replace(minute=0, second=0, microsecond=0) + 3 * DAY
        desk.mentor_of(STUDENT)
        held, cancelled = (desk.confirmed(now=now, scheduled_at=at + days * DAY) for days in (0, 1))
        desk.cancel(cancelled, "mentor", now)
        desk.book(now=now, scheduled_at=at + 2 * DAY)
        taught = desk.confirmed(OTHER, now=now, mentor_id=STUDENT, scheduled_at=at - DAY)
        desk.confirmed(OTHER, now=now, scheduled_at=at + 3 * DAY)
        session(desk, "s1", at + timedelta(hours=5), "confirmed")
        session(desk, "s2", at + timedelta(hours=7), "cancelled")
        path = desk.api.user(STUDENT).post("/api/calendar-feed").json()["path"]
        with caplog.at_level(logging.INFO, "konnect.http.app"):
            answer = desk.api.user(None).get(path)
        calendar, events = parsed(answer.content)
        assert [event["SUMMARY"] for event in events] == [
            "Mock Interview with Arjun",
            "Mock Interview with Ravi",
            "Video call with Ravi",
        ]
        assert [str(event["UID"]).partition("@")[0] for event in events] == [taught, held, "s1"]
        assert (calendar["REFRESH-INTERVAL"].dt, calendar["X-WR-CALNAME"]) == (timedelta(hours=1), "Konnect sessions")
        assert answer.headers["Cache-Control"] == "private, max-age=300"
        assert "RateLimit" in answer.headers
        assert not [one for one in ADDRESSES.values() if one in answer.text]
        (logged,) = [record for record in caplog.records if record.message == "request"]
        assert logged.__dict__["path"] == "/api/calendar/*.ics"
        # Unchanged, it is not sent again; changed, it is.
        again = desk.api.user(None).call("GET", path, None, **{"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        desk.cancel(held, "student", now)
        changed = desk.api.user(None).call("GET", path, None, **{"If-None-Match": answer.headers["ETag"]})
        assert (changed.status_code, len(parsed(changed.content)[1])) == (200, 2)

    def test_ninety_days_back_and_no_more(self, desk: Desk) -> None:
        desk.confirmed()
        publisher = feeds.Publisher(FROM, APP)
        for days, shown in ((89, 1), (91, 0)):
            content = feeds.content(desk.ctx.db, STUDENT, publisher, now=SLOT + days * DAY)
            assert len(parsed(content)[1]) == shown

    def test_nobody_s_calendar(self, desk: Desk) -> None:
        nobody = desk.api.user(None)
        for path in ("/api/calendar/x.ics", f"/api/calendar/{'x' * 43}.ics", "/api/calendar/x"):
            assert nobody.get(path).status_code == 404
        path = desk.api.user(STUDENT).post("/api/calendar-feed").json()["path"]
        desk.ctx.db.set(("users", STUDENT), {"disabled": True}, merge=True)
        assert nobody.get(path).status_code == 404
        feeds.erase(desk.ctx.db, STUDENT)
        feeds.erase(desk.ctx.db, STUDENT)
        assert Query((feeds.COLLECTION,)).run(desk.ctx.db) == []


def session(desk: Desk, session_id: str, at: datetime, status: str) -> None:
    desk.ctx.db.set(
        ("sessions", session_id),
        {
            "userId": STUDENT,
            "userName": "Meera",
            "expertUid": MENTOR,
            "expertName": "Ravi",
            "type": "video",
            "status": status,
            "scheduledAt": at,
            "endsAt": at + timedelta(minutes=30),
            "bookedMinutes": 30,
            "updatedAt": NOW,
        },
    )


class TestInvitations:
    def test_from_the_booking_to_its_end(self, desk: Desk, sink: MailSink) -> None:
        booking_id = desk.confirmed()
        (mail,) = posted(desk, sink, STUDENT)
        method, event = invitation(mail)
        assert (method, event["SEQUENCE"], event["STATUS"]) == ("REQUEST", 0, "CONFIRMED")
        assert (event["UID"], event["DTSTART"].dt) == (f"{booking_id}@konnect.test", SLOT)
        assert event["ORGANIZER"] == f"mailto:{FROM}"
        assert event["ATTENDEE"] == f"mailto:{ADDRESSES[STUDENT]}"
        assert (event["ATTENDEE"].params["PARTSTAT"], event["ATTENDEE"].params["RSVP"]) == ("ACCEPTED", "FALSE")
        assert ADDRESSES[MENTOR] not in str(mail)
        mentors = posted(desk, sink, MENTOR)
        # The payment's mail is none.
        assert [one.is_multipart() and one.get_content_type() for one in mentors] in (
            ["multipart/mixed", "multipart/alternative"],
            ["multipart/alternative", "multipart/mixed"],
        )
        (invited,) = [one for one in mentors if one.get_content_type() == "multipart/mixed"]
        assert invitation(invited)[1]["ATTENDEE"] == f"mailto:{ADDRESSES[MENTOR]}"
        assert ADDRESSES[STUDENT] not in str(invited)
        desk.move(booking_id, SLOT + DAY, NOW + timedelta(minutes=1))
        method, event = invitation(posted(desk, sink, STUDENT)[-1])
        assert (method, event["SEQUENCE"], event["DTSTART"].dt) == ("REQUEST", 1, SLOT + DAY)
        desk.cancel(booking_id, "student", NOW + timedelta(minutes=2))
        method, event = invitation(posted(desk, sink, STUDENT)[-1])
        assert (method, event["SEQUENCE"], event["STATUS"]) == ("CANCEL", 2, "CANCELLED")
        assert event["UID"] == f"{booking_id}@konnect.test"
        assert event.walk("VALARM") == []

    def test_the_reader_s_own_zone(self, desk: Desk, sink: MailSink) -> None:
        desk.mentor_of(MENTOR, timeZone="America/New_York")
        desk.confirmed(time_zone="Asia/Kolkata")
        (students,) = posted(desk, sink, STUDENT)
        assert "Thursday, 4 June 2026 at 15:30 IST" in text_of(students)
        mentors = [text_of(one) for one in posted(desk, sink, MENTOR)]
        assert all("Thursday, 4 June 2026 at 06:00 EDT" in one for one in mentors)
        assert "IST" not in "".join(mentors)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())
