"""Public profiles: how they come to be, what others do to them, what of them stays."""

from typing import Any

import pytest

from konnect import ids
from konnect.context import Context
from konnect.errors import Forbidden, NotFound
from konnect.experts import educators
from konnect.http.triggers import Change
from konnect.members import deletion, referrals, service, triggers
from konnect.store import Doc, Query
from konnect.uploads import files
from konnect.uploads import service as uploads
from tests.experts import world
from tests.support import START, at_once, new_context


@pytest.fixture(scope="module")
def here() -> Context:
    return new_context()


def account(ctx: Context, uid: str, **fields: Any) -> str:
    made = {"name": uid.title(), "email": f"{uid}@konnect.test", "emailVerified": False, "role": "user"}
    ctx.db.set(("users", uid), {**made, "disabled": False, "createdAt": START, "updatedAt": START, **fields})
    return uid


def member(ctx: Context, uid: str, **fields: Any) -> Doc:
    account(ctx, uid, **fields)
    return ctx.run(lambda tx: service.ensure(tx, uid, START))


def now_of(ctx: Context, uid: str) -> Doc:
    found = ctx.run(lambda tx: service.get(tx, uid))
    assert found is not None
    return found


def set_skills(ctx: Context, uid: str, *names: str) -> Doc:
    given = [{"name": name, "level": "advanced"} for name in names]
    return ctx.run(lambda tx: service.set_skills(tx, uid, given, now=START))


def endorse(ctx: Context, uid: str, skill: str, by: str) -> bool:
    return ctx.run(lambda tx: service.endorse(tx, uid, skill, by, START))


def points_of(ctx: Context, uid: str) -> int:
    return sum(one["points"] for one in Query(("points",)).filter("uid", "==", uid).run(ctx.db))


class TestEnsure:
    def test_a_learner_and_an_educator(self, here: Context) -> None:
        assert ctx_run_get(here, "meera-1") is None
        made = member(here, "meera-1")
        assert (made["name"], made["role"], made["status"]) == ("Meera-1", "learner", "active")
        assert "email" not in made
        world.expert(here, "asha-1", status="applied")
        assert member(here, "asha-1")["role"] == "educator"
        world.expert(here, "ravi-1", status="rejected")
        assert member(here, "ravi-1")["role"] == "learner"

    def test_what_only_its_owner_reads_stays_so(self, here: Context) -> None:
        made = member(here, "meera-14", bio="Call me: 98765 43210", interests=["astrology"], phone="sealed")
        assert (made["bio"], made["interests"]) == ("", [])

    def test_nobody_and_who_has_left(self, here: Context) -> None:
        account(here, "gone-1", disabled=True)
        for uid in ("nobody-1", "gone-1"):
            with pytest.raises(NotFound):
                here.run(lambda tx, uid=uid: service.ensure(tx, uid, START))
            # What others do to them changes nothing, and stops nobody.
            assert here.run(lambda tx, uid=uid: service.rated(tx, uid, 5, START)) is None
            assert here.run(lambda tx, uid=uid: service.exchanged(tx, uid, START)) is None
            assert endorse(here, uid, "Go", "asha-1") is False
            assert here.db.get("members", uid) is None

    def test_twenty_at_once_make_one(self, here: Context) -> None:
        account(here, "meera-2")
        at_once(20, lambda _: here.run(lambda tx: service.ensure(tx, "meera-2", START)))
        assert here.run(lambda tx: service.ensure(tx, "meera-2", START))["name"] == "Meera-2"


def ctx_run_get(ctx: Context, uid: str) -> Doc | None:
    return ctx.run(lambda tx: service.get(tx, uid))


class TestSkills:
    def test_wishes_can_be_compared(self, here: Context) -> None:
        member(here, "meera-3")
        changed = here.run(
            lambda tx: service.set_skills(tx, "meera-3", None, offered=["Go", "GO"], desired=["Tabla "], now=START)
        )
        assert (changed["offeredSkills"], changed["offeredKeys"], changed["desiredKeys"]) == (["Go"], ["go"], ["tabla"])
        changed = here.run(lambda tx: service.change(tx, "meera-3", {"offeredSkills": ["Chess"]}, now=START))
        assert (changed["offeredKeys"], changed["desiredKeys"]) == (["chess"], ["tabla"])

    def test_an_endorsement_counts_once_each_endorser(self, here: Context) -> None:
        member(here, "meera-4")
        set_skills(here, "meera-4", "Go", "Python")
        at_once(20, lambda _: endorse(here, "meera-4", "Go", "asha-1"))
        assert endorse(here, "meera-4", "go ", "asha-1") is False
        assert endorse(here, "meera-4", "Go", "ravi-1") is True
        assert [one["endorsements"] for one in now_of(here, "meera-4")["skills"]] == [2, 0]
        with pytest.raises(Forbidden):
            endorse(here, "meera-4", "Go", "meera-4")

    def test_they_stay_with_the_skill(self, here: Context) -> None:
        member(here, "meera-5")
        set_skills(here, "meera-5", "Go")
        endorse(here, "meera-5", "Go", "asha-1")
        assert set_skills(here, "meera-5", "Python", "GO")["skills"][1]["endorsements"] == 1
        assert set_skills(here, "meera-5", "Python")["skills"][0]["endorsements"] == 0
        # One that went and comes again.
        assert set_skills(here, "meera-5", "Go")["skills"] == [{"name": "Go", "level": "advanced", "endorsements": 1}]

    def test_what_was_taught_comes_into_the_profile(self, here: Context) -> None:
        member(here, "meera-6")
        endorse(here, "meera-6", "Tabla", "asha-1")
        assert now_of(here, "meera-6")["skills"] == [{"name": "Tabla", "level": None, "endorsements": 1}]


