"""One's own profile, the online switch, and experts by admins: created and deleted."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect.context import Context
from konnect.errors import Conflict, Forbidden
from konnect.experts import service as experts
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payouts import withdrawals
from konnect.platform import PlatformConfig
from konnect.sessions import attendance, removal
from konnect.sessions.metering import Pace
from konnect.store import Query
from tests.experts import world
from tests.payments.api import Api
from tests.sessions.conftest import Stage
from tests.support import START, give, kept_events, kept_tasks, sum_of_all_legs

CONFIG = PlatformConfig()
PACE = Pace(60, 30, 60)
Served = tuple[Context, Api]


@pytest.fixture
def served() -> Iterator[Served]:
    with world.opened() as opened:
        yield opened


def code(response: requests.Response) -> tuple[int, str]:
    error = response.json()["error"]
    return response.status_code, error["details"][0]["field"] if error["code"] == "INVALID_INPUT" else error["code"]


class TestEdit:
    def test_what_is_given_changes_and_the_rest_stays(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha", bio="Old", company="Acme", phone="+91 98765 43210")
        changed = api.user("asha").call(
            "PUT",
            "/api/experts/asha",
            {"bio": "New", "pricePerMin": 12.5, "company": None, "linkedinUrl": "https://linkedin.com/in/asha"},
        )
        assert changed.status_code == 200, changed.text
        body = changed.json()
        assert (body["bio"], body["pricePerMin"], body["name"], body["company"]) == ("New", 12.5, "Asha", None)
        assert body["onboardingData"]["phone"] == "+91 98765 43210"
        assert body["onboardingData"]["linkedinUrl"] == "https://linkedin.com/in/asha"
        assert world.doc(ctx, "experts", "asha")["pricePerMinPaise"] == 1250
        public = api.user(None).get("/api/experts/asha").json()
        assert not {"onboardingData", "email", "firebaseUid", "acceptsSessions"} & set(public)
        world.expert_written(ctx, "asha")
        assert [item["id"] for item in api.user(None).get("/api/experts", search="new").json()["items"]] == ["asha"]

    def test_how_the_expert_works(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha")
        asha = api.user("asha")
        names = ("acceptsByHand", "onBreak", "introOffer")

        def seen(body: dict[str, Any]) -> list[bool]:
            return [body[name] for name in names]

        assert seen(asha.get("/api/experts/me").json()) == [False, False, True]
        changed = asha.call("PUT", "/api/experts/asha", {"acceptsByHand": True, "introOffer": False, "onBreak": True})
        assert seen(changed.json()) == [True, True, False]
        assert seen(api.user(None).get("/api/experts/asha").json()) == [True, True, False]
        world.expert_written(ctx, "asha")
        [listed] = api.user(None).get("/api/experts").json()["items"]
        assert seen(listed) == [True, True, False]
        # What is left out stays, and switching on ends a break.
        assert seen(asha.call("PUT", "/api/experts/asha", {"bio": "x"}).json()) == [True, True, False]
        assert seen(asha.call("PUT", "/api/experts/asha", {"available": True}).json()) == [True, False, False]

    def test_an_application_can_be_edited_too(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha", status="applied")
        assert api.user("asha").call("PUT", "/api/experts/asha", {"title": "Coach"}).json()["title"] == "Coach"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": None}, "name"),
            ({"name": " "}, "name"),
            ({"title": None}, "title"),
            ({"pricePerMin": None}, "pricePerMin"),
            ({"pricePerMin": 1.005}, "pricePerMin"),
            ({"experience": 71}, "experience"),
            ({"specialties": ["x"] * 21}, "specialties"),
            ({"available": "yes"}, "available"),
            ({"available": None}, "available"),
            ({"acceptsByHand": None}, "acceptsByHand"),
            ({"onBreak": "yes"}, "onBreak"),
            ({"introOffer": 1}, "introOffer"),
            ({"phone": "abc"}, "phone"),
            ({"imageUrl": "data:x"}, "imageUrl"),
        ],
    )
    def test_bad_input_names_the_field(self, served: Served, body: dict[str, Any], field: str) -> None:
        ctx, api = served
        world.expert(ctx, "asha")
        before = world.doc(ctx, "experts", "asha")
        assert code(api.user("asha").call("PUT", "/api/experts/asha", body)) == (400, field)
        assert world.doc(ctx, "experts", "asha") == before

    def test_only_the_owner(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha")
        for who, status in ((None, 401), ("meera", 403)):
            assert api.user(who).call("PUT", "/api/experts/asha", {"bio": "x"}).status_code == status
        assert api.user("root", role="admin").call("PUT", "/api/experts/asha", {"bio": "x"}).status_code == 403
        assert code(api.user("asha").call("PUT", "/api/experts/none", {"bio": "x"})) == (404, "EXPERT_NOT_FOUND")


class TestSwitch:
    def connect(self, ctx: Context, uid: str = "asha", connection: str = "c1", config: PlatformConfig = CONFIG) -> None:
        ctx.run(lambda tx: attendance.register_expert(tx, uid, connection, "i1", config=config, now=START))

    def disconnect(self, ctx: Context, connection: str = "c1") -> None:
        ctx.run(lambda tx: attendance.disconnected(tx, "asha", [connection], config=CONFIG, pace=PACE, now=START))

    def online(self, ctx: Context) -> bool:
        return bool(world.doc(ctx, "experts", "asha")["available"])

    def test_online_is_switched_on_and_connected(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha")

        def switch(on: bool) -> tuple[bool, bool]:
            answer = api.user("asha").call("PUT", "/api/experts/asha", {"available": on}).json()
            return answer["acceptsSessions"], answer["available"]

        assert switch(True) == (True, False)
        self.connect(ctx)
        assert self.online(ctx)
        assert switch(False) == (False, False)
        assert switch(False) == (False, False)
        self.connect(ctx, connection="c2")
        self.disconnect(ctx)
        assert not self.online(ctx)
        assert switch(True) == (True, True)
        assert experts.count_online(ctx.db) == 1
        self.disconnect(ctx, "c2")
        assert not self.online(ctx)
        # The switch outlasts the connection.
        self.connect(ctx)
        assert self.online(ctx)
        assert experts.count_online(ctx.db) == 1
        assert len(kept_events(ctx).named("expert-online")) == 3
        # Coming online by the switch moves the queue.
        assert len(kept_tasks(ctx).keyed("advance", "asha")) >= 2

    def test_a_full_platform_leaves_the_switch_as_it_was(self, ctx: Context) -> None:
        world.expert(ctx, "asha")
        world.expert(ctx, "ravi")
        full = PlatformConfig(maxConcurrentMentors=1)
        self.connect(ctx)
        ctx.run(lambda tx: attendance.switch(tx, "asha", "asha", False, config=full, now=START))
        self.connect(ctx, "ravi", "c9", full)
        with pytest.raises(Conflict) as refused:
            ctx.run(lambda tx: attendance.switch(tx, "asha", "asha", True, config=full, now=START))
        assert refused.value.code == "PLATFORM_FULL"
        assert world.doc(ctx, "experts", "asha", "private", "onboarding")["acceptsSessions"] is False

    def test_only_who_is_approved(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha", status="applied")
        refused = api.user("asha").call("PUT", "/api/experts/asha", {"available": True})
        assert code(refused) == (403, "EXPERT_NOT_APPROVED")
        ctx.run(lambda tx: attendance.switch(tx, "asha", "asha", False, config=CONFIG, now=START))
        with pytest.raises(Forbidden):
            self.connect(ctx)


class TestCreate:
    def test_for_an_address(self, served: Served) -> None:
        ctx, api = served
        admin = api.user("root", role="admin")
        made = admin.post("/api/experts", {"name": "Ravi", "title": "Coach", "email": " Ravi@Konnect.test "})
        assert made.status_code == 201, made.text
        body = made.json()
        assert (body["mentorStatus"], body["firebaseUid"], body["email"]) == ("approved", None, "ravi@konnect.test")
        world.expert_written(ctx, body["id"])
        assert [item["id"] for item in api.user(None).get("/api/experts").json()["items"]] == [body["id"]]
        again = admin.post("/api/experts", {"name": "Ravi", "title": "Coach", "email": "ravi@konnect.test"})
        assert code(again) == (409, "ALREADY_REGISTERED")
        assert [entry["action"] for entry in Query(("audit",)).run(ctx.db)] == ["expert.create"]

    def test_for_nobody_yet(self, served: Served) -> None:
        _, api = served
        ids = {
            api.user("root", role="admin").post("/api/experts", {"name": "Ravi", "title": "Coach"}).json()["id"]
            for _ in range(2)
        }
        assert len(ids) == 2

    def test_refusals(self, served: Served) -> None:
        ctx, api = served
        admin, form = api.user("root", role="admin"), {"name": "Ravi", "title": "Coach"}
        assert code(admin.post("/api/experts", {"title": "Coach"})) == (400, "name")
        assert code(admin.post("/api/experts", {**form, "firebaseUid": "nobody"})) == (400, "firebaseUid")
        assert code(admin.post("/api/experts", {**form, "email": "nonsense"})) == (400, "email")
        assert code(admin.post("/api/experts", {**form, "email": "a@b.c", "firebaseUid": "x"})) == (400, "body")
        world.expert(ctx, "asha")
        ctx.db.set(("users", "asha"), {"email": "asha@konnect.test", "role": "user", "name": "Asha"})
        assert code(admin.post("/api/experts", {**form, "firebaseUid": "asha"})) == (409, "ALREADY_REGISTERED")
        assert api.user("asha").post("/api/experts", form).status_code == 403
        assert api.user(None).post("/api/experts", form).status_code == 401


class TestDelete:
    def remove(self, ctx: Context, expert_id: str = "asha") -> str | None:
        return ctx.run(lambda tx: removal.remove(tx, expert_id, by="root", config=CONFIG, now=START))

    def test_off_every_list_and_the_books_stay(self, served: Served) -> None:
        ctx, api = served
        stage = Stage(ctx)
        stage.expert_online("asha")
        ctx.db.set(("experts", "asha"), {"specialties": ["Career"]}, merge=True)
        session_id = self._ended(stage)
        world.expert_written(ctx, "asha")
        world.terms_written(ctx, session_id)
        deleted = api.user("root", role="admin").call("DELETE", "/api/experts/asha")
        assert (deleted.status_code, deleted.content) == (204, b"")
        world.expert_written(ctx, "asha", before={"mentorStatus": "approved"})
        assert api.user(None).get("/api/experts/asha").status_code == 404
        assert api.user(None).get("/api/experts").json()["items"] == []
        assert ctx.db.get("experts", "asha", "private", "onboarding") is None
        assert world.specialty_counts(ctx) == {"career": 0}
        assert experts.count_online(ctx.db) == 0
        assert kept_events(ctx).named("expert-offline") == [{**kept_events(ctx).named("expert-offline")[0]}]
        assert world.doc(ctx, "sessions", session_id)["expertName"] == "Asha"
        assert world.doc(ctx, "wallets", "asha")["balancePaise"] > 0
        assert sum_of_all_legs(ctx) == 0
        assert "expert.delete" in [entry["action"] for entry in Query(("audit",)).run(ctx.db)]
        assert api.user("root", role="admin").call("DELETE", "/api/experts/asha").status_code == 404
        # Whoever comes back has what was earned before.
        world.expert(ctx, "asha")
        assert world.doc(ctx, "experts", "asha")["orders"] == 1
        assert ctx.db.get("removedExperts", "asha") is None

    def _ended(self, stage: Stage) -> str:
        stage.user("meera", 100)
        session = stage.request("meera", expert_id="asha").session
        assert session is not None
        stage.end(session["id"], "meera", START + timedelta(seconds=30))
        return str(session["id"])

    def test_refused_while_a_session_is_open(self, ctx: Context) -> None:
        stage = Stage(ctx)
        stage.expert_online("asha")
        stage.user("meera", 100)
        session = stage.request("meera", expert_id="asha").session
        assert session is not None
        with pytest.raises(Conflict) as busy:
            self.remove(ctx)
        assert (busy.value.code, busy.value.details[0]["sessionId"]) == ("EXPERT_BUSY", session["id"])
        assert ctx.db.get("experts", "asha") is not None

    @pytest.mark.parametrize("status", ["pending", "confirmed"])
    def test_refused_while_a_booking_is_open(self, ctx: Context, status: str) -> None:
        world.expert(ctx, "asha")
        world.finished_session(ctx, "s1", user="meera", expert_id="asha", status=status)
        with pytest.raises(Conflict) as busy:
            self.remove(ctx)
        assert busy.value.code == "EXPERT_BUSY"

    def test_refused_while_a_withdrawal_is_open(self, ctx: Context) -> None:
        world.expert(ctx, "asha")
        give(ctx, "asha", 5000, part="earned")
        ctx.run(lambda tx: withdrawals.withdraw(tx, "asha", 5000, key=None, request_id="r1", now=START))
        with pytest.raises(Conflict) as refused:
            self.remove(ctx)
        assert refused.value.code == "MONEY_OPEN"

    def test_refused_while_they_owe(self, ctx: Context) -> None:
        world.expert(ctx, "asha")
        legs = (Leg(accounts.receivable("asha"), -500), Leg(accounts.PLATFORM_ADJUSTMENTS, 500))
        ctx.run(lambda tx: ledger.post(tx, Movement("debt", "adjustment", legs), now=START))
        with pytest.raises(Conflict) as refused:
            self.remove(ctx)
        assert refused.value.code == "MONEY_OPEN"

    def test_who_waits_is_told(self, ctx: Context) -> None:
        stage = Stage(ctx)
        world.expert(ctx, "asha")
        ctx.db.set(("queues", "asha", "entries", "meera"), {"userId": "meera", "expertId": "asha", "joinedAt": START})
        assert self.remove(stage.ctx) == "asha"
        assert ctx.db.get("queues", "asha", "entries", "meera") is None
        [told] = kept_events(ctx).named("queue-status", "user:meera")
        assert told["position"] == 0

    def test_only_admins(self, served: Served) -> None:
        ctx, api = served
        world.expert(ctx, "asha")
        for who, status in ((None, 401), ("asha", 403)):
            assert api.user(who).call("DELETE", "/api/experts/asha").status_code == status
        assert api.user("asha", role="expert").call("DELETE", "/api/experts/asha").status_code == 403
