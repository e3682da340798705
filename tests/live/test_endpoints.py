"""/api/v1/live-sessions over HTTP: who may, what is refused, lists, and the way into the call."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
import pytest

from konnect import clock
from konnect.context import Context
from konnect.errors import Conflict, RateLimited
from konnect.learning import enrollments
from konnect.live import chat, repository
from konnect.store import Doc
from tests.experts import world
from tests.payments.api import Api, User, error_code

HOST, LEARNER = "asha", "meera"
BASE = "/api/v1/live-sessions"
SECRET = "a-secret-of-prosody-that-is-long-enough"


@dataclass
class Desk:
    ctx: Context
    api: Api
    hours: int = 0

    def of(self, uid: str | None, **claims: Any) -> User:
        return self.api.user(uid, **claims)

    def body(self, **fields: Any) -> dict[str, Any]:
        """Of one at a time that is free."""
        self.hours += 2
        at = clock.iso(clock.now() + timedelta(days=1, hours=self.hours))
        given = {"title": "Recursion, live", "scheduledAt": at, "category": "Programming", "maxParticipants": 5}
        return {name: value for name, value in {**given, **fields}.items() if value is not ...}

    def planned(self, by: str = HOST, **fields: Any) -> Doc:
        answer = self.of(by).post(BASE, self.body(**fields))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def live(self, **fields: Any) -> str:
        """One that its host opens now, and ends with the test's `over`."""
        soon = clock.iso(clock.now() + timedelta(minutes=1))
        session_id = str(self.planned(scheduledAt=soon, durationMins=15, **fields)["id"])
        assert self.of(HOST).post(f"{BASE}/{session_id}/join").json()["state"] == "open"
        return session_id

    def over(self, session_id: str) -> None:
        assert self.of(HOST).call("PUT", f"{BASE}/{session_id}", {"status": "ended"}).status_code == 200


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    settings = {"jitsi_url": "https://meet.konnect.test", "jitsi_app_id": "konnect", "jitsi_app_secret": SECRET}
    with world.opened(**settings) as (ctx, api):
        world.expert(ctx, HOST)
        world.expert(ctx, "ravi", status="applied")
        for uid in (HOST, LEARNER, "arjun", "ravi"):
            ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
        ctx.db.set(
            ("courses", "sharding"),
            {"status": "published", "title": "Sharding", "instructor": {"uid": HOST}, "pricePaise": 0},
        )
        yield Desk(ctx, api)


class TestPlan:
    def test_as_documented(self, desk: Desk) -> None:
        made = desk.planned(title="  Call\n9876543210 ", description="Ask me", durationMins=30, category="9876543210")
        assert (made["status"], made["title"], made["durationMins"]) == ("scheduled", "Call [phone number hidden]", 30)
        assert made["category"] == "[phone number hidden]"
        assert made["host"] == {"id": HOST, "uid": HOST, "name": "Asha", "imageUrl": None}
        # For everybody, whoever asks.
        assert desk.of(None).get(f"{BASE}/{made['id']}").json() == made
        stored = desk.ctx.db.get(*repository.call_path(made["id"])) or {}
        assert stored["room"].startswith("live-")
        assert "room" not in desk.ctx.db.get(*repository.path(made["id"]))  # type: ignore[operator]

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"title": "  "}, 400, "INVALID_INPUT"),
            ({"title": "x" * 121}, 400, "INVALID_INPUT"),
            ({"scheduledAt": "2099-01-05T10:00:00"}, 400, "INVALID_INPUT"),
            ({"scheduledAt": "2020-01-05T10:00:00Z"}, 400, "INVALID_INPUT"),
            ({"scheduledAt": "2099-01-05T10:00:00Z"}, 400, "INVALID_INPUT"),
            ({"scheduledAt": "0001-01-01T00:00:00+14:00"}, 400, "INVALID_INPUT"),
            ({"scheduledAt": "9999-12-31T23:59:59-14:00"}, 400, "INVALID_INPUT"),
            ({"durationMins": 14}, 400, "INVALID_INPUT"),
            ({"durationMins": 241}, 400, "INVALID_INPUT"),
            ({"durationMins": "60"}, 400, "INVALID_INPUT"),
            ({"maxParticipants": 0}, 400, "INVALID_INPUT"),
            ({"maxParticipants": 501}, 400, "INVALID_INPUT"),
            ({"courseId": ".."}, 400, "INVALID_INPUT"),
            ({"courseId": "nothing"}, 404, "COURSE_NOT_FOUND"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, fields: dict[str, Any], status: int, code: str) -> None:
        answer = desk.of(HOST).post(BASE, desk.body(**fields))
        assert (answer.status_code, error_code(answer)) == (status, code), answer.text
        if status == 400:
            assert answer.json()["error"]["details"][0]["field"] == next(iter(fields))

    def test_who(self, desk: Desk) -> None:
        for uid, status, code in (
            (None, 401, "UNAUTHENTICATED"),
            (LEARNER, 403, "EDUCATOR_REQUIRED"),
            ("ravi", 403, "EDUCATOR_NOT_APPROVED"),
        ):
            answer = desk.of(uid).post(BASE, desk.body())
            assert (answer.status_code, error_code(answer)) == (status, code)

    def test_its_time_is_taken(self, desk: Desk) -> None:
        first = desk.planned()
        again = desk.of(HOST).post(BASE, desk.body(scheduledAt=first["scheduledAt"]))
        assert (again.status_code, error_code(again)) == (409, "SLOT_TAKEN")
        assert again.json()["error"]["details"][0]["from"] == first["scheduledAt"]