def test_ratings_and_exchanges_are_counted(here: Context) -> None:
    member(here, "meera-7")
    for rating in (5, 4, 4):
        here.run(lambda tx, rating=rating: service.rated(tx, "meera-7", rating, START))
    here.run(lambda tx: service.exchanged(tx, "meera-7", START))
    found = now_of(here, "meera-7")
    assert found["exchangeRating"] == {"sum": 13, "count": 3, "average": 4.33}
    assert found["completedExchanges"] == 1


class TestEducators:
    @pytest.mark.parametrize("status", ["applied", "call_done", "approved"])
    def test_who_has_applied_may_write(self, here: Context, status: str) -> None:
        uid = f"asha-{status}"
        world.expert(here, uid, status=status)
        assert here.run(lambda tx: educators.require(tx, uid))["id"] == uid

    def test_who_has_not(self, here: Context) -> None:
        world.expert(here, "ravi-8", status="rejected")
        for uid in ("ravi-8", "nobody-8"):
            with pytest.raises(Forbidden) as refused:
                here.run(lambda tx, uid=uid: educators.require(tx, uid))
            assert refused.value.code == "EDUCATOR_REQUIRED"


def account_written(ctx: Context, uid: str, before: Doc | None) -> None:
    change = Change(uid, f"users/{uid}", {"uid": uid}, before, ctx.db.get("users", uid), None)
    triggers.on_account_written(ctx, change, START)


class TestTheAccount:
    def test_another_name_is_shown(self, here: Context) -> None:
        member(here, "meera-9")
        before = here.db.get("users", "meera-9")
        here.db.set(("users", "meera-9"), {**(before or {}), "name": "Meera Nair"})
        account_written(here, "meera-9", before)
        assert now_of(here, "meera-9")["name"] == "Meera Nair"

    def test_no_profile_comes_of_it(self, here: Context) -> None:
        account(here, "meera-10", emailVerified=True)
        account_written(here, "meera-10", {"name": "M", "emailVerified": False})
        assert here.db.get("members", "meera-10") is None

    def test_a_friend_s_points_come_once_the_address_is_verified(self, here: Context) -> None:
        by = member(here, "asha-11")
        member(here, "meera-11")
        assert referrals.referrer(here.db, f" {by['referralCode'].lower()} ") == "asha-11"
        assert referrals.referrer(here.db, "0000000000") is None
        here.run(lambda tx: referrals.note(tx, "meera-11", "asha-11", "hash", now=START))
        before = here.db.get("users", "meera-11")
        # Early and late events, and repeats: the document decides.
        account_written(here, "meera-11", None)
        assert points_of(here, "asha-11") == 0
        account(here, "meera-11", emailVerified=True)
        at_once(5, lambda _: account_written(here, "meera-11", before))
        account_written(here, "meera-11", before)
        [given] = [
            one
            for one in Query(("points",)).filter("uid", "==", "asha-11").run(here.db)
            if one["reason"] == "friend_referred"
        ]
        assert given["points"] == 25


def test_a_photo_of_two_profiles_stays_while_one_shows_it(here: Context) -> None:
    upload_id = ids.new()
    path = files.path("photo", "meera-13", upload_id, "image/png")
    url = files.file_url(here.settings, "photo", path)
    doc = {"uid": "meera-13", "purpose": "photo", "path": path, "status": "pending", "expiresAt": START}
    here.db.set(("uploads", upload_id), doc)
    photo = uploads.File(upload_id, url, doc, known=True)

    def leave(field: str) -> str:
        settings, uid = here.settings, "meera-13"
        here.run(lambda tx: uploads.release(tx, settings, uid, url, "photo", field=field, now=START))
        return str((here.db.get("uploads", upload_id) or {})["status"])

    for field in ("imageUrl", "profileImage"):
        here.run(lambda tx, field=field: uploads.use(tx, photo, field=field, now=START))
    assert [leave("imageUrl"), leave("imageUrl"), leave("profileImage")] == ["used", "used", "pending"]


def test_a_deleted_account_leaves_nothing(here: Context) -> None:
    member(here, "meera-12")
    endorse(here, "meera-12", "Go", "asha-1")
    here.run(lambda tx: referrals.note(tx, "meera-12", "asha-1", "hash", now=START))
    for _ in range(2):
        deletion.erase(here, "meera-12")
    parts = [Query(("members", "meera-12", part)).run(here.db) for part in ("endorsements", "private")]
    assert (here.db.get("members", "meera-12"), *parts) == (None, [], [])
