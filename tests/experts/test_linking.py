"""Imported profiles find their person: whoever signs in with the address, verified; and work although their id is no
uid."""

from typing import Any

import pytest
import requests

from konnect.context import Context
from konnect.experts import account_triggers, profiles, service
from konnect.experts.linking import imported_id, link
from konnect.http.triggers import Change
from konnect.platform import PlatformConfig
from konnect.sessions import attendance
from konnect.store import Doc
from local.person import wait_until
from tests import people
from tests.sessions.conftest import CONFIG, PACE, Stage
from tests.support import START, at_once, kept_tasks

EMAIL = "asha@konnect.test"
EXPERT_ID = imported_id(EMAIL)


def import_asha(ctx: Context, *, status: str = "approved", email: str = EMAIL) -> str:
    expert_id = imported_id(email)
    ctx.run(
        lambda tx: profiles.create(
            tx,
            expert_id,
            {"name": "Asha", "title": "Engineer"},
            email=email,
            firebase_uid=None,
            status=status,
            default_price_paise=1000,
            now=START,
        )
    )
    return expert_id


def user_written(ctx: Context, uid: str, before: Doc | None = None, **fields: Any) -> None:
    """users/{uid} written, and the event of it."""
    after = {"email": EMAIL, "emailVerified": True, "name": "Asha", "role": "user", "disabled": False, **fields}
    ctx.db.set(("users", uid), after)
    account_triggers.on_user_verified(ctx, Change("e", f"users/{uid}", {"uid": uid}, before, after, START), START)


def expert_created(ctx: Context, expert_id: str) -> None:
    after = ctx.db.get("experts", expert_id)
    change = Change("e", f"experts/{expert_id}", {"expertId": expert_id}, None, after, START)
    account_triggers.on_expert_created(ctx, change, START)


def owner(ctx: Context, expert_id: str = EXPERT_ID) -> Any:
    found = ctx.db.get("experts", expert_id)
    assert found is not None
    return found["firebaseUid"]


class TestLink:
    def test_who_signs_in_after_the_import(self, ctx: Context) -> None:
        import_asha(ctx, status="applied")
        user_written(ctx, "asha", email="Asha@Konnect.test")
        assert owner(ctx) == "asha"
        own = ctx.run(lambda tx: service.own(tx, "asha"))
        assert (own["id"], own["onboardingData"]["email"]) == (EXPERT_ID, EMAIL)
        with pytest.raises(Exception, match="already"):
            ctx.run(lambda tx: service.register(tx, "asha", EMAIL, {"name": "A"}, PlatformConfig(), now=START))

    def test_who_has_signed_in_before_the_import(self, ctx: Context) -> None:
        user_written(ctx, "asha")
        import_asha(ctx, status="applied")
        expert_created(ctx, EXPERT_ID)
        assert owner(ctx) == "asha"

    def test_an_address_that_is_not_verified_gets_nothing(self, ctx: Context) -> None:
        import_asha(ctx, status="applied")
        user_written(ctx, "mallory", emailVerified=False)
        expert_created(ctx, EXPERT_ID)
        assert owner(ctx) is None
        user_written(ctx, "mallory", before={"email": EMAIL, "emailVerified": False})
        assert owner(ctx) == "mallory", "once it is verified"

    def test_repeats_and_others_change_nothing(self, ctx: Context) -> None:
        import_asha(ctx, status="applied")
        results = at_once(4, lambda _: ctx.run(lambda tx: link(tx, "asha", EMAIL, now=START)))
        assert results == [EXPERT_ID] * 4
        assert ctx.run(lambda tx: link(tx, "other", EMAIL, now=START)) is None
        assert owner(ctx) == "asha"

    def test_one_person_has_one_profile(self, ctx: Context) -> None:
        ctx.run(lambda tx: service.register(tx, "asha", EMAIL, {"name": "Asha"}, PlatformConfig(), now=START))
        import_asha(ctx)
        user_written(ctx, "asha")
        assert owner(ctx) is None

    def test_a_profile_that_was_deleted_and_imported_again(self, ctx: Context) -> None:
        for _ in range(2):
            import_asha(ctx, status="applied")
            user_written(ctx, "asha")
            assert owner(ctx) == "asha"
            ctx.db.delete("experts", EXPERT_ID)
            ctx.db.delete("experts", EXPERT_ID, "private", "onboarding")


