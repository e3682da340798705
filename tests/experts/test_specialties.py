"""Specialties: counted exactly whatever events do, and what admins change."""

import random

import pytest
import requests

from konnect.context import Context
from konnect.experts import tasks
from konnect.store import Doc, Query
from tests.experts import world
from tests.payments.api import Api, User
from tests.support import START, at_once, kept_tasks


@pytest.fixture
def served():  # type: ignore[no-untyped-def]
    with world.opened() as opened:
        yield opened


def admin(api: Api) -> User:
    return api.user("root", role="admin")


def run_tasks(ctx: Context) -> None:
    """What was scheduled, and what that schedules."""
    done: set[str] = set()
    while left := [task for task in kept_tasks(ctx).keyed("rename-specialty") if task.name not in done]:
        for task in left:
            tasks.rename_specialty(ctx, task.payload, START)
            done.add(task.name)
    world.all_experts_written(ctx)


def audited(ctx: Context) -> list[str]:
    return sorted(entry["action"] for entry in Query(("audit",)).run(ctx.db))


class TestCounts:
    def test_they_follow_the_profiles(self, ctx: Context) -> None:
        world.expert(ctx, "asha", specialties=["System Design", "Career"])
        world.expert(ctx, "ravi", specialties=["system  design", "system design"])
        world.expert(ctx, "new", status="applied", specialties=["Career"])
        assert world.specialty_counts(ctx) == {"system-design": 2, "career": 1}
        ctx.db.set(("experts", "ravi"), {"specialties": ["Career"]}, merge=True)
        world.expert_written(ctx, "ravi")
        assert world.specialty_counts(ctx) == {"system-design": 1, "career": 2}
        ctx.db.delete("experts", "asha")
        world.expert_written(ctx, "asha", before={"mentorStatus": "approved"})
        assert world.specialty_counts(ctx) == {"system-design": 0, "career": 1}

    def test_events_that_repeat_and_reorder(self, ctx: Context) -> None:
        rng = random.Random(7)
        names = ["Career", "Cloud", "Data"]
        for index in range(6):
            world.expert(ctx, f"e{index}", specialties=[])
        for _ in range(40):
            uid = f"e{rng.randrange(6)}"
            wanted = rng.sample(names, rng.randint(0, 3))
            status = rng.choice(("approved", "approved", "rejected"))
            ctx.db.set(("experts", uid), {"specialties": wanted, "mentorStatus": status}, merge=True)
            # Some events come late, some twice, some for others.
            for _ in range(rng.randint(0, 2)):
                world.expert_written(ctx, f"e{rng.randrange(6)}", before={"mentorStatus": "approved"})
        world.all_experts_written(ctx)
        expected = {name.lower(): 0 for name in names}
        for doc in Query(("experts",)).filter("mentorStatus", "==", "approved").run(ctx.db):
            for name in doc["specialties"]:
                expected[name.lower()] += 1
        counts = world.specialty_counts(ctx)
        assert {name: counts.get(name, 0) for name in expected} == expected

    def test_many_at_once_for_one_specialty(self, ctx: Context) -> None:
        for index in range(10):
            world.expert(ctx, f"e{index}", status="applied", specialties=["Career"])
            ctx.db.set(("experts", f"e{index}"), {"mentorStatus": "approved"}, merge=True)
        done = at_once(20, lambda index: world.expert_written(ctx, f"e{index % 10}"))
        # An attempt that was in another's way is the trigger's to repeat.
        if [error for error in done if error is not None]:
            world.all_experts_written(ctx)
        assert world.specialty_counts(ctx) == {"career": 10}


class TestList:
    def test_in_order_with_counts_and_without_retired(self, served: tuple[Context, Api]) -> None:
        ctx, api = served
        world.expert(ctx, "asha", specialties=["Zen", "Art"])
        assert admin(api).post("/api/admin/specialties", {"name": "First", "order": 1}).status_code == 201
        assert admin(api).post("/api/admin/specialties", {"name": "Gone", "order": 2}).status_code == 201
        assert admin(api).call("PATCH", "/api/admin/specialties/gone", {"retired": True}).json()["retired"] is True
        found = api.user(None).get("/api/experts/specialties").json()
        assert found["items"] == [
            {"id": "first", "name": "First", "count": 0},
            {"id": "art", "name": "Art", "count": 1},
            {"id": "zen", "name": "Zen", "count": 1},
        ]
        page = api.user(None).get("/api/experts/specialties", limit=2).json()
        rest = api.user(None).get("/api/experts/specialties", limit=2, cursor=page["nextCursor"]).json()
        assert page["items"] + rest["items"] == found["items"]
        everything = admin(api).get("/api/admin/specialties").json()["items"]
        assert [item["id"] for item in everything] == ["first", "gone", "art", "zen"]


