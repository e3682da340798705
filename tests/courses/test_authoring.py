"""Courses from draft to sale and off it: who may, what is refused, what is shown to whom."""

from typing import Any

import pytest

from konnect.courses import authoring, repository, triggers, withdrawal
from konnect.http.triggers import Change
from konnect.store import Query
from tests.courses.studio import COURSE, EDUCATOR, QUIZ, Studio, problem
from tests.experts import world
from tests.support import START


def asking(**question: Any) -> dict[str, Any]:
    asked = {**QUIZ["questions"][0], **question}
    return {"sections": [{"title": "S", "quizzes": [{**QUIZ, "questions": [asked]}]}]}


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"title": "x"}, "title"),
    ({"title": None}, "title"),
    ({"price": -1}, "price"),
    ({"price": 0.5}, "price"),
    ({"price": 10.005}, "price"),
    ({"price": 500_001}, "price"),
    ({"level": "expert"}, "level"),
    ({"tags": ["x"] * 21}, "tags"),
    ({"category": None}, "body"),
    ({"sections": [{"title": "S", "lectures": [{"title": ""}]}]}, "sections.0.lectures.0.title"),
    (
        {"sections": [{"title": "S", "lectures": [{"title": "L", "videoUrl": "http://x.example"}]}]},
        "sections.0.lectures.0.videoUrl",
    ),
    (
        {"sections": [{"title": "S", "quizzes": [{"title": "Q", "questions": [{"options": ["1"]}]}]}]},
        "sections.0.quizzes.0.questions.0.text",
    ),
    (asking(text="\u202e"), "sections.0.quizzes.0.questions.0.text"),
    (asking(options=["1", "1 "]), "sections.0.quizzes.0.questions.0.options"),
    ({"status": "pending", "description": ""}, "description"),
    ({"status": "pending", "sections": []}, "sections"),
]
SECRETS = ("article", "videoUrl", "videoUploadId", "resources", "questions", "certificate")


def told(studio: Studio, uid: str = EDUCATOR) -> list[str]:
    return [one["type"] for one in Query(("notifications",)).filter("userId", "==", uid).run(studio.ctx.db)]