def test_who_may_do_what(desk: Desk) -> None:
    session_id = desk.planned()["id"]
    one = f"{BASE}/{session_id}"
    of_its_host = [("PUT", "", {"title": "Mine"}), ("DELETE", "", None), ("GET", "/participants", None)]
    for method, what, body in of_its_host:
        for caller, status, code in (
            (desk.of(None), 401, "UNAUTHENTICATED"),
            (desk.of("eve"), 403, "NOT_THE_HOST"),
            (desk.of("ravi", role="expert"), 403, "NOT_THE_HOST"),
        ):
            answer = caller.call(method, one + what, body)
            assert (answer.status_code, error_code(answer)) == (status, code), (method, what)
    for method, what in (("GET", "/messages"), ("POST", "/leave")):
        answer = desk.of("eve").call(method, one + what)
        assert (answer.status_code, error_code(answer)) == (403, "NOT_A_PARTICIPANT")
    everything = [*of_its_host, ("GET", "", None), ("GET", "/messages", None), ("POST", "/join", None)]
    for method, what, body in [*everything, ("POST", "/leave", None)]:
        missing = desk.of(HOST).call(method, f"{BASE}/nothing{what}", body)
        assert (missing.status_code, error_code(missing)) == (404, "LIVE_SESSION_NOT_FOUND"), (method, what)
    for wrong in (
        {"status": "cancelled"},
        {"recordingUrl": "http://video.test/1"},
        {"recordingUrl": "https://user@video.test"},
        {"durationMins": 5},
        {"scheduledAt": "9999-12-31T23:59:59Z"},
        {"title": ""},
    ):
        refused = desk.of(HOST).call("PUT", one, wrong)
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, next(iter(wrong)))
    longer = desk.of(HOST).call("PUT", one, {"durationMins": 90, "description": "Bring a pen"})
    assert (longer.status_code, longer.json()["durationMins"]) == (200, 90)
    blank = desk.of(HOST).call("DELETE", f"{one}?reason=%20")
    assert (blank.status_code, blank.json()["error"]["details"][0]["field"]) == (400, "reason")
    # An admin opens none; calls it off, once.
    boss = desk.of("boss", role="admin")
    for caller, status, code in ((boss, 403, "NOT_THE_HOST"), (desk.of(HOST), 409, "SESSION_NOT_OPEN")):
        refused = caller.call("PUT", one, {"status": "live"})
        assert (refused.status_code, error_code(refused)) == (status, code)
    for _ in range(2):
        gone = boss.call("DELETE", f"{one}?reason=spam")
        assert (gone.status_code, gone.json()["status"], gone.json()["endReason"]) == (
            200,
            "cancelled",
            "admin-cancelled",
        )
        assert gone.json()["cancellationReason"] == "spam"
    for method, what, body in (("PUT", "", {"title": "Mine"}), ("POST", "/join", None)):
        late = desk.of(HOST).call(method, one + what, body)
        assert (late.status_code, error_code(late)) == (409, "SESSION_CANCELLED")


