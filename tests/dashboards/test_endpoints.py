"""What spans all of SkillVerse, over HTTP: one's points and badges, the leaderboard, profiles, the dashboard."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.course_sales import purchase
from konnect.exchange import service as exchanges
from konnect.gamification import service as gamification
from konnect.live import service as live
from konnect.members import service as members
from konnect.platform import PlatformConfig
from konnect.sessions.metering import Pace
from tests.experts import world
from tests.learning.classroom import EDUCATOR, LEARNER, Classroom, lectures_of, opened
from tests.payments.api import error_code
from tests.support import give

BADGES = [
    "first_course",
    "seven_day_streak",
    "bookworm",
    "skill_sharer",
    "top_rated",
    "course_creator",
    "quiz_master",
]


@pytest.fixture
def room() -> Iterator[Classroom]:
    with opened() as room:
        yield room


def member(room: Classroom, uid: str, **fields: Any) -> None:
    room.ctx.run(lambda tx: members.change(tx, uid, fields, now=clock.now()))


def suspend(room: Classroom, uid: str, *, disabled: bool = True) -> None:
    room.ctx.db.set(("users", uid), {"disabled": disabled}, merge=True)
    room.ctx.run(lambda tx: members.set_status(tx, uid, "banned" if disabled else "active", now=clock.now()))


def award(room: Classroom, uid: str, *subjects: str) -> None:
    for subject in subjects:
        room.ctx.run(lambda tx, of=subject: gamification.award(tx, uid, "quiz_passed", of, now=clock.now()))


def leaders(room: Classroom, **query: Any) -> list[tuple[int, str, int]]:
    answer = room.of(None).get("/api/v1/gamification/leaderboard", **query)
    assert answer.status_code == 200, answer.text
    return [(one["rank"], one["user"]["name"], one["points"]) for one in answer.json()["items"]]


@pytest.mark.parametrize("path", ["gamification/me", "gamification/badges", "users/dashboard"])
def test_nobody_anonymous(room: Classroom, path: str) -> None:
    answer = room.of(None).get(f"/api/v1/{path}")
    assert (answer.status_code, error_code(answer)) == (401, "UNAUTHENTICATED")


class TestOwn:
    def test_what_one_has_come_to(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        room.complete(course)
        today = clock.business_day(clock.now()).isoformat()
        member(room, LEARNER)
        own = room.of(LEARNER).get("/api/v1/gamification/me").json()
        # Two days: that of START, when all was learned, and this one.
        points = 3 * 10 + 50 + 100 + 2 * 5
        assert {name: own[name] for name in own if name not in {"badges", "recent", "nextLevel"}} == {
            "points": points,
            "level": 1,
            "levelName": "Novice",
            "monthPoints": 5,
            "rank": 1,
            "monthRank": 1,
            "currentStreak": 1,
            "longestStreak": 1,
            "lastActiveDay": today,
            "completedCourses": 1,
            "completedExchanges": 0,
            "perfectQuizzes": 1,
        }
        assert own["nextLevel"] == {"level": 2, "name": "Learner", "points": 1000, "pointsToGo": 1000 - points}
        assert [(badge["id"], badge["name"]) for badge in own["badges"]] == [("first_course", "First Course Completed")]
        assert (own["recent"][0]["reason"], own["recent"][0]["points"]) == ("daily_streak", 5)
        # Another look on the same day gives nothing.
        assert room.of(LEARNER).get("/api/v1/gamification/me").json() == own

    def test_all_badges(self, room: Classroom) -> None:
        room.ctx.run(lambda tx: gamification.earn_badge(tx, LEARNER, "top_rated", now=clock.now()))
        listed = room.of(LEARNER).get("/api/v1/gamification/badges").json()["items"]
        assert [badge["id"] for badge in listed] == BADGES
        assert [badge["id"] for badge in listed if badge["earnedAt"]] == ["top_rated"]
        assert all(badge["icon"] and badge["criteria"] for badge in listed)
        assert not any(
            badge["earnedAt"] for badge in room.of("arjun").get("/api/v1/gamification/badges").json()["items"]
        )


class TestLeaderboard:
    def test_members_by_their_points(self, room: Classroom) -> None:
        for uid in (LEARNER, "arjun", EDUCATOR):
            member(room, uid)
        award(room, LEARNER, "q1")
        award(room, "arjun", "q1", "q2")
        # Of a user who has never been here nothing is shown.
        award(room, "stranger", "q1")
        assert leaders(room) == leaders(room, period="month") == [(1, "Arjun Rao", 105), (2, "Meera Rao", 55)]
        first = room.of(None).get("/api/v1/gamification/leaderboard", limit=1).json()
        assert leaders(room, limit=1, cursor=first["nextCursor"]) == [(2, "Meera Rao", 55)]
        assert first["items"][0]["user"] == {
            "id": "arjun",
            "name": "Arjun Rao",
            "profileImage": None,
            "role": "learner",
        }

    def test_opting_out_and_closed_accounts(self, room: Classroom) -> None:
        for uid in (LEARNER, "arjun"):
            award(room, uid, "q1")
            member(room, uid)
        member(room, LEARNER, hideFromLeaderboard=True)
        assert leaders(room) == [(1, "Arjun Rao", 55)]
        own = room.of(LEARNER).get("/api/v1/gamification/me").json()
        assert (own["rank"], own["points"]) == (None, 55)
        suspend(room, "arjun")
        assert leaders(room) == []
        member(room, LEARNER, hideFromLeaderboard=False)
        suspend(room, "arjun", disabled=False)
        assert {name for _, name, _ in leaders(room)} == {"Meera Rao", "Arjun Rao"}

    @pytest.mark.parametrize(("query", "field"), [({"period": "week"}, "period"), ({"limit": 0}, "limit")])
    def test_invalid(self, room: Classroom, query: dict[str, Any], field: str) -> None:
        answer = room.of(None).get("/api/v1/gamification/leaderboard", **query)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)


class TestPublicProfile:
    def test_of_a_learner(self, room: Classroom) -> None:
        member(room, LEARNER, bio="I learn.", interests=["Databases"], offeredSkills=["Guitar"], desiredSkills=["SQL"])
        award(room, LEARNER, "q1")
        shown = room.of(None).get(f"/api/v1/users/{LEARNER}").json()
        assert (shown["name"], shown["role"], shown["bio"], shown["interests"]) == (
            "Meera Rao",
            "learner",
            "I learn.",
            ["Databases"],
        )
        assert shown["skillExchangeProfile"] == {
            "offeredSkills": ["Guitar"],
            "desiredSkills": ["SQL"],
            "availability": [],
            "completedExchanges": 0,
            "rating": {"average": 0, "count": 0},
        }
        assert (shown["educatorProfile"], shown["gamification"]["points"]) == (None, 55)
        assert not {"email", "phone", "referralCode", "hideFromLeaderboard"} & set(shown)
        assert "@" not in str(shown)

    def test_of_an_educator(self, room: Classroom) -> None:
        """Also of one who came by another product, and has never been here."""
        course = room.course()
        room.ctx.db.set(
            ("courses", course["id"]), {"enrolledCount": 3, "ratingSum": 9, "reviewCount": 2, "rating": 4.5}, merge=True
        )
        room.course(status="draft")
        shown = room.of(None).get(f"/api/v1/users/{EDUCATOR}").json()
        assert shown["role"] == "educator"
        assert room.ctx.db.get("members", EDUCATOR) is None
        assert shown["educatorProfile"] == {
            "id": EDUCATOR,
            "expertise": [],
            "totalCourses": 1,
            "totalStudents": 3,
            "rating": {"average": 4.5, "count": 2},
        }

    def test_missing(self, room: Classroom) -> None:
        member(room, LEARNER)
        suspend(room, LEARNER)
        # arjun has an account of another product, and has never been here.
        for uid in ("nobody", "arjun", LEARNER):
            answer = room.of(None).get(f"/api/v1/users/{uid}")
            assert (answer.status_code, error_code(answer)) == (404, "USER_NOT_FOUND"), uid
        suspend(room, LEARNER, disabled=False)
        assert room.of(None).get(f"/api/v1/users/{LEARNER}").status_code == 200


class TestDashboard:
    def test_of_somebody_new(self, room: Classroom) -> None:
        shown = room.of("zoya", name="Zoya").get("/api/v1/users/dashboard").json()
        assert shown["user"] == {"id": "zoya", "name": "Zoya", "profileImage": None, "role": "learner"}
        assert shown["learning"] == {
            "activeCourses": 0,
            "completedCourses": 0,
            "continue": [],
            "certificateCount": 0,
            "certificates": [],
        }
        assert (shown["exchanges"], shown["upcomingLiveSessions"]) == ({"active": [], "pending": []}, [])
        assert (shown["educator"], shown["gamification"]["points"], shown["gamification"]["rank"]) == (None, 5, 1)

    def test_of_a_learner(self, room: Classroom) -> None:
        done, begun = room.course(), room.course(title="Replication")
        for course in (done, begun):
            room.enrolled(course)
        room.complete(done)
        room.progress(begun, lectures_of(begun)[0])
        # One of its three lectures goes.
        sections = [{**section, "lectures": section["lectures"][:2]} for section in begun["sections"]]
        room.ctx.db.set(("courses", begun["id"]), {"sections": sections}, merge=True)
        learning = room.of(LEARNER).get("/api/v1/users/dashboard").json()["learning"]
        assert (learning["activeCourses"], learning["completedCourses"], learning["certificateCount"]) == (1, 1, 1)
        (next_one,), (certificate,) = learning["continue"], learning["certificates"]
        assert (next_one["courseId"], next_one["title"], next_one["progress"]) == (begun["id"], "Replication", 50)
        assert (certificate["courseTitle"], certificate["status"]) == (done["title"], "valid")

    def test_exchanges_and_classes(self, room: Classroom) -> None:
        now = clock.now()
        for uid in (LEARNER, "arjun"):
            member(room, uid)
        wanted = {"providerId": "arjun", "offeredSkill": "Guitar", "requestedSkill": "SQL", "message": "Shall we?"}
        terms = {"commitmentHours": 4, "sessionFrequency": "weekly", "cancellationPolicy": "A day before."}
        made = room.of(LEARNER).post("/api/v1/skill-exchanges", {**wanted, "terms": terms})
        assert made.status_code == 201, made.text
        plan = live.Wanted(
            EDUCATOR, "Recursion", "", "General", now + timedelta(days=1), 30, 10, None, "class1", "room-1"
        )
        pace = Pace.of(room.ctx.settings)
        room.ctx.run(lambda tx: live.create(tx, plan, config=PlatformConfig(), pace=pace, now=now))
        assert room.of(LEARNER).post("/api/v1/live-sessions/class1/join").status_code == 200
        for uid, is_mine, other in ((LEARNER, True, "Arjun Rao"), ("arjun", False, "Meera Rao")):
            shown = room.of(uid).get("/api/v1/users/dashboard").json()
            (pending,) = shown["exchanges"]["pending"]
            assert (pending["isMine"], pending["with"], shown["exchanges"]["active"]) == (is_mine, other, [])
            assert [one["id"] for one in shown["upcomingLiveSessions"]] == (["class1"] if uid == LEARNER else [])
        room.ctx.run(
            lambda tx: exchanges.accept(tx, made.json()["id"], "arjun", settings=room.ctx.settings, now=clock.now())
        )
        (active,) = room.of(LEARNER).get("/api/v1/users/dashboard").json()["exchanges"]["active"]
        assert (active["id"], active["nextSessionAt"]) == (made.json()["id"], None)
        assert [one["id"] for one in self.of_educator(room)["upcomingLiveSessions"]] == ["class1"]

    def test_of_an_educator(self, room: Classroom) -> None:
        course = room.course(price=500)
        room.course(status="draft")
        give(room.ctx, LEARNER, 500_00)
        room.ctx.run(lambda tx: purchase.by_wallet(tx, course, LEARNER, now=clock.now()))
        room.ctx.db.set(("courses", course["id"]), {"enrolledCount": 1}, merge=True)
        teaching = self.of_educator(room)["educator"]
        assert (teaching["totalCourses"], teaching["totalStudents"]) == (2, 1)
        assert teaching["coursesByStatus"] == {"draft": 1, "pending": 0, "published": 1, "rejected": 0, "archived": 0}
        assert {one["status"] for one in teaching["courses"]} == {"draft", "published"}
        sold = room.ctx.db.get("wallets", EDUCATOR) or {}
        earned_paise = sold["withdrawablePaise"]
        assert 0 < earned_paise < 500_00
        assert {name: teaching["earnings"][name] for name in ("totalPaise", "monthPaise", "withdrawablePaise")} == {
            "totalPaise": earned_paise,
            "monthPaise": earned_paise,
            "withdrawablePaise": earned_paise,
        }
        assert teaching["earnings"]["total"] == earned_paise / 100

    def of_educator(self, room: Classroom) -> Any:
        answer = room.of(EDUCATOR).get("/api/v1/users/dashboard")
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_a_review_of_a_session_gives_points(room: Classroom) -> None:
    world.finished_session(room.ctx, "s1", user=LEARNER, expert_id=EDUCATOR)
    assert room.of(LEARNER).post("/api/sessions/s1/review", {"rating": 5}).status_code == 201
    assert room.of(LEARNER).post("/api/sessions/s1/review", {"rating": 5}).status_code == 409
    assert room.points()["points"] == 15 + 5