class TestCreate:
    def test_a_draft(self, studio: Studio) -> None:
        course = studio.write()
        assert (course["status"], course["price"], course["pricePaise"]) == ("draft", 499, 49_900)
        assert course["instructor"] == {
            "id": EDUCATOR,
            "uid": EDUCATOR,
            "name": "Asha",
            "imageUrl": "https://pictures.example/asha.png",
        }
        assert (course["slug"], course["totalLectures"], course["totalDurationS"]) == ("python-from-zero", 2, 900)
        [section] = course["sections"]
        assert [lecture["kind"] for lecture in section["lectures"]] == ["article", "video"]
        assert section["quizzes"][0]["questions"][0]["answer"] == 1
        assert (course["certificate"], course["hasCertificate"]) == (
            {"isOffered": True, "quizzesRequired": True},
            True,
        )
        # Nobody else knows of it.
        assert studio.call("GET", f"/courses/{course['id']}").status_code == 404

    def test_the_title_alone(self, studio: Studio) -> None:
        answer = studio.call("POST", "/courses", {"title": "Later"})
        assert answer.status_code == 201
        assert (answer.json()["price"], answer.json()["level"], answer.json()["sections"]) == (0, "all", [])
        assert studio.call("POST", "/courses", {"title": "日本語入門"}).json()["slug"] == "course"

    def test_null_is_as_good_as_left_out(self, studio: Studio) -> None:
        empty = dict.fromkeys(("id", "kind", "durationS", "isPreview", "videoUrl", "videoUploadId", "resources"))
        quiz = {"title": "Q", **dict.fromkeys(("id", "passingPercent", "questions"))}
        part = {"title": "S", "id": None, "lectures": [{"title": "L", "article": "A", **empty}], "quizzes": [quiz]}
        course = studio.write(sections=[part])
        [lecture], [asked] = course["sections"][0]["lectures"], course["sections"][0]["quizzes"]
        assert (lecture["durationS"], lecture["isPreview"], lecture["kind"]) == (0, False, "article")
        assert (asked["passingPercent"], asked["questions"]) == (70, [])

    def test_questions_are_texts_as_all_others(self, studio: Studio) -> None:
        course = studio.write(**asking(text="1\u202e + 1?", options=["\u200b1", "2\u0000"]))
        [question] = course["sections"][0]["quizzes"][0]["questions"]
        assert (question["text"], question["options"]) == ("1 + 1?", ["1", "2"])

    def test_the_same_key_makes_one(self, studio: Studio) -> None:
        user = studio.api.user(EDUCATOR)
        first, again = (user.post("/api/v1/courses", COURSE, key="k1") for _ in range(2))
        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert problem(user.post("/api/v1/courses", {"title": "Other"}, key="k1"))[1] == "IDEMPOTENCY_KEY_REUSED"

    def test_who(self, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
        world.expert(studio.ctx, "ravi", status="applied")
        world.expert(studio.ctx, "nora", status="rejected")
        assert studio.call("POST", "/courses", COURSE, by=None).status_code == 401
        for uid in ("meera", "nora"):
            assert problem(studio.call("POST", "/courses", COURSE, by=uid))[:2] == (403, "EDUCATOR_REQUIRED")
            assert problem(studio.call("GET", "/courses/my-courses", by=uid))[:2] == (403, "EDUCATOR_REQUIRED")
        assert studio.call("POST", "/courses", COURSE, by="ravi").status_code == 201
        monkeypatch.setattr(authoring, "OWN_MAX", 1)
        assert problem(studio.call("POST", "/courses", COURSE, by="ravi"))[1] == "TOO_MANY_COURSES"

    def test_invalid(self, studio: Studio) -> None:
        for changes, field in INVALID:
            answer = studio.call("POST", "/courses", {**COURSE, **changes})
            assert problem(answer) == (400, "INVALID_INPUT", field), changes

    def test_as_large_as_a_document(self, studio: Studio) -> None:
        """What fits can be sent back whole, as it was shown; what does not is refused by name."""

        def written(articles: int) -> dict[str, Any]:
            lectures = [{"title": "क" * 200, "article": "x" * 90_000} for _ in range(articles)]
            lectures += [{"title": "क" * 200, "article": "x"} for _ in range(200 - articles)]
            return {"title": "Long", "sections": [{"title": "S", "lectures": lectures}] * 2}

        answer = studio.call("POST", "/courses", written(5))
        assert problem(answer) == (400, "COURSE_TOO_LARGE", "sections")
        course = studio.call("POST", "/courses", written(4)).json()
        again = studio.edit(course["id"], {"sections": course["sections"]})
        assert again["sections"] == course["sections"]

    def test_not_published_by_oneself(self, studio: Studio) -> None:
        for status in ("published", "rejected", "archived"):
            answer = studio.call("POST", "/courses", {**COURSE, "status": status})
            assert problem(answer)[:2] == (409, "INVALID_TRANSITION")

    def test_no_addresses_in_what_everybody_reads(self, studio: Studio) -> None:
        sections = [{"title": "S", "lectures": [{"title": "Mail asha@example.com", "article": "A"}]}]
        course = studio.write(
            description="Write to asha@example.com", title="Call 98765 43210 for Python", sections=sections
        )
        assert "example.com" not in course["sections"][0]["lectures"][0]["title"]
        assert "example.com" not in course["description"]
        assert "98765" not in course["title"]


class TestEdit:
    def test_what_is_left_out_stays(self, studio: Studio) -> None:
        course = studio.write()
        edited = studio.edit(course["id"], {"title": "Python for All", "certificate": {"quizzesRequired": False}})
        assert edited["slug"] == "python-for-all"
        assert edited["certificate"] == {"isOffered": True, "quizzesRequired": False}
        assert edited["sections"] == course["sections"]
        # As it was shown, it can be sent back.
        shown = studio.call("GET", f"/courses/{course['id']}/authoring").json()
        again = studio.edit(course["id"], {name: shown[name] for name in (*COURSE, "status", "thumbnailUrl")})
        assert {**again, "updatedAt": 0} == {**shown, "updatedAt": 0}

    def test_who(self, studio: Studio) -> None:
        world.expert(studio.ctx, "ravi")
        draft, live = studio.write()["id"], studio.published()["id"]
        for method, path in (("PUT", ""), ("DELETE", ""), ("GET", "/authoring")):
            assert studio.call(method, f"/courses/{live}{path}", {}, by=None).status_code == 401
            foreign = [
                problem(studio.call(method, f"/courses/{one}{path}", {}, by="ravi"))[:2] for one in (draft, live)
            ]
            assert foreign == [(404, "COURSE_NOT_FOUND"), (403, "NOT_YOUR_COURSE")]
            assert studio.call(method, f"/courses/none{path}", {}).status_code == 404
        seen = studio.api.user("root", role="admin").get(f"/api/v1/courses/{draft}/authoring")
        assert seen.json()["sections"][0]["quizzes"][0]["questions"][0]["answer"] == 1

    def test_of_what_is_on_sale_nothing_goes_missing(self, studio: Studio) -> None:
        course = studio.published()
        assert problem(studio.call("PUT", f"/courses/{course['id']}", {"sections": []})) == (
            400,
            "INVALID_INPUT",
            "sections",
        )
        before = studio.call("GET", f"/courses/{course['id']}/authoring").json()["sections"]
        more = [*before, {"title": "More", "lectures": [{"title": "Loops", "article": "for"}]}]
        edited = studio.edit(course["id"], {"sections": more, "price": 999, "title": "Python in Depth"})
        assert (edited["status"], edited["price"], edited["totalLectures"]) == ("published", 999, 3)
        assert edited["sections"][0] == before[0]

    def test_submitted_withdrawn_and_submitted_again(self, studio: Studio) -> None:
        course = studio.write()
        assert course["submittedAt"] is None
        for status in ("pending", "pending", "draft", "pending"):
            assert studio.edit(course["id"], {"status": status})["status"] == status
        assert (
            problem(studio.call("PUT", f"/courses/{course['id']}", {"status": "archived"}))[1] == "INVALID_TRANSITION"
        )


class TestRemove:
    def test_what_was_never_published_goes(self, studio: Studio) -> None:
        course = studio.write(status="pending")
        answer = studio.call("DELETE", f"/courses/{course['id']}")
        assert answer.json() == {"id": course["id"], "deleted": True, "status": None}
        assert studio.call("DELETE", f"/courses/{course['id']}").status_code == 404
        assert studio.ctx.db.get("courses", course["id"], "private", "content") is None

    def test_what_was_published_is_archived(self, studio: Studio) -> None:
        course = studio.published(title="Going Away")
        for _ in range(2):
            answer = studio.call("DELETE", f"/courses/{course['id']}")
            assert answer.json() == {"id": course["id"], "deleted": False, "status": "archived"}
        studio.written(course["id"])
        assert studio.call("GET", f"/courses/{course['id']}", by=None).status_code == 404
        assert studio.call("GET", "/courses", by=None).json()["items"] == []
        assert studio.call("GET", f"/courses/{course['id']}/authoring").json()["status"] == "archived"
        assert studio.edit(course["id"], {"status": "pending"})["status"] == "pending"


class TestModeration:
    def test_approved(self, studio: Studio) -> None:
        course = studio.write(status="pending")
        waiting = studio.admin("GET", "/courses").json()["items"]
        assert [one["id"] for one in waiting] == [course["id"]]
        decided = studio.decide(course["id"], "approved")
        assert (decided["status"], decided["isFeatured"]) == ("published", False)
        assert studio.decide(course["id"], "published")["publishedAt"] == decided["publishedAt"]
        assert sorted(told(studio)) == ["badge_earned", "course_approved"]
        [badge] = world.doc(studio.ctx, "gamification", EDUCATOR)["badges"]
        assert badge["id"] == "course_creator"
        [entry] = Query(("audit",)).run(studio.ctx.db)
        assert (entry["actor"], entry["action"], entry["target"]) == (
            "root",
            "course.published",
            f"courses/{course['id']}",
        )
        public = studio.call("GET", f"/courses/{course['id']}", by=None).json()
        assert (public["title"], public["sections"][0]["quizzes"][0]["questionCount"]) == ("Python from Zero", 1)
        [section] = public["sections"]
        parts = [public, *section["lectures"], *section["quizzes"]]
        assert not {name for part in parts for name in SECRETS if name in part}

    def test_rejected_with_the_reason(self, studio: Studio) -> None:
        course = studio.write(status="pending")
        path = f"/courses/{course['id']}/status"
        assert problem(studio.admin("PUT", path, {"status": "rejected"}))[0] == 400
        studio.decide(course["id"], "rejected", rejectionReason="No sound.")
        assert told(studio) == ["course_rejected"]
        assert studio.call("GET", f"/courses/{course['id']}/authoring").json()["rejectionReason"] == "No sound."
        assert studio.edit(course["id"], {"status": "pending"})["rejectionReason"] is None
        assert studio.decide(course["id"], "published")["status"] == "published"

    def test_taken_off_sale(self, studio: Studio) -> None:
        course = studio.published()
        studio.admin("PUT", f"/courses/{course['id']}/status", {"isFeatured": True})
        decided = studio.decide(course["id"], "rejected", reason="Copied.")
        assert (decided["status"], decided["isFeatured"]) == ("rejected", False)
        assert studio.call("GET", f"/courses/{course['id']}", by=None).status_code == 404
        published_at = world.doc(studio.ctx, "courses", course["id"])["publishedAt"]
        studio.decide(course["id"], "published")
        assert world.doc(studio.ctx, "courses", course["id"])["publishedAt"] == published_at
        assert told(studio).count("course_approved") == 2

    def test_only_what_was_looked_at_is_approved(self, studio: Studio) -> None:
        course = studio.write(status="pending")
        path, decision = f"/courses/{course['id']}/status", {"status": "published", "updatedAt": course["updatedAt"]}
        changed = studio.edit(course["id"], {"description": "Something else."})
        assert problem(studio.admin("PUT", path, decision))[:2] == (409, "COURSE_CHANGED")
        assert studio.admin("PUT", path, {**decision, "updatedAt": changed["updatedAt"]}).status_code == 200

    def test_what_was_emptied_meanwhile_is_not_published(self, studio: Studio) -> None:
        course = studio.write(status="pending")
        studio.decide(course["id"], "rejected", reason="No sound.")
        studio.edit(course["id"], {"sections": []})
        answer = studio.admin("PUT", f"/courses/{course['id']}/status", {"status": "published"})
        assert problem(answer) == (409, "COURSE_INCOMPLETE", "sections")

    def test_refused(self, studio: Studio) -> None:
        cases: list[tuple[str, Any, tuple[int, str]]] = [
            ("draft", {"status": "published"}, (409, "INVALID_TRANSITION")),
            ("draft", {"isFeatured": True}, (409, "NOT_PUBLISHED")),
            ("pending", {"status": "archived"}, (409, "INVALID_TRANSITION")),
            ("pending", {"status": "draft"}, (400, "INVALID_INPUT")),
            ("pending", {}, (400, "INVALID_INPUT")),
        ]
        for before, body, expected in cases:
            course = studio.write(status=before)
            assert problem(studio.admin("PUT", f"/courses/{course['id']}/status", body))[:2] == expected, body
            assert studio.ctx.db.get("courses", course["id"], "private", "review") is None

    def test_who(self, studio: Studio) -> None:
        body = {"status": "published"}
        for by, expected in ((None, 401), (EDUCATOR, 403)):
            assert studio.call("PUT", "/admin/courses/x/status", body, by=by).status_code == expected
            assert studio.call("GET", "/admin/courses", by=by).status_code == expected
        assert studio.admin("PUT", "/courses/none/status", body).status_code == 404


class TestAnEducatorNoMore:
    def test_what_they_sell_goes_off_sale(self, studio: Studio) -> None:
        """An application that is rejected, a profile that is removed."""
        for uid, after in (("ravi", {"mentorStatus": "rejected"}), ("nora", None)):
            world.expert(studio.ctx, uid, status="applied")
            live, waits = studio.published(by=uid), studio.write(by=uid, status="pending")
            before = world.doc(studio.ctx, "experts", uid)
            if after is None:
                studio.ctx.db.delete("experts", uid)
            else:
                studio.ctx.db.set(("experts", uid), {**before, **after})
            now_so = after and {**before, **after}
            change = Change("event", f"experts/{uid}", {"expertId": uid}, before, now_so, START)
            for _ in range(2):
                triggers.on_educator_written(studio.ctx, change, START)
            self.check_closed(studio, live, waits)

    def test_an_account_that_is_closed(self, studio: Studio) -> None:
        studio.ctx.db.set(("users", EDUCATOR), {"name": "Asha", "disabled": False})
        live, waits = studio.published(), studio.write(status="pending")
        withdrawal.withdraw(studio.ctx, {"uid": EDUCATOR}, START)
        assert world.doc(studio.ctx, "courses", live["id"])["status"] == "published"
        studio.ctx.db.set(("users", EDUCATOR), {"name": "Asha", "disabled": True})
        for _ in range(2):
            withdrawal.withdraw(studio.ctx, {"uid": EDUCATOR}, START)
        self.check_closed(studio, live, waits)
        # Once they are back, it can be submitted again.
        studio.ctx.db.set(("users", EDUCATOR), {"name": "Asha", "disabled": False})
        assert studio.edit(live["id"], {"status": "pending"})["status"] == "pending"
        assert studio.decide(live["id"], "published")["status"] == "published"

    def check_closed(self, studio: Studio, live: Any, waits: Any) -> None:
        assert world.doc(studio.ctx, "courses", live["id"])["status"] == "archived"
        refused = studio.admin("PUT", f"/courses/{waits['id']}/status", {"status": "published"})
        assert problem(refused)[:2] == (409, "EDUCATOR_CLOSED")


class TestLists:
    def test_my_courses(self, studio: Studio) -> None:
        world.expert(studio.ctx, "ravi")
        mine = [studio.write(title=f"Course {number}")["id"] for number in range(3)]
        studio.write(by="ravi")
        studio.edit(mine[0], {"price": 0})
        first = studio.api.user(EDUCATOR).get("/api/v1/courses/my-courses", limit=2).json()
        rest = studio.api.user(EDUCATOR).get("/api/v1/courses/my-courses", cursor=first["nextCursor"]).json()
        found = [one["id"] for one in (*first["items"], *rest["items"])]
        assert found == [mine[0], mine[2], mine[1]]
        assert rest["nextCursor"] is None
        # A hundred courses of 1 MiB are no answer.
        read = [*repository.of_instructor(studio.ctx.db, EDUCATOR, limit=5).items]
        read += repository.with_status(studio.ctx.db, "draft", limit=5).items
        assert len(read) == 7
        assert not any("sections" in one for one in read)

    def test_the_educators_name_follows_the_profile(self, studio: Studio) -> None:
        course = studio.published()
        before = world.doc(studio.ctx, "experts", EDUCATOR)
        studio.ctx.db.set(("experts", EDUCATOR), {**before, "name": "Asha Rao"})
        after = world.doc(studio.ctx, "experts", EDUCATOR)
        change = Change("event", f"experts/{EDUCATOR}", {"expertId": EDUCATOR}, before, after, START)
        for _ in range(2):
            triggers.on_educator_written(studio.ctx, change, START)
        studio.written(course["id"])
        [listed] = studio.call("GET", "/courses?search=rao", by=None).json()["items"]
        assert listed["instructor"]["name"] == "Asha Rao"


def test_quizzes_keep_their_answers_to_themselves(studio: Studio) -> None:
    course = studio.published(sections=[*COURSE["sections"], {"title": "Two", "quizzes": [QUIZ]}])
    for path in (f"/courses/{course['id']}", "/courses"):
        assert "answer" not in studio.call("GET", path, by=None).text