class TestAdmins:
    def test_rename_takes_the_profiles_along(self, served: tuple[Context, Api]) -> None:
        ctx, api = served
        world.expert(ctx, "asha", specialties=["System Design", "Career"])
        path = "/api/admin/specialties/system-design"
        for _ in range(2):
            renamed = admin(api).call("PATCH", path, {"name": "Architecture"})
            assert (renamed.status_code, renamed.json()["id"]) == (200, "architecture"), renamed.text
        run_tasks(ctx)
        assert world.doc(ctx, "experts", "asha")["specialties"] == ["Architecture", "Career"]
        counts = world.specialty_counts(ctx)
        assert (counts["system-design"], counts["architecture"]) == (0, 1)
        found = api.user(None).get("/api/experts", specialty="Architecture").json()["items"]
        assert [item["id"] for item in found] == ["asha"]
        # Who comes with the old name afterwards is found under the new one.
        world.expert(ctx, "ravi", specialties=["system design"])
        assert world.doc(ctx, "experts", "ravi")["specialties"] == ["Architecture"]
        assert world.specialty_counts(ctx)["architecture"] == 2
        assert audited(ctx) == ["specialty.change"]

    def test_and_back_again(self, served: tuple[Context, Api]) -> None:
        ctx, api = served
        world.expert(ctx, "asha", specialties=["Old"])
        admin(api).call("PATCH", "/api/admin/specialties/old", {"name": "New"})
        run_tasks(ctx)
        assert admin(api).call("PATCH", "/api/admin/specialties/new", {"name": "Old"}).json()["id"] == "old"
        run_tasks(ctx)
        assert world.doc(ctx, "experts", "asha")["specialties"] == ["Old"]
        assert world.specialty_counts(ctx) == {"old": 1, "new": 0}

    def test_another_spelling_keeps_the_id(self, served: tuple[Context, Api]) -> None:
        ctx, api = served
        world.expert(ctx, "asha", specialties=["system design"])
        changed = admin(api).call("PATCH", "/api/admin/specialties/system-design", {"name": "System Design"}).json()
        assert (changed["id"], changed["name"], changed["count"]) == ("system-design", "System Design", 1)
        run_tasks(ctx)
        assert world.doc(ctx, "experts", "asha")["specialties"] == ["System Design"]
        assert world.specialty_counts(ctx) == {"system-design": 1}

    def test_more_profiles_than_a_task_takes(self, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        from konnect.experts import specialties

        monkeypatch.setattr(tasks, "PROFILES_AT_ONCE", 2)
        for index in range(5):
            world.expert(ctx, f"e{index}", specialties=["Old"])
        ctx.run(lambda tx: specialties.change(tx, "old", {"name": "New"}, by="root", now=START))
        run_tasks(ctx)
        assert world.specialty_counts(ctx) == {"old": 0, "new": 5}

    def test_what_experts_brought_becomes_official(self, served: tuple[Context, Api]) -> None:
        ctx, api = served
        world.expert(ctx, "asha", specialties=["career"])
        made = admin(api).post("/api/admin/specialties", {"name": "Career", "order": 3})
        assert (made.status_code, made.json()["count"], made.json()["order"]) == (201, 1, 3)
        again = admin(api).post("/api/admin/specialties", {"name": "CAREER"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "SPECIALTY_EXISTS")

    def test_refusals(self, served: tuple[Context, Api]) -> None:
        ctx, api = served
        for name in ("One", "Two"):
            admin(api).post("/api/admin/specialties", {"name": name})
        entries = len(audited(ctx))
        path = "/api/admin/specialties/one"

        def answer(response: requests.Response) -> tuple[int, str]:
            error: Doc = response.json()["error"]
            return response.status_code, error["details"][0]["field"] if error["details"] else error["code"]

        assert answer(admin(api).call("PATCH", path, {"name": "Two"})) == (409, "SPECIALTY_EXISTS")
        assert answer(admin(api).call("PATCH", path, {})) == (400, "body")
        assert answer(admin(api).call("PATCH", path, {"order": -1})) == (400, "order")
        assert answer(admin(api).call("PATCH", path, {"name": "!!"})) == (400, "name")
        assert answer(admin(api).post("/api/admin/specialties", {"name": " "})) == (400, "name")
        assert answer(admin(api).call("PATCH", "/api/admin/specialties/none", {"order": 1})) == (404, "NOT_FOUND")
        for method, where in (("POST", "/api/admin/specialties"), ("PATCH", path), ("GET", "/api/admin/specialties")):
            assert api.user("meera").call(method, where, {"name": "X"}).status_code == 403
            assert api.user(None).call(method, where, {"name": "X"}).status_code == 401
        assert len(audited(ctx)) == entries
