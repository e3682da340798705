"""The pipeline in documents: history, audit, notifications, the role; and the admins' list."""

from datetime import timedelta
from typing import Any

import pytest

from konnect import auth, clock
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, NotFound, Unavailable
from konnect.experts import application_index, applications, pipeline
from konnect.platform import PlatformConfig
from konnect.store import Doc, Query
from tests.support import START, at_once, kept_tasks

CALL_AT = START + timedelta(days=2)
FORM = {"name": "Asha Rao", "title": "Staff Engineer", "company": "Acme", "phone": "+91 98765 43210"}


@pytest.fixture(autouse=True)
def roles(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The roles given, in the place of Auth's accounts: these tests have documents alone."""
    given: list[tuple[str, str]] = []
    monkeypatch.setattr(auth, "set_role", lambda uid, role, **_: given.append((uid, role)))
    return given


def applied(ctx: Context, uid: str = "asha", *, now: Any = START, **form: Any) -> str:
    def work(tx: Any) -> str:
        if tx.get("users", uid) is None:
            tx.create(("users", uid), {"name": "Asha", "email": f"{uid}@konnect.test", "role": "user"})
        fields = {**FORM, **form}
        return str(applications.apply(tx, uid, f"{uid}@konnect.test", fields, PlatformConfig(), now=now)["id"])

    expert_id = ctx.run(work)
    ctx.run(lambda tx: application_index.refresh(tx, expert_id))
    return expert_id


def moved(ctx: Context, expert_id: str, status: pipeline.Status, **given: Any) -> applications.Moved:
    result = applications.decide(ctx, expert_id, status, **{"by": "root", "now": START, **given})
    ctx.run(lambda tx: application_index.refresh(tx, expert_id))
    return result


def private(ctx: Context, expert_id: str = "asha") -> Doc:
    return ctx.db.get("experts", expert_id, "private", "onboarding") or {}


def told(ctx: Context, uid: str = "asha") -> list[str]:
    found = Query(("notifications",)).filter("userId", "==", uid).run(ctx.db)
    return sorted(item["type"].removeprefix("application_").removeprefix("mentor_") for item in found)


def audits(ctx: Context) -> list[Doc]:
    return Query(("audit",)).run(ctx.db)


class TestSteps:
    def test_all_five(self, ctx: Context, roles: list[tuple[str, str]]) -> None:
        asha = applied(ctx)
        at = [START + timedelta(hours=n) for n in range(5)]
        moved(ctx, asha, "documents_verified", now=at[1], notes="passport seen")
        moved(ctx, asha, "call_scheduled", now=at[2], call_at=CALL_AT)
        moved(ctx, asha, "call_done", now=at[3])
        assert roles == []
        moved(ctx, asha, "approved", now=at[4])
        assert (ctx.db.get("experts", asha) or {})["mentorStatus"] == "approved"
        assert roles == [("asha", "expert")]
        history = private(ctx)["history"]
        assert [(entry["from"], entry["to"], entry["kind"], entry["by"]) for entry in history] == [
            (None, "applied", "step", "asha"),
            ("applied", "documents_verified", "step", "root"),
            ("documents_verified", "call_scheduled", "step", "root"),
            ("call_scheduled", "call_done", "step", "root"),
            ("call_done", "approved", "step", "root"),
        ]
        assert [entry["at"] for entry in history] == at
        assert (private(ctx)["adminNotes"], private(ctx)["callScheduledAt"]) == ("passport seen", CALL_AT)
        assert told(ctx) == sorted(["received", "documents_verified", "call_scheduled", "call_done", "approved"])
        entries = {(entry["before"]["mentorStatus"], entry["after"]["mentorStatus"]) for entry in audits(ctx)}
        assert len(entries) == 4
        assert {(entry["actor"], entry["action"], entry["target"]) for entry in audits(ctx)} == {
            ("root", "application.move", "experts/asha")
        }

    @pytest.mark.parametrize("status", ["approved", "rejected"])
    def test_an_express_move_is_recorded_as_one(self, ctx: Context, status: pipeline.Status) -> None:
        result = moved(ctx, applied(ctx), status, reason="no documents")
        assert result.move.kind == "express"
        assert private(ctx)["history"][-1]["kind"] == "express"
        assert audits(ctx)[0]["after"] == {"mentorStatus": status, "kind": "express"}

    def test_a_repeat_changes_at_most_the_notes(self, ctx: Context) -> None:
        asha = applied(ctx)
        moved(ctx, asha, "documents_verified")
        before = private(ctx)
        assert moved(ctx, asha, "documents_verified").move.kind == "repeat"
        assert private(ctx) == before
        assert moved(ctx, asha, "documents_verified", notes="checked twice").move.kind == "repeat"
        assert private(ctx) == {**before, "adminNotes": "checked twice"}
        assert sorted(entry["action"] for entry in audits(ctx)) == ["application.move", "application.notes"]
        assert told(ctx) == ["documents_verified", "received"]

    def test_a_call_that_is_moved_is_told_again(self, ctx: Context) -> None:
        asha = applied(ctx)
        moved(ctx, asha, "documents_verified")
        moved(ctx, asha, "call_scheduled", call_at=CALL_AT)
        later = CALL_AT + timedelta(hours=1)
        for _ in range(2):
            moved(ctx, asha, "call_scheduled", call_at=later)
        assert private(ctx)["callScheduledAt"] == later
        assert told(ctx).count("call_scheduled") == 2

    def test_what_is_refused_leaves_no_trace(self, ctx: Context) -> None:
        asha = applied(ctx)
        before = private(ctx)
        for status, given, error in [
            ("call_done", {}, Conflict),
            ("call_scheduled", {"call_at": CALL_AT}, Conflict),
            ("rejected", {}, BadRequest),
        ]:
            with pytest.raises(error):
                moved(ctx, asha, status, **given)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            moved(ctx, "nobody", "approved")
        assert (private(ctx), audits(ctx), told(ctx)) == (before, [], ["received"])

    def test_applying_again_begins_anew_and_keeps_the_history(self, ctx: Context) -> None:
        asha = applied(ctx)
        with pytest.raises(Conflict, match="already"):
            applied(ctx)
        moved(ctx, asha, "rejected", reason="no documents")
        assert private(ctx)["rejectionReason"] == "no documents"
        applied(ctx, now=START + timedelta(days=1))
        assert "rejectionReason" not in private(ctx)
        assert [entry["to"] for entry in private(ctx)["history"]] == ["applied", "rejected", "applied"]
        assert told(ctx) == ["received", "received", "rejected"]

    def test_of_two_decisions_at_once_one_holds(self, ctx: Context) -> None:
        asha = applied(ctx)
        statuses: list[pipeline.Status] = ["approved", "rejected"]
        results = at_once(2, lambda n: moved(ctx, asha, statuses[n], reason="no"))
        refused = [result for result in results if isinstance(result, Exception)]
        assert [type(error) for error in refused] == [Conflict]
        assert [entry["to"] for entry in private(ctx)["history"]].count("applied") == 1
        assert len(private(ctx)["history"]) == 2


class TestRole:
    def test_a_crash_before_it_is_given_is_made_good_by_the_task(
        self, ctx: Context, roles: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asha = applied(ctx)

        def fail(*_: Any, **__: Any) -> None:
            raise Unavailable("Auth is away")

        with monkeypatch.context() as patched:
            patched.setattr(auth, "set_role", fail)
            with pytest.raises(Unavailable):
                moved(ctx, asha, "approved")
        assert ((ctx.db.get("users", "asha") or {})["role"], told(ctx)) == ("user", ["received"])
        (task,) = kept_tasks(ctx).keyed("give-role")
        assert (task.path, task.payload) == ("/experts/give-role", {"expertId": "asha"})
        for _ in range(2):
            applications.give_role(ctx, asha, now=START)
        moved(ctx, asha, "approved")
        assert roles == [("asha", "expert")]
        user = ctx.db.get("users", "asha") or {}
        assert user["role"] == "expert"
        # By the clock: a token made before this moment may lack the role.
        assert abs((clock.now() - user["claimsChangedAt"]).total_seconds()) < 60
        assert told(ctx) == ["approved", "received"]
        approved = Query(("notifications",)).filter("type", "==", "mentor_approved").run(ctx.db)
        assert approved[0]["data"] == {"applicationId": "asha", "status": "approved", "refreshToken": True}

    def test_an_admin_stays_one(self, ctx: Context, roles: list[tuple[str, str]]) -> None:
        asha = applied(ctx)
        ctx.run(lambda tx: tx.update(("users", "asha"), {"role": "admin"}))
        moved(ctx, asha, "approved")
        assert (roles, (ctx.db.get("users", "asha") or {})["role"]) == ([], "admin")

    def test_it_is_not_given_to_a_rejected_one(self, ctx: Context, roles: list[tuple[str, str]]) -> None:
        asha = applied(ctx)
        moved(ctx, asha, "rejected", reason="no")
        applications.give_role(ctx, asha, now=START)
        assert roles == []


class TestList:
    @pytest.fixture
    def several(self, ctx: Context) -> list[str]:
        names = ["Asha Rao", "Bela Rao", "Chitra Sen", "Devi Sen"]
        made = [
            applied(ctx, name.split()[0].lower(), name=name, now=START + timedelta(minutes=n))
            for n, name in enumerate(names)
        ]
        moved(ctx, "bela", "documents_verified")
        moved(ctx, "chitra", "rejected", reason="no")
        return made

    def listed(self, ctx: Context, **given: Any) -> list[str]:
        values = {"status": None, "search": None, "limit": 20, "cursor": None, **given}
        return [item["id"] for item in applications.listed(ctx.db, **values).items]

    def test_those_that_wait_newest_first(self, ctx: Context, several: list[str]) -> None:
        assert self.listed(ctx) == ["devi", "bela", "asha"]
        assert self.listed(ctx, status="rejected") == ["chitra"]
        assert self.listed(ctx, status="approved") == []

    def test_in_pages_with_the_private_part(self, ctx: Context, several: list[str]) -> None:
        first = applications.listed(ctx.db, status=None, search=None, limit=2, cursor=None)
        assert first.items[0]["onboardingData"]["phone"] == FORM["phone"]
        rest = applications.listed(ctx.db, status=None, search=None, limit=2, cursor=first.next_cursor)
        assert ([item["id"] for item in rest.items], rest.next_cursor) == (["asha"], None)

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("rao", ["bela", "asha"]),
            ("RA", ["bela", "asha"]),
            ("asha rao", ["asha"]),
            ("rao asha", ["asha"]),
            ("staff acm", ["devi", "bela", "asha"]),
            ("bela@konnect.test", ["bela"]),
            ("sen", ["devi"]),
            ("asha sen", []),
            ("nobody", []),
            ("--", ["devi", "bela", "asha"]),
        ],
    )
    def test_search(self, ctx: Context, several: list[str], search: str, found: list[str]) -> None:
        assert self.listed(ctx, search=search) == found

    def test_search_with_a_status_and_in_pages(self, ctx: Context, several: list[str]) -> None:
        assert self.listed(ctx, search="sen", status="rejected") == ["chitra"]
        first = applications.listed(ctx.db, status=None, search="rao acme", limit=1, cursor=None)
        rest = applications.listed(ctx.db, status=None, search="rao acme", limit=1, cursor=first.next_cursor)
        assert [item["id"] for item in (*first.items, *rest.items)] == ["bela", "asha"]

    def test_the_index_says_no_address_to_the_public(self, ctx: Context, several: list[str]) -> None:
        assert "konnect" in str(ctx.db.get("applicationIndex", "asha"))
        assert "konnect" not in str(ctx.db.get("experts", "asha"))

    def test_a_deleted_profile_leaves_the_index(self, ctx: Context, several: list[str]) -> None:
        ctx.db.delete("experts", "asha")
        assert self.listed(ctx, search="rao") == ["bela"]
        ctx.run(lambda tx: application_index.refresh(tx, "asha"))
        assert ctx.db.get("applicationIndex", "asha") is None
