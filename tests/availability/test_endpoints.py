"""Availability over HTTP: set by the mentor, shown to everybody who is signed in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from konnect import clock
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.config import load
from konnect.context import Context
from konnect.platform import platform_config
from konnect.store import Doc
from tests.payments.api import Api, User, error_code, serve
from tests.support import new_context

MENTOR = "ravi"
EVERY_DAY = [{"dayOfWeek": day, "slots": [{"start": "09:00", "end": "11:00"}]} for day in range(7)]


@pytest.fixture
def api() -> Iterator[Api]:
    settings = load().model_copy(update={"firebase_auth_emulator_host": "127.0.0.1:1", "minute_s": 60.0})
    ctx = new_context(settings)
    ctx.db.set(
        ("experts", MENTOR),
        {
            "name": "Ravi",
            "firebaseUid": MENTOR,
            "mentorStatus": "approved",
            "available": False,
            "createdAt": clock.now(),
        },
    )
    ctx.db.set(("users", MENTOR), {"name": "Ravi", "disabled": False})
    with serve(ctx) as made:
        yield made


@pytest.fixture
def mentor(api: Api) -> User:
    return api.user(MENTOR, role="expert")


def _ctx(api: Api) -> Context:
    return api._ctx


def change(user: User, **fields: Any) -> Doc:
    response = user.call("PUT", "/api/mentors/availability", fields)
    assert response.status_code == 200, response.text
    return dict(response.json())


def slots(api: Api, **query: Any) -> Doc:
    response = api.user("meera").get(f"/api/mentors/{MENTOR}/slots", **query)
    assert response.status_code == 200, response.text
    return dict(response.json())


class TestSetting:
    def test_who_may(self, api: Api, mentor: User) -> None:
        for path, method in (
            ("/api/mentors/availability", "PUT"),
            ("/api/mentors/availability", "GET"),
            ("/api/mentors/toggle-bookings", "PUT"),
        ):
            assert api.user(None).call(method, path, {}).status_code == 401
            assert api.user("meera").call(method, path, {}).status_code == 403
            assert api.user("nobody", role="expert").call(method, path, {}).status_code == 404
            assert mentor.call(method, path, {}).status_code == 200

    def test_what_is_left_out_stays(self, mentor: User) -> None:
        assert change(mentor) == {
            "timeZone": "Asia/Kolkata",
            "isAcceptingBookings": True,
            "availability": [],
            "exceptions": [],
            "vacation": None,
            "noticeMins": 120,
            "bufferMins": 0,
            "horizonDays": 60,
        }
        week = [{"dayOfWeek": 1, "slots": [{"start": "09:00", "end": "12:30"}, {"start": "22:00", "end": "24:00"}]}]
        day_off = [{"date": "2026-06-01", "slots": []}]
        away = {"from": "2026-07-01", "to": "2026-07-14"}
        change(mentor, timeZone="Europe/London", availability=week, exceptions=day_off, vacation=away)
        changed = change(mentor, noticeMins=30, bufferMins=15, horizonDays=90)
        assert changed == mentor.get("/api/mentors/availability").json()
        assert changed == {
            "timeZone": "Europe/London",
            "isAcceptingBookings": True,
            "availability": week,
            "exceptions": day_off,
            "vacation": away,
            "noticeMins": 30,
            "bufferMins": 15,
            "horizonDays": 90,
        }
        assert change(mentor, vacation=None)["vacation"] is None

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"timeZone": "Mars/Olympus"}, "timeZone"),
            ({"availability": [{"dayOfWeek": 7, "slots": []}]}, "availability.0.dayOfWeek"),
            ({"availability": [{"dayOfWeek": 1, "slots": []}] * 2}, "availability"),
            (
                {"availability": [{"dayOfWeek": 1, "slots": [{"start": "09:15", "end": "10:00"}]}]},
                "availability.0.slots.0.start",
            ),
            (
                {"availability": [{"dayOfWeek": 1, "slots": [{"start": "10:00", "end": "09:00"}]}]},
                "availability.0.slots.0",
            ),
            (
                {
                    "availability": [
                        {
                            "dayOfWeek": 1,
                            "slots": [{"start": "09:00", "end": "11:00"}, {"start": "10:30", "end": "12:00"}],
                        }
                    ]
                },
                "availability.0.slots",
            ),
            ({"exceptions": [{"date": "2026-02-30", "slots": []}]}, "exceptions.0.date"),
            ({"exceptions": [{"date": "2026-02-20", "slots": []}] * 2}, "exceptions"),
            ({"vacation": {"from": "2026-02-20", "to": "2026-02-19"}}, "vacation"),
            ({"noticeMins": -1}, "noticeMins"),
            ({"bufferMins": 241}, "bufferMins"),
            ({"horizonDays": 0}, "horizonDays"),
        ],
    )
    def test_what_is_wrong_is_named(self, mentor: User, fields: Doc, field: str) -> None:
        response = mentor.call("PUT", "/api/mentors/availability", fields)
        assert response.status_code == 400
        assert [one["field"] for one in response.json()["error"]["details"]] == [field]

    def test_the_switch(self, api: Api, mentor: User) -> None:
        change(mentor, availability=EVERY_DAY)
        assert slots(api)["items"]
        assert mentor.call("PUT", "/api/mentors/toggle-bookings", {}).json()["isAcceptingBookings"] is False
        assert slots(api)["items"] == []
        body = {"isAcceptingBookings": True}
        assert mentor.call("PUT", "/api/mentors/toggle-bookings", body).json()["isAcceptingBookings"] is True
        assert mentor.call("PUT", "/api/mentors/toggle-bookings", body).json()["isAcceptingBookings"] is True
        wrong = mentor.call("PUT", "/api/mentors/toggle-bookings", {"isAcceptingBookings": "yes"})
        assert wrong.json()["error"]["details"][0]["field"] == "isAcceptingBookings"


class TestShowing:
    def test_who_may(self, api: Api) -> None:
        assert api.user(None).get(f"/api/mentors/{MENTOR}/slots").status_code == 401
        missing = api.user("meera").get("/api/mentors/nobody/slots")
        assert (missing.status_code, error_code(missing)) == (404, "EXPERT_NOT_FOUND")

    def test_in_the_zone_that_is_asked_for(self, api: Api, mentor: User) -> None:
        change(mentor, availability=EVERY_DAY)
        day = (clock.now() + timedelta(days=3)).date()
        found = slots(api, **{"from": day, "to": day, "tz": "America/New_York", "duration": 60})
        assert (found["timeZone"], found["duration"]) == ("America/New_York", 60)
        # From 09:00 to 11:00 in India, three hours begin on the half-hour.
        assert len(found["items"]) == 3
        zone = ZoneInfo("America/New_York")
        for item in found["items"]:
            local = clock.iso(_moment(item["local"]))
            assert item["startsAt"].endswith("Z")
            assert local == item["startsAt"]
            assert _moment(item["local"]).astimezone(zone).date() == day
            assert item["local"].endswith(("-04:00", "-05:00"))
        assert len(slots(api, **{"from": day, "to": day})["items"]) == 4

    def test_what_is_taken_is_not_shown(self, api: Api, mentor: User) -> None:
        """Whatever has taken it: a booking, a session, or the mentor's own as a student."""
        change(mentor, availability=EVERY_DAY, bufferMins=30)
        day = (clock.now() + timedelta(days=3)).date()
        wanted = {"from": day, "to": day}
        shown = [_moment(item["startsAt"]) for item in slots(api, **wanted)["items"]]
        assert len(shown) == 4
        now = clock.now()
        taken = Reservation("s1", shown[0], shown[0] + timedelta(minutes=30), "session")
        _ctx(api).run(lambda tx: calendar.reserve(tx, [MENTOR], taken, now=now))
        assert [_moment(item["startsAt"]) for item in slots(api, **wanted)["items"]] == shown[2:]
        held = Reservation("b1", shown[3], shown[3] + timedelta(minutes=30), "booking", now + timedelta(minutes=10))
        _ctx(api).run(lambda tx: calendar.reserve(tx, [MENTOR], held, now=now))
        assert slots(api, **wanted)["items"] == []

    @pytest.mark.parametrize("claim", [f"expert:{MENTOR}", f"user:{MENTOR}"])
    def test_a_session_by_the_minute_is_not_shown_either(self, api: Api, mentor: User, claim: str) -> None:
        """On either side, up to its longest length and the buffer before a booking; one that waits has not begun."""
        whole = [{"dayOfWeek": day, "slots": [{"start": "00:00", "end": "24:00"}]} for day in range(7)]
        change(mentor, availability=whole, noticeMins=0)
        ctx, now = _ctx(api), clock.now()

        def later() -> list[Any]:
            """Without those whose time may come while the test runs."""
            found = [_moment(item["startsAt"]) for item in slots(api)["items"]]
            return [start for start in found if start > now + timedelta(minutes=5)]

        shown = later()
        ctx.db.set(("claims", claim), {"sessions": ["s1"], "session": "s1"})
        ctx.db.set(("sessions", "s1"), {"startedAt": None, "maxMinutes": 60})
        assert later() == shown
        ctx.db.set(("sessions", "s1"), {"startedAt": now, "maxMinutes": 60})
        free_at = now + timedelta(minutes=60 + platform_config(ctx.db).bookingBufferMins)
        assert later() == [start for start in shown if start >= free_at] != shown

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"from": "2027-01-01", "to": "2026-12-31"}, "query"),
            ({"from": "2027-01-01", "to": "2027-03-04"}, "query"),
            ({"to": "2020-01-01"}, "to"),
            ({"from": "soon"}, "from"),
            ({"from": "0001-01-01", "tz": "Pacific/Kiritimati"}, "from"),
            ({"from": "9999-12-31"}, "from"),
            ({"tz": "Mars/Olympus"}, "tz"),
            ({"duration": "45"}, "duration"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, query: Doc, field: str) -> None:
        response = api.user("meera").get(f"/api/mentors/{MENTOR}/slots", **query)
        assert response.status_code == 400
        assert [one["field"] for one in response.json()["error"]["details"]] == [field]

    def test_sixty_two_days(self, api: Api, mentor: User) -> None:
        _ctx(api).db.set(("config", "platform"), {"bookingHorizonDays": 90})
        change(mentor, availability=EVERY_DAY, horizonDays=365)
        today = clock.now().date()
        found = slots(api, **{"from": today, "to": today + timedelta(days=61)})
        assert len(found["items"]) >= 4 * 61
        # A mentor without an account can't be booked.
        _ctx(api).db.set(("experts", MENTOR), {"firebaseUid": None}, merge=True)
        assert slots(api)["items"] == []


def _moment(value: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(value.replace("Z", "+00:00"))