def test_the_way_in(desk: Desk) -> None:
    registered = desk.planned()
    place = desk.of(LEARNER).post(f"{BASE}/{registered['id']}/join").json()
    assert (place["state"], place["role"], place["url"], place["token"]) == ("registered", "learner", None, None)
    assert 86_400 < place["secondsLeft"] <= 86_400 + 3600 * desk.hours
    assert place["session"]["participantCount"] == 1
    session_id = desk.live(maxParticipants=1)
    one = f"{BASE}/{session_id}"
    mine, theirs = (desk.of(uid).post(f"{one}/join").json() for uid in (HOST, LEARNER))
    assert (mine["role"], theirs["role"], theirs["state"]) == ("host", "learner", "open")
    assert mine["roomName"] == theirs["roomName"]
    for place, uid, moderator in ((mine, HOST, "true"), (theirs, LEARNER, "false")):
        claims = jwt.decode(place["token"], SECRET, algorithms=["HS256"], audience="jitsi")
        assert claims["room"] == place["roomName"]
        assert (claims["context"]["user"]["id"], claims["context"]["user"]["moderator"]) == (uid, moderator)
        assert claims["context"]["features"]["recording"] == moderator
        assert place["url"].startswith(f"https://meet.konnect.test/{place['roomName']}?jwt=")
    full = desk.of("arjun").post(f"{one}/join")
    assert (full.status_code, error_code(full)) == (409, "SESSION_FULL")
    running = desk.of(HOST).call("DELETE", one)
    assert (running.status_code, error_code(running)) == (409, "SESSION_RUNNING")
    assert desk.of(LEARNER).post(f"{one}/leave").json()["participantCount"] == 1
    desk.over(session_id)
    seen = desk.of(HOST).get(f"{one}/participants", limit=1).json()
    [host] = seen["items"]
    assert (host["userId"], host["role"], host["present"], len(host["stays"])) == (HOST, "host", False, 1)
    [learner] = desk.of("boss", role="admin").get(f"{one}/participants", cursor=seen["nextCursor"]).json()["items"]
    assert (learner["userId"], learner["name"], learner["present"]) == (LEARNER, "Meera", False)
    assert learner["stays"][0]["leftAt"] is not None
    late = desk.of("arjun").post(f"{one}/join")
    assert (late.status_code, error_code(late)) == (409, "SESSION_ENDED")
    for body, status in (({"recordingUrl": "https://video.test/1"}, 200), ({"durationMins": 20}, 409)):
        assert desk.of(HOST).call("PUT", one, body).status_code == status


def test_what_is_for_a_courses_students(desk: Desk) -> None:
    """The recording, and what was said; once the enrolment is taken back, neither."""
    course = {
        "status": "published",
        "title": "Sharding",
        "instructor": {"uid": HOST},
        "pricePaise": 0,
        "id": "joins",
    }
    desk.ctx.db.set(("courses", "joins"), course)
    desk.ctx.run(lambda tx: enrollments.grant(tx, course, LEARNER, source="free", now=clock.now()))
    session_id = desk.live(courseId="joins")
    one = f"{BASE}/{session_id}"
    assert desk.of(LEARNER).post(f"{one}/join").json()["state"] == "open"
    desk.over(session_id)
    url = "https://video.test/1"
    assert desk.of(HOST).call("PUT", one, {"recordingUrl": url}).json()["recordingUrl"] == url

    def seen(uid: str | None, **claims: Any) -> str | None:
        return str(desk.of(uid, **claims).get(one).json()["recordingUrl"])

    assert [seen(HOST), seen(LEARNER), seen("boss", role="admin")] == [url] * 3
    assert [seen(None), seen("arjun"), str((desk.ctx.db.get(*repository.path(session_id)) or {})["recordingUrl"])] == [
        "None"
    ] * 3
    assert desk.of(LEARNER).get(f"{one}/messages").status_code == 200
    desk.ctx.run(lambda tx: enrollments.revoke(tx, "joins", LEARNER, reason="refunded", now=clock.now()))
    assert seen(LEARNER) == "None"
    refused = desk.of(LEARNER).get(f"{one}/messages")
    assert (refused.status_code, error_code(refused)) == (403, "NOT_ENROLLED")


