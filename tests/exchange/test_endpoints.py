"""/api/v1/skill-exchanges over HTTP: who may, what is refused, what is answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from konnect import clock
from konnect.context import Context
from konnect.members import service as members
from konnect.store import Query
from tests.experts import world
from tests.payments.api import Api, User, error_code
from tests.support import START

ASHA, RAVI, EVE = "asha", "ravi", "eve"
BASE = "/api/v1/skill-exchanges"


@dataclass
class Desk:
    ctx: Context
    api: Api

    def of(self, uid: str | None, **claims: Any) -> User:
        return self.api.user(uid, **claims)

    def make(self, **fields: Any) -> Any:
        wanted = {"providerId": RAVI, "offeredSkill": "Python", "requestedSkill": "Guitar", **fields}
        given = {name: value for name, value in wanted.items() if value is not ...}
        return self.of(ASHA).post(BASE, given)

    def made(self, **fields: Any) -> str:
        answer = self.make(**fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def accepted(self, **fields: Any) -> str:
        exchange_id = self.made(**fields)
        answer = self.of(RAVI).call("PUT", f"{BASE}/{exchange_id}/accept", {"agreeToTerms": True})
        assert answer.status_code == 200, answer.text
        return exchange_id


@pytest.fixture(scope="module")
def opened() -> Iterator[Desk]:
    with world.opened() as (ctx, api):
        people = {ASHA: (["Python"], ["Guitar"]), RAVI: (["Guitar"], ["Python"]), EVE: (["Singing"], [])}
        for uid, (offered, desired) in people.items():
            ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
            wishes = {"offeredSkills": offered, "desiredSkills": desired}
            ctx.run(lambda tx, uid=uid, wishes=wishes: members.change(tx, uid, wishes, now=START))
        yield Desk(ctx, api)


@pytest.fixture
def desk(opened: Desk) -> Iterator[Desk]:
    """Without what was there before."""
    yield opened
    for name in ("exchanges", "exchangeClaims"):
        for one in Query((name,)).run(opened.ctx.db):
            opened.ctx.db.delete(name, one["id"])


class TestMaking:
    def test_as_documented(self, desk: Desk) -> None:
        terms = {"commitmentHours": 12, "sessionFrequency": "twice a week", "cancellationPolicy": "A day before."}
        answer = desk.make(message=" Hi Ravi ", terms=terms)
        assert answer.status_code == 201
        made = answer.json()
        assert (made["status"], made["message"], made["terms"]) == ("pending", "Hi Ravi", terms)
        assert made["requester"]["name"] == "Asha"
        assert made["provider"] == {
            "id": RAVI,
            "name": "Ravi",
            "profileImage": None,
            "rating": {"average": 0, "count": 0},
            "completedExchanges": 0,
        }
        assert (made["conversationId"], made["sessions"], made["feedback"]) == (None, [], [])
        assert desk.make().json() == made

    def test_the_other_name_of_a_skill_and_terms_by_default(self, desk: Desk) -> None:
        made = desk.make(requestedSkill=..., desiredSkill="Guitar").json()
        assert (made["requestedSkill"], made["terms"]["sessionFrequency"]) == ("Guitar", "weekly")

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"providerId": "nobody"}, 404, "USER_NOT_FOUND"),
            ({"providerId": ASHA}, 400, "INVALID_INPUT"),
            ({"providerId": ".."}, 400, "INVALID_INPUT"),
            ({"offeredSkill": " "}, 400, "INVALID_INPUT"),
            ({"offeredSkill": "x" * 61}, 400, "INVALID_INPUT"),
            ({"offeredSkill": ...}, 400, "INVALID_INPUT"),
            ({"requestedSkill": "PYTHON"}, 400, "INVALID_INPUT"),
            ({"message": "x" * 1001}, 400, "INVALID_INPUT"),
            ({"terms": {"commitmentHours": 0}}, 400, "INVALID_INPUT"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, fields: dict[str, Any], status: int, code: str) -> None:
        answer = desk.make(**fields)
        assert (answer.status_code, error_code(answer)) == (status, code), answer.text
        if status == 400:
            assert answer.json()["error"]["details"][0]["field"].startswith(next(iter(fields)))

    def test_no_addresses_in_what_everybody_reads(self, desk: Desk) -> None:
        said = "Write to asha@example.com"
        terms = {"sessionFrequency": said, "cancellationPolicy": said}
        desk.make(providerId=..., message=said, terms=terms)
        [offer] = desk.of(None).get(BASE).json()["items"]
        assert "example.com" not in f"{offer['message']}{offer['terms']}"
        assert desk.make(message=said).json()["message"] == said


def test_lists(desk: Desk) -> None:
    asked = desk.made()
    offers = [desk.made(providerId=..., offeredSkill=skill) for skill in ("Python", "Chess")]
    for reader in (desk.of(None), desk.of(EVE)):
        shown = reader.get(BASE).json()["items"]
        assert [one["id"] for one in shown] == offers[::-1]
        assert {one["status"] for one in shown} == {"open"}
    nobody = desk.of(None)
    assert [one["id"] for one in nobody.get(BASE, offeredSkill="chess").json()["items"]] == offers[1:]
    assert nobody.get(BASE, requestedSkill="piano").json()["items"] == []
    both = nobody.get(BASE, offeredSkill="chess", requestedSkill="Guitar").json()["items"]
    assert [one["id"] for one in both] == offers[1:]
    first = nobody.get(BASE, limit=1).json()
    second = nobody.get(BASE, limit=1, cursor=first["nextCursor"]).json()
    assert [one["items"][0]["id"] for one in (first, second)] == offers[::-1]
    assert second["nextCursor"] is None
    assert nobody.get(BASE, limit=1, page=2).json()["items"] == second["items"]
    # One's own.
    assert [one["id"] for one in desk.of(RAVI).get(BASE, mine="true").json()["items"]] == [asked]
    assert len(desk.of(ASHA).get(BASE, mine="true").json()["items"]) == 3
    assert [one["id"] for one in desk.of(ASHA).get(BASE, mine="true", status="pending").json()["items"]] == [asked]
    assert desk.of(EVE).get(BASE, mine="true").json()["items"] == []
    unknown = nobody.get(BASE, mine="true")
    assert (unknown.status_code, error_code(unknown)) == (401, "UNAUTHENTICATED")
    desk.ctx.db.ref("members", ASHA).update({"status": "suspended"})
    assert nobody.get(BASE).json()["items"] == []
    for reader, status in ((desk.of(EVE), 404), (desk.of(ASHA), 200), (desk.of("boss", role="admin"), 200)):
        assert reader.get(f"{BASE}/{offers[0]}").status_code == status
    assert len(desk.of(ASHA).get(BASE, mine="true").json()["items"]) == 3
    desk.ctx.db.ref("members", ASHA).update({"status": "active"})
    for wrong in ({"status": "pending"}, {"status": "nonsense"}, {"cursor": "nonsense"}):
        answer = nobody.get(BASE, **wrong)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, next(iter(wrong)))


def test_matches(desk: Desk) -> None:
    [match] = desk.of(ASHA).get(f"{BASE}/matches").json()["items"]
    assert (match["user"]["id"], match["teaches"], match["wants"]) == (RAVI, ["Guitar"], ["Python"])
    assert match["score"] == sum(match["parts"].values()) == 55
    by_words = desk.of(EVE).get(f"{BASE}/matches", desiredSkill="python", offeredSkill="guitar").json()["items"]
    assert [one["user"]["id"] for one in by_words] == [ASHA]
    assert desk.of(EVE).get(f"{BASE}/matches").json() == {"items": [], "nextCursor": None}


def test_skills_of_any_length(desk: Desk) -> None:
    """A ligature is a sentence, once it is made comparable; Firestore compares 1,500 bytes at most."""
    long = "\ufdfa" * 200
    for query in ({"desiredSkill": long}, {"offeredSkill": long}):
        assert desk.of(ASHA).get(f"{BASE}/matches", **query).status_code == 200
    assert desk.of(None).get(BASE, offeredSkill=long).json()["items"] == []


def test_times_and_links_that_are_none(desk: Desk) -> None:
    one = f"{BASE}/{desk.accepted()}"
    asha = desk.of(ASHA)
    late, early = ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"), "0001-01-01T00:00:00+14:00"
    for when in (*late, early):
        answer = asha.post(f"{one}/sessions", {"scheduledAt": when})
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "scheduledAt")
    begins = clock.iso(clock.after(clock.now(), 300))
    for url in ("https://x y", "https://x\n.example", "https://x.example/\u202e", "https://x.example:99999"):
        answer = asha.post(f"{one}/sessions", {"scheduledAt": begins, "meetingUrl": url})
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "meetingUrl"), url
    session = asha.post(f"{one}/sessions", {"scheduledAt": begins}).json()["sessions"][0]["id"]
    for change in ({}, {"status": "cancelled"}, {"status": "completed"}):
        for when in (*late, early, "2020-01-01T00:00:00Z"):
            answer = asha.call("PUT", f"{one}/sessions/{session}", {**change, "scheduledAt": when})
            assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "scheduledAt"), change


def test_who_may_see_and_do_what(desk: Desk) -> None:
    asked, offered = desk.made(), desk.made(providerId=...)
    operations: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PUT", "/accept", {"agreeToTerms": True}),
        ("PUT", "/reject", {}),
        ("PUT", "/cancel", {}),
        ("PUT", "/complete", None),
        ("POST", "/message", {"message": "hello"}),
        ("POST", "/feedback", {"rating": 5}),
        ("POST", "/sessions", {"scheduledAt": "2099-01-01T10:00:00Z"}),
        ("PUT", "/sessions/one", {"status": "cancelled"}),
        ("GET", "/sessions/one/link", None),
        ("PUT", "/milestones", {"milestones": []}),
    ]
    for method, what, body in operations:
        for caller, status, code in (
            (desk.of(None), 401, "UNAUTHENTICATED"),
            (desk.of(EVE), 403, "NOT_A_PARTICIPANT"),
        ):
            answer = caller.call(method, f"{BASE}/{asked}{what}", body)
            assert (answer.status_code, error_code(answer)) == (status, code), (method, what, answer.text)
        missing = desk.of(ASHA).call(method, f"{BASE}/nothing{what}", body)
        assert (missing.status_code, error_code(missing)) == (404, "EXCHANGE_NOT_FOUND")
    assert desk.of(EVE).get(f"{BASE}/{offered}").json()["status"] == "open"
    assert desk.of("boss", role="admin").get(f"{BASE}/{asked}").json()["id"] == asked
    early = desk.of(RAVI).post(f"{BASE}/{asked}/message", {"message": "hello"})
    assert (early.status_code, error_code(early)) == (409, "EXCHANGE_NOT_ACCEPTED")
    for wrong in ({}, {"agreeToTerms": False}, {"agreeToTerms": "yes"}):
        answer = desk.of(RAVI).call("PUT", f"{BASE}/{asked}/accept", wrong)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "agreeToTerms")


def test_from_acceptance_to_feedback(desk: Desk) -> None:
    exchange_id = desk.accepted()
    one = f"{BASE}/{exchange_id}"
    asha, ravi = desk.of(ASHA), desk.of(RAVI)
    assert asha.get(one).json()["conversationId"] == exchange_id
    sent = ravi.post(f"{one}/message", {"message": "Shall we?", "clientMessageId": "m1"})
    assert (sent.status_code, sent.json()["conversationId"], sent.json()["content"]) == (201, exchange_id, "Shall we?")
    assert ravi.post(f"{one}/message", {"content": "Again", "clientMessageId": "m1"}).json() == sent.json()
    blank = ravi.post(f"{one}/message", {"message": " "})
    assert (blank.status_code, blank.json()["error"]["details"][0]["field"]) == (400, "message")
    # A session in the platform's room, and one elsewhere.
    begins = clock.iso(clock.after(clock.now(), 300))
    planned = asha.post(f"{one}/sessions", {"scheduledAt": begins, "durationMins": 30, "topic": "Chords"}).json()
    [session] = planned["sessions"]
    assert (session["topic"], session["status"], session["meetingUrl"]) == ("Chords", "scheduled", None)
    link = ravi.get(f"{one}/sessions/{session['id']}/link").json()
    assert (link["status"], link["roomName"].startswith("skillverse-")) == ("open", True)
    for url in ("http://meet.example/a", "https://", "javascript:alert(1)", "https://a@b.example"):
        wrong = asha.post(f"{one}/sessions", {"scheduledAt": "2099-01-01T10:00:00Z", "meetingUrl": url})
        assert (wrong.status_code, wrong.json()["error"]["details"][0]["field"]) == (400, "meetingUrl")
    moved = {"scheduledAt": clock.iso(clock.after(clock.now(), 900)), "meetingUrl": "https://meet.example/a"}
    changed = ravi.call("PUT", f"{one}/sessions/{session['id']}", moved)
    assert changed.json()["sessions"][0]["meetingUrl"] == "https://meet.example/a"
    assert ravi.get(f"{one}/sessions/{session['id']}/link").json()["provider"] == "own"
    milestones = {"milestones": [{"title": "Chords", "isDone": True}, {"title": "A song"}]}
    shown = asha.call("PUT", f"{one}/milestones", milestones).json()["milestones"]
    assert [(step["title"], step["isDone"]) for step in shown] == [("Chords", True), ("A song", False)]
    # Its end.
    assert asha.call("PUT", f"{one}/complete").json()["completedBy"] == [ASHA]
    done = ravi.call("PUT", f"{one}/complete").json()
    assert (done["status"], done["sessions"][0]["status"]) == ("completed", "cancelled")
    for wrong in (0, 6, "5", 4.5):
        answer = asha.post(f"{one}/feedback", {"rating": wrong})
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "rating")
    given = asha.post(f"{one}/feedback", {"rating": 5, "comment": "Patient", "endorse": True})
    assert (given.status_code, given.json()["feedback"][0]["by"]) == (201, ASHA)
    again = asha.post(f"{one}/feedback", {"rating": 1})
    assert (again.status_code, error_code(again)) == (409, "FEEDBACK_GIVEN")
    assert asha.get(one).json()["provider"]["rating"] == {"average": 5, "count": 1}


def test_declined_and_left(desk: Desk) -> None:
    asked = desk.made()
    declined = desk.of(RAVI).call("PUT", f"{BASE}/{asked}/reject", {"reason": "No time"}).json()
    assert (declined["status"], declined["note"], declined["endedBy"]) == ("rejected", "No time", RAVI)
    late = desk.of(RAVI).call("PUT", f"{BASE}/{asked}/accept", {"agreeToTerms": True})
    assert (late.status_code, error_code(late)) == (409, "EXCHANGE_CLOSED")
    closed = desk.of(ASHA).post(f"{BASE}/{asked}/message", {"message": "Why?"})
    assert (closed.status_code, error_code(closed)) == (409, "EXCHANGE_CLOSED")
    left = desk.accepted()
    assert desk.of(RAVI).call("PUT", f"{BASE}/{left}/cancel").json()["endReason"] == "cancelled"
    over = desk.of(ASHA).post(f"{BASE}/{left}/message", {"message": "Why?"})
    assert (over.status_code, error_code(over)) == (409, "SESSION_ENDED")
