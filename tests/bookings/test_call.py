"""The call of a booking: its window, each side's way in, the fallback, and who has come."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest

from konnect import clock
from konnect.errors import Conflict, KonnectError, Unavailable
from konnect.platform import PlatformConfig
from konnect.store import Query
from tests.payments.api import error_code
from tests.support import at_once

from .calls import APP_ID, SECRET, attendance, event, post, premium, running, take
from .conftest import HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk

SECOND = timedelta(seconds=1)
OPENS, CLOSES = SLOT - 10 * MINUTE, SLOT + HOUR + 5 * MINUTE
FALLBACK = PlatformConfig(callProvider="fallback", callFallbackUrl="https://meet.example.com/r/{roomName}?m={mentorId}")


@pytest.fixture
def hearing(open_desk: Callable[..., Desk]) -> Desk:
    """A desk that Jitsi tells of its calls."""
    made = open_desk(jitsi_webhook_secret=SECRET, jitsi_app_id=APP_ID, jitsi_app_secret="s" * 32)
    made.no_webhooks()
    return made


class TestWindow:
    def test_waits_opens_and_closes(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        early = take(desk, booking_id, STUDENT, OPENS - 90 * SECOND + timedelta(milliseconds=1))
        assert (early["status"], early["secondsLeft"], early["url"], early["roomName"]) == ("waiting", 90, None, None)
        assert (early["opensAt"], early["closesAt"], early["role"]) == (OPENS, CLOSES, "participant")
        # No room before it is open, and nobody has come.
        assert desk.booking(booking_id)["jitsiRoomName"] is None
        assert attendance(desk, booking_id) == {}
        for moment in (OPENS, SLOT, CLOSES):
            assert take(desk, booking_id, STUDENT, moment)["status"] == "open"
        with pytest.raises(Conflict) as over:
            take(desk, booking_id, STUDENT, CLOSES + timedelta(milliseconds=1))
        assert over.value.code == "SESSION_ENDED"

    def test_not_paid_cancelled_and_called_completed(self, desk: Desk) -> None:
        unpaid = desk.book()["id"]
        with pytest.raises(Conflict) as refused:
            take(desk, unpaid, STUDENT, OPENS)
        assert refused.value.code == "NOT_CONFIRMED"
        cancelled = desk.confirmed(OTHER, scheduled_at=SLOT + 2 * HOUR)
        desk.cancel(cancelled, "mentor", NOW)
        with pytest.raises(Conflict) as refused:
            take(desk, cancelled, OTHER, SLOT + 2 * HOUR)
        assert refused.value.code == "BOOKING_CANCELLED"
        # Called completed early, it does not shut the student out.
        booking_id = desk.confirmed(scheduled_at=SLOT + 4 * HOUR)
        desk.complete(booking_id, SLOT + 4 * HOUR)
        assert take(desk, booking_id, STUDENT, SLOT + 4 * HOUR + MINUTE)["status"] == "open"

    def test_who_may(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        for uid, asked, code in ((OTHER, booking_id, "NOT_A_PARTICIPANT"), (STUDENT, "none", "BOOKING_NOT_FOUND")):
            with pytest.raises(KonnectError) as refused:
                take(desk, asked, uid, SLOT)
            assert refused.value.code == code


class TestWayIn:
    def test_one_room_that_nobody_guesses(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        links = [take(desk, booking_id, uid, SLOT) for uid in (STUDENT, MENTOR, STUDENT)]
        [room] = {one["roomName"] for one in links}
        assert room.startswith(f"graphora-{booking_id.lower()}-")
        assert len(room.rpartition("-")[2]) == 16
        assert desk.booking(booking_id)["jitsiRoomName"] == room
        assert {(one["url"], one["token"], one["domain"]) for one in links} == {
            (f"https://meet.jit.si/{room}", None, "meet.jit.si")
        }
        assert [one["role"] for one in links] == ["participant", "moderator", "participant"]

    def test_all_at_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        taken = at_once(8, lambda n: take(desk, booking_id, (STUDENT, MENTOR)[n % 2], SLOT))
        # Some may have been told to try again.
        taken += [take(desk, booking_id, uid, SLOT) for uid in (STUDENT, MENTOR)]
        assert {one["roomName"] for one in taken if isinstance(one, dict)} == {
            desk.booking(booking_id)["jitsiRoomName"]
        }
        assert all(isinstance(one, dict | Unavailable) for one in taken)
        known = attendance(desk, booking_id)
        assert (known["student"]["joins"], known["mentor"]["joins"]) == (1, 1)
        assert desk.told("session_started") == sorted([MENTOR, STUDENT])

    @pytest.mark.parametrize("has_premium", [False, True])
    def test_the_token_is_the_side_s_own(self, open_desk: Callable[..., Desk], has_premium: bool) -> None:
        desk = open_desk(jitsi_url="https://call.example.com", jitsi_app_id="konnect", jitsi_app_secret="s" * 32)
        desk.no_webhooks()
        booking_id = desk.confirmed()
        if has_premium:
            premium(desk, now=SLOT)
        users: dict[str, Any] = {}
        for uid in (STUDENT, MENTOR):
            link = take(desk, booking_id, uid, SLOT)
            options = {"verify_exp": False, "verify_nbf": False}
            claims = jwt.decode(link["token"], "s" * 32, algorithms=["HS256"], audience="jitsi", options=options)
            assert link["url"] == f"https://call.example.com/{link['roomName']}?jwt={link['token']}"
            assert (claims["nbf"], claims["exp"]) == (OPENS.timestamp(), CLOSES.timestamp())
            users[uid] = (claims["context"]["user"], claims["context"]["features"]["recording"])
        assert users[STUDENT] == (
            {"id": STUDENT, "name": "Meera", "moderator": "false", "affiliation": "member"},
            "false",
        )
        assert users[MENTOR] == (
            {"id": MENTOR, "name": "Ravi", "moderator": "true", "affiliation": "owner"},
            "true" if has_premium else "false",
        )

    def test_the_fallback(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        assert take(desk, booking_id, STUDENT, NOW, config=FALLBACK)["provider"] == "fallback"
        links = [take(desk, booking_id, uid, SLOT, config=FALLBACK) for uid in (STUDENT, MENTOR)]
        room = desk.booking(booking_id)["jitsiRoomName"]
        assert {(one["provider"], one["url"], one["token"], one["domain"]) for one in links} == {
            ("fallback", f"https://meet.example.com/r/{room}?m={MENTOR}", None, "meet.example.com")
        }
        # Who has come is known all the same.
        assert attendance(desk, booking_id)["mentor"]["joins"] == 1
        assert desk.told("session_started") == sorted([MENTOR, STUDENT])


class TestFallbackConfiguration:
    @pytest.mark.parametrize(
        "url",
        [
            "http://meet.example.com/{roomName}",
            "https://meet.example.com/one-for-all",
            "https://meet.example.com/{room}/{roomName}",
            "https://{roomName}/",
            "https://meet.example.com@{roomName}/",
            "javascript:alert({roomName})",
        ],
    )
    def test_what_leads_to_no_room_of_one_s_own(self, url: str) -> None:
        with pytest.raises(ValueError, match="callFallbackUrl"):
            PlatformConfig(callFallbackUrl=url)

    def test_no_switch_to_nowhere(self) -> None:
        with pytest.raises(ValueError, match="callFallbackUrl"):
            PlatformConfig(callProvider="fallback")


class TestWhoHasCome:
    def test_by_link(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        take(desk, booking_id, STUDENT, OPENS)
        first = {"firstJoinedAt": OPENS, "lastSeenAt": OPENS, "joins": 1, "inRoomAt": None}
        assert attendance(desk, booking_id)["student"] == first
        take(desk, booking_id, STUDENT, OPENS + 59 * SECOND)
        assert attendance(desk, booking_id)["student"] == first
        take(desk, booking_id, STUDENT, OPENS + 60 * SECOND)
        assert attendance(desk, booking_id)["student"] == {**first, "lastSeenAt": OPENS + 60 * SECOND}
        assert attendance(desk, booking_id)["mentor"] is None
        assert desk.told("session_started") == []
        for _ in range(2):
            take(desk, booking_id, MENTOR, SLOT)
        assert desk.told("session_started") == sorted([MENTOR, STUDENT])

    def test_by_jitsi_in_any_order_and_again(self, hearing: Desk) -> None:
        booking_id = running(hearing)
        now = clock.to_millisecond(clock.now())
        room = take(hearing, booking_id, STUDENT, now - 20 * SECOND)["roomName"]
        left = event("PARTICIPANT_LEFT", room, at=now - 5 * SECOND, id=MENTOR)
        came = event("PARTICIPANT_JOINED", room, at=now - 15 * SECOND, id=MENTOR)
        assert [post(hearing, one).json()["outcome"] for one in (left, came, came, left)] == [
            "noted",
            "noted",
            "repeat",
            "repeat",
        ]
        assert attendance(hearing, booking_id)["mentor"] == {
            "firstJoinedAt": now - 15 * SECOND,
            "lastSeenAt": now - 5 * SECOND,
            "joins": 1,
            "inRoomAt": now - 15 * SECOND,
        }
        assert hearing.told("session_started") == sorted([MENTOR, STUDENT])
        for name, at in (("ROOM_CREATED", now - 20 * SECOND), ("ROOM_DESTROYED", now - SECOND)):
            assert post(hearing, event(name, room, at=at)).json()["outcome"] == "noted"
        known = attendance(hearing, booking_id)
        assert (known["roomOpenedAt"], known["roomClosedAt"]) == (now - 20 * SECOND, now - SECOND)
        assert known["student"]["inRoomAt"] is None

    def test_what_is_no_evidence(self, hearing: Desk) -> None:
        booking_id = running(hearing)
        now = clock.now()
        room = take(hearing, booking_id, STUDENT, now)["roomName"]
        before = attendance(hearing, booking_id)
        foreign = {**event("PARTICIPANT_JOINED", room, id=MENTOR), "fqn": f"vpaas-magic-cookie-other/{room}"}
        for ignored in (
            event("PARTICIPANT_JOINED", room, id=OTHER),
            event("PARTICIPANT_JOINED", room, id=MENTOR, isBreakout=True),
            event("PARTICIPANT_JOINED", room, at=now - HOUR, id=MENTOR),
            event("PARTICIPANT_JOINED", f"{room[:-1]}-", id=MENTOR),
            event("PARTICIPANT_JOINED", "graphora-grp-20260601-xyz-0123456789abcdef", id=MENTOR),
            event("PARTICIPANT_JOINED", "somebody-s-room", id=MENTOR),
            event("POLL_CREATED", room),
            foreign,
            {"eventType": "PARTICIPANT_JOINED"},
        ):
            answer = post(hearing, ignored)
            assert (answer.status_code, answer.json()) == (200, {"outcome": "ignored"}), ignored
        assert attendance(hearing, booking_id) == before
        assert len(Query(("externalEvents",)).filter("provider", "==", "jitsi").run(hearing.ctx.db)) == 9

    def test_what_is_not_signed(self, hearing: Desk) -> None:
        booking_id = running(hearing)
        room = take(hearing, booking_id, STUDENT, clock.now())["roomName"]
        joined = event("PARTICIPANT_JOINED", room, id=MENTOR)
        for answer in (
            post(hearing, joined, secret="another"),
            post(hearing, joined, at=clock.now() - 25 * HOUR),
            hearing.api.user(None).post("/api/webhooks/jitsi", joined),
            hearing.api.user(None).call("POST", "/api/webhooks/jitsi", joined, **{"X-Jaas-Signature": "t=1,v1=AAAA"}),
        ):
            assert (answer.status_code, error_code(answer)) == (400, "INVALID_SIGNATURE")
        assert attendance(hearing, booking_id)["mentor"] is None


class TestHttp:
    def test_the_link(self, desk: Desk) -> None:
        booking_id = running(desk)
        path = f"/api/bookings/{booking_id}/meeting-link"
        assert desk.api.user(None).get(path).status_code == 401
        assert (
            desk.api.user(OTHER).get(path).status_code,
            desk.api.user(STUDENT).get("/api/bookings/x/meeting-link").status_code,
        ) == (403, 404)
        found = desk.api.user(MENTOR, role="expert").get(path)
        assert found.status_code == 200
        booking = desk.booking(booking_id)
        assert found.json() == {
            "status": "open",
            "provider": "jitsi",
            "role": "moderator",
            "url": f"https://meet.jit.si/{booking['jitsiRoomName']}",
            "token": None,
            "roomName": booking["jitsiRoomName"],
            "domain": "meet.jit.si",
            "opensAt": clock.iso(booking["scheduledAt"] - 10 * MINUTE),
            "closesAt": clock.iso(booking["endsAt"] + 5 * MINUTE),
            "scheduledAt": clock.iso(booking["scheduledAt"]),
            "endsAt": clock.iso(booking["endsAt"]),
            "secondsLeft": 0,
        }
        # What nobody reads but the functions is not in what both see.
        assert "jitsiRoomName" not in desk.api.user(STUDENT).get(f"/api/bookings/{booking_id}").json()
