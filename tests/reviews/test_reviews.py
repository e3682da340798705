"""Reviews over HTTP, and what they add up to."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from konnect.context import Context
from konnect.experts import standing
from konnect.reviews import deletion, service
from konnect.store import Query, measure
from tests.experts import world
from tests.payments.api import Api
from tests.support import START, at_once

Served = tuple[Context, Api]
REVIEW = {"rating": 5, "comment": "Very helpful"}


@pytest.fixture
def served() -> Iterator[Served]:
    with world.opened() as (ctx, api):
        world.expert(ctx, "asha")
        world.finished_session(ctx, "s1", user="meera", expert_id="asha")
        yield ctx, api


def reviewed(ctx: Context, session_id: str, rating: int, *, user: str = "meera", minutes: int = 0) -> str:
    """A review of a session of its own, without its trigger."""
    world.finished_session(ctx, session_id, user=user, expert_id="asha")
    now = START + timedelta(minutes=minutes)
    review = ctx.run(
        lambda tx: service.create(tx, service.of_session(tx, session_id, user), rating=rating, comment="", now=now)
    )
    return str(review["id"])


def standing_of(ctx: Context) -> tuple[float, int, int]:
    expert = world.doc(ctx, "experts", "asha")
    return expert["rating"], expert.get("reviewCount", 0), expert["orders"]


class TestCreate:
    def test_once_a_session(self, served: Served) -> None:
        _, api = served
        made = api.user("meera").post("/api/sessions/s1/review", REVIEW)
        assert made.status_code == 201, made.text
        body = made.json()
        assert (body["rating"], body["comment"], body["reviewerName"]) == (5, "Very helpful", "Meera")
        assert not {"userId", "sessionId", "hidden"} & set(body)
        again = api.user("meera").post("/api/sessions/s1/review", {"rating": 1})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_REVIEWED")

    def test_the_expert_is_told_without_the_name(self, served: Served) -> None:
        ctx, api = served
        review_id = api.user("meera").post("/api/sessions/s1/review", REVIEW).json()["id"]
        (told,) = Query(("notifications",)).filter("type", "==", "review_received").run(ctx.db)
        assert told["userId"] == world.doc(ctx, "experts", "asha")["firebaseUid"]
        assert told["data"] == {"reviewId": review_id, "rating": 5, "comment": "Very helpful", "sessionId": "s1"}
        assert "Meera" not in str(told)

    def test_twenty_at_once(self, served: Served) -> None:
        ctx, api = served
        done = at_once(20, lambda _: api.user("meera").post("/api/sessions/s1/review", REVIEW).status_code)
        assert sorted({str(status) for status in done}) in (["201", "409"], ["201", "409", "503"])
        assert done.count(201) == 1
        assert len(Query(("reviews",)).run(ctx.db)) == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "rating"),
            ({"rating": 0}, "rating"),
            ({"rating": 6}, "rating"),
            ({"rating": 4.5}, "rating"),
            ({"rating": "5"}, "rating"),
            ({"rating": True}, "rating"),
            ({"rating": 5, "comment": "x" * 1001}, "comment"),
            ({"rating": 5, "comment": 1}, "comment"),
        ],
    )
    def test_bad_input_names_the_field(self, served: Served, body: dict[str, Any], field: str) -> None:
        refused = served[1].user("meera").post("/api/sessions/s1/review", body)
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, field)

    def test_refusals(self, served: Served) -> None:
        ctx, api = served
        world.finished_session(ctx, "s2", user="meera", expert_id="asha", status="in_progress")
        for who, path, status, code in (
            (None, "s1", 401, "UNAUTHENTICATED"),
            ("ravi", "s1", 403, "NOT_A_PARTICIPANT"),
            ("asha", "s1", 403, "ONLY_THE_USER"),
            ("meera", "none", 404, "SESSION_NOT_FOUND"),
            ("meera", "s2", 409, "SESSION_NOT_FINISHED"),
        ):
            refused = api.user(who).post(f"/api/sessions/{path}/review", REVIEW)
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)

    @pytest.mark.parametrize(
        ("name", "shown"),
        [("Meera Nair", "Meera"), ("", "User"), (None, "User"), ("meera@konnect.test", "User"), ("  Jo ", "Jo")],
    )
    def test_the_reviewer_is_a_first_name(self, name: str | None, shown: str) -> None:
        assert service.first_name(name) == shown


class TestList:
    def test_newest_first_by_cursor_without_hidden(self, served: Served) -> None:
        ctx, api = served
        ids = [reviewed(ctx, f"r{index}", 4, minutes=index) for index in range(5)]
        admin = api.user("root", role="admin")
        assert admin.call("PUT", f"/api/admin/reviews/{ids[2]}", {"hidden": True, "reason": "abuse"}).json()["hidden"]
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = api.user(None).get("/api/experts/asha/reviews", limit=2, cursor=cursor, page=1).json()
            found += page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                break
        assert [item["id"] for item in found] == [ids[4], ids[3], ids[1], ids[0]]
        assert not {"userId", "sessionId", "expertUid", "reportCount"} & set(found[0])
        assert api.user(None).get("/api/experts/none/reviews").status_code == 404
        assert api.user(None).get("/api/experts/asha/reviews", cursor="x").status_code == 400


class TestReply:
    def test_the_expert_replies_and_edits(self, served: Served) -> None:
        ctx, api = served
        path = f"/api/reviews/{reviewed(ctx, 's9', 4)}/reply"
        asha = api.user("asha", role="expert")
        first = asha.post(path, {"reply": "Thank you"}).json()
        assert (first["reply"], first["replyEditedAt"]) == ("Thank you", None)
        second = asha.post(path, {"reply": "Thank you, Meera"}).json()
        assert (second["reply"], second["repliedAt"]) == ("Thank you, Meera", first["repliedAt"])
        assert second["replyEditedAt"] is not None

    def test_refusals(self, served: Served) -> None:
        ctx, api = served
        path = f"/api/reviews/{reviewed(ctx, 's9', 4)}/reply"
        body = {"reply": "x"}
        assert api.user(None).post(path, body).status_code == 401
        assert api.user("meera").post(path, body).status_code == 403
        assert api.user("ravi", role="expert").post(path, body).status_code == 403
        asha = api.user("asha", role="expert")
        assert asha.post("/api/reviews/none/reply", body).status_code == 404
        for text in ("", " ", "x" * 501):
            refused = asha.post(path, {"reply": text})
            assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "reply")


class TestReport:
    def test_once_a_user(self, served: Served) -> None:
        ctx, api = served
        review_id = reviewed(ctx, "s9", 1)
        path = f"/api/reviews/{review_id}/report"
        for _ in range(2):
            assert api.user("ravi").post(path, {"reason": "rude"}).status_code == 201
        assert api.user("asha").post(path, {"reason": "untrue"}).json()["reason"] == "untrue"
        assert world.doc(ctx, "reviews", review_id)["reportCount"] == 2
        assert api.user(None).post(path, {"reason": "x"}).status_code == 401
        assert api.user("ravi").post("/api/reviews/none/report", {"reason": "x"}).status_code == 404
        refused = api.user("ravi").post(path, {"reason": ""})
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "reason")


class TestModerate:
    def test_hidden_is_gone_for_all_but_audited(self, served: Served) -> None:
        ctx, api = served
        review_id = reviewed(ctx, "s9", 1)
        world.review_written(ctx, review_id)
        assert standing_of(ctx) == (1, 1, 0)
        path, admin = f"/api/admin/reviews/{review_id}", api.user("root", role="admin")
        for _ in range(2):
            assert admin.call("PUT", path, {"hidden": True, "reason": "abuse"}).status_code == 200
        world.review_written(ctx, review_id)
        assert standing_of(ctx) == (0, 0, 0)
        assert (
            api.user("asha", role="expert").post(f"/api/reviews/{review_id}/reply", {"reply": "x"}).status_code == 404
        )
        assert admin.call("PUT", path, {"hidden": False, "reason": "checked"}).status_code == 200
        world.review_written(ctx, review_id)
        assert standing_of(ctx) == (1, 1, 0)
        assert sorted(entry["action"] for entry in Query(("audit",)).run(ctx.db)) == ["review.hide", "review.show"]

    def test_refusals(self, served: Served) -> None:
        ctx, api = served
        path, body = f"/api/admin/reviews/{reviewed(ctx, 's9', 1)}", {"hidden": True, "reason": "x"}
        assert api.user(None).call("PUT", path, body).status_code == 401
        assert api.user("asha", role="expert").call("PUT", path, body).status_code == 403
        admin = api.user("root", role="admin")
        assert admin.call("PUT", "/api/admin/reviews/none", body).status_code == 404
        assert admin.call("PUT", path, {"hidden": True}).json()["error"]["details"][0]["field"] == "reason"


class TestStanding:
    def test_events_that_repeat_and_reorder_count_once(self, served: Served) -> None:
        ctx, _ = served
        rng = random.Random(3)
        ratings = [5, 4, 4, 1, 3]
        ids = [reviewed(ctx, f"r{index}", rating) for index, rating in enumerate(ratings)]
        events = [*ids, *ids, *rng.sample(ids, 3)]
        rng.shuffle(events)
        for review_id in events:
            world.review_written(ctx, review_id)
        assert standing_of(ctx) == (3.4, 5, 0)
        review = world.doc(ctx, "reviews", ids[3])
        ctx.db.delete("reviews", ids[3])
        for _ in range(2):
            world.review_written(ctx, ids[3], before=review)
        assert standing_of(ctx) == (4, 4, 0)

    def test_all_at_once(self, served: Served) -> None:
        ctx, _ = served
        ids = [reviewed(ctx, f"r{index}", 5) for index in range(5)]

        def until_done(index: int) -> None:
            # As the trigger's retries: what was in another's way comes again.
            for _ in range(5):
                try:
                    return world.review_written(ctx, ids[index % 5])
                except Exception as error:
                    last = error
            raise last

        assert [error for error in at_once(10, until_done) if error] == []
        assert standing_of(ctx) == (5, 5, 0)

    def test_orders_are_completed_sessions(self, served: Served) -> None:
        ctx, _ = served
        world.finished_session(ctx, "s2", user="ravi", expert_id="asha")
        world.finished_session(ctx, "s3", user="ravi", expert_id="asha", status="cancelled")
        world.finished_session(ctx, "s4", user="ravi", expert_id="asha", status="in_progress")
        for session_id in ("s1", "s2", "s3", "s4", "s2", "s1"):
            world.terms_written(ctx, session_id)
        assert standing_of(ctx) == (0, 0, 2)

    def test_an_expert_who_is_gone(self, served: Served) -> None:
        ctx, _ = served
        review_id = reviewed(ctx, "r1", 5)
        ctx.db.delete("experts", "asha")
        world.review_written(ctx, review_id)
        world.terms_written(ctx, "s1")
        assert ctx.db.get("experts", "asha") is None

    @pytest.mark.parametrize(
        ("total", "count", "expected"), [(0, 0, 0), (14, 3, 4.67), (9, 2, 4.5), (33, 8, 4.13), (5, 1, 5)]
    )
    def test_average(self, total: int, count: int, expected: float) -> None:
        assert standing.average(total, count) == expected


def test_a_deleted_account_is_named_no_more(served: Served) -> None:
    ctx, _ = served
    review_id = reviewed(ctx, "r1", 5)
    for _ in range(2):
        with measure() as usage:
            deletion.erase(ctx, "meera", now=START)
    assert usage.writes == 0
    assert world.doc(ctx, "reviews", review_id)["reviewerName"] == "User"