class TestSessions:
    """The expert's id and the uid differ: presence is of the uid, claims and queue of the expert."""

    @pytest.fixture
    def stage(self, ctx: Context) -> Stage:
        import_asha(ctx)
        ctx.run(lambda tx: link(tx, "asha", EMAIL, now=START))
        ctx.run(lambda tx: attendance.register_expert(tx, "asha", "c-asha", "i1", config=CONFIG, now=START))
        return Stage(ctx)

    def test_online_in_session_and_gone(self, stage: Stage) -> None:
        ctx = stage.ctx
        expert = ctx.db.get("experts", EXPERT_ID)
        assert expert is not None
        assert expert["available"]
        assert kept_tasks(ctx).keyed("advance", EXPERT_ID)
        stage.user("meera", 100)
        session = stage.request("meera", expert_id=EXPERT_ID).session
        assert session is not None
        assert (session["expertId"], session["expertUid"]) == (EXPERT_ID, "asha")
        current = ctx.run(lambda tx: attendance.current(tx, "asha")).session
        assert current is not None
        assert current["id"] == session["id"]
        resumed = ctx.run(lambda tx: attendance.connected(tx, "asha", "c-2", "i1", pace=PACE, now=stage.at(0, 5)))
        assert resumed is not None
        assert resumed["id"] == session["id"]
        ctx.run(
            lambda tx: attendance.disconnected(
                tx, "asha", ["c-asha", "c-2"], config=CONFIG, pace=PACE, now=stage.at(0, 10)
            )
        )
        assert stage.session(session["id"])["expertAbsentSince"] == stage.at(0, 10)
        assert not (ctx.db.get("experts", EXPERT_ID) or {})["available"]
        stage.come_back("asha", stage.at(0, 20))
        assert stage.session(session["id"])["expertAbsentSince"] is None
        ended = stage.end(session["id"], "asha", stage.at(0, 30))
        assert ended["endReason"] == "expert-ended"
        wallet = ctx.db.get("wallets", "asha")
        assert wallet is not None
        assert wallet["balancePaise"] == 800


def test_through_the_whole_stack(stack_env: dict[str, str]) -> None:
    """Imported by an admin; signs up, verifies the address, signs in: an expert with the profile and the role."""
    admin = people.admin(stack_env)
    asha = people.person(stack_env, "Asha")
    csv = f"email,name,title\n{asha.email},Asha Rao,Engineer\n"
    [row] = admin.post("/api/admin/mentors/bulk", {"csv": csv})["rows"]
    assert admin.post("/api/admin/mentors/bulk", {"csv": csv})["unchanged"] == 1
    with pytest.raises(Exception, match="404"):
        asha.get("/api/experts/me")
    url = f"http://{stack_env['FIREBASE_AUTH_EMULATOR_HOST']}/identitytoolkit.googleapis.com/v1/accounts:update?key=x"
    requests.post(
        url, json={"localId": asha.uid, "emailVerified": True}, headers={"Authorization": "Bearer owner"}, timeout=60
    ).raise_for_status()
    asha.sign_in()
    asha.post("/api/auth/verify")

    def linked() -> Any:
        asha.sign_in()
        answer = asha.response("GET", "/api/sessions/expert")
        return answer.ok

    wait_until("the role", linked)
    own = asha.get("/api/experts/me")
    assert (own["id"], own["name"], own["mentorStatus"]) == (row["expertId"], "Asha Rao", "approved")
    found = wait_until("the index", lambda: admin.get(f"/api/admin/mentors?search={asha.email.split('@')[0]}")["items"])
    assert [mentor["firebaseUid"] for mentor in found] == [asha.uid]