def test_lists(desk: Desk) -> None:
    desk.ctx.db.set(("experts", "nila"), {"name": "Nila", "mentorStatus": "approved", "firebaseUid": "nila"})
    theirs = [desk.planned(by="nila", category="Music", title=f"Raga {number}") for number in range(3)]
    of_course = desk.planned(courseId="sharding")
    desk.of("nila").call("DELETE", f"{BASE}/{theirs[0]['id']}")
    ended = desk.live(category="Music")
    desk.over(ended)
    nobody = desk.of(None)

    def ids(**query: Any) -> list[str]:
        return [one["id"] for one in nobody.get(BASE, **query).json()["items"]]

    coming = [one["id"] for one in theirs[1:]]
    assert ids(hostId="nila") == ids(category="Music") == ids(category="Music", hostId="nila") == coming
    assert ids(courseId="sharding") == [of_course["id"]]
    assert ids(when="live", hostId="nila") == []
    assert ids(when="past", category="Music") == ids(when="past", hostId=HOST, limit=1) == [ended]
    assert ids(when="past", courseId="sharding") == ids(when="past", hostId="nila") == []
    first = nobody.get(BASE, hostId="nila", limit=1).json()
    assert [one["id"] for one in first["items"]] == coming[:1]
    assert ids(hostId="nila", limit=1, cursor=first["nextCursor"]) == coming[1:]
    assert ids(hostId="nila", limit=1, page=2) == coming[1:]
    assert ended not in ids(limit=100)
    own = desk.of("nila").get(BASE, mine="hosting").json()["items"]
    assert [(one["id"], one["status"]) for one in own] == [
        (theirs[2]["id"], "scheduled"),
        (theirs[1]["id"], "scheduled"),
        (theirs[0]["id"], "cancelled"),
    ]
    for one in theirs[1:]:
        assert desk.of("arjun").post(f"{BASE}/{one['id']}/join").status_code == 200
    attended = desk.of("arjun").get(BASE, mine="attending", limit=1).json()
    assert [one["id"] for one in attended["items"]] == coming[1:]
    again = desk.of("arjun").get(BASE, mine="attending", page=2, limit=1).json()
    assert [one["id"] for one in again["items"]] == coming[:1]
    refused = nobody.get(BASE, mine="attending")
    assert (refused.status_code, error_code(refused)) == (401, "UNAUTHENTICATED")
    wrong = nobody.get(BASE, when="someday")
    assert (wrong.status_code, wrong.json()["error"]["details"][0]["field"]) == (400, "when")


def test_what_is_said(desk: Desk) -> None:
    session_id = desk.live()
    desk.of(LEARNER).post(f"{BASE}/{session_id}/join")

    def say(text: str, client_id: str | None = None) -> dict[str, Any]:
        return chat.send(desk.ctx, session_id, LEARNER, text, kind="question", client_id=client_id, now=clock.now())

    first = say("Why?", "c1")
    assert say("changed", "c1") == first
    say("And how?")
    listed = desk.of(HOST).get(f"{BASE}/{session_id}/messages", limit=1).json()
    assert [(one["message"], one["userId"], one["kind"]) for one in listed["items"]] == [
        ("And how?", LEARNER, "question")
    ]
    older = desk.of(LEARNER).get(f"{BASE}/{session_id}/messages", cursor=listed["nextCursor"]).json()
    assert older["items"] == [first]

    def on_and_on() -> None:
        """More than two windows let pass."""
        for number in range(3 * desk.ctx.settings.messages_per_minute):
            say(str(number))

    with pytest.raises(RateLimited):
        on_and_on()
    # What has come already is no message more.
    assert say("Why?", "c1") == first
    desk.over(session_id)
    with pytest.raises(Conflict):
        say("Still there?")
