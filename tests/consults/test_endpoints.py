"""/consult over HTTP: who may, what is refused, and what each of its readers sees."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from konnect import clock
from konnect.consults import course
from konnect.context import Context
from konnect.identity import birth
from konnect.presence import service as presence
from konnect.sessions.metering import Pace
from konnect.store import Doc
from tests.experts import world
from tests.payments.api import Api, User, error_code
from tests.support import give, kept_events, wallet_of

USER, EXPERT = "meera", "asha"


@dataclass
class Desk:
    ctx: Context
    api: Api

    def of(self, uid: str | None, **claims: Any) -> User:
        return self.api.user(uid, **claims)

    def start(self, **fields: Any) -> Any:
        body = {"userId": USER, "consultantId": EXPERT, "durationMinutes": 30, "price": 300, **fields}
        return self.of(USER).post("/consult/start", {name: value for name, value in body.items() if value is not ...})

    def started(self) -> str:
        answer = self.start()
        assert answer.status_code == 201, answer.text
        return str(answer.json()["consultId"])

    def active(self) -> str:
        consult_id = self.started()
        now, pace = clock.now(), Pace.of(self.ctx.settings)
        assert self.of(EXPERT).post(f"/consult/{consult_id}/accept").status_code == 200
        for uid in (USER, EXPERT):
            self.ctx.run(lambda tx, uid=uid: presence.connect(tx, uid, f"c-{uid}", "i1", now=now))
            self.ctx.run(lambda tx, uid=uid: course.join(tx, consult_id, uid, True, pace=pace, now=now))
        return consult_id


@pytest.fixture(scope="module")
def opened() -> Iterator[Desk]:
    with world.opened() as (ctx, api):
        world.expert(ctx, EXPERT)
        for uid in (USER, EXPERT):
            ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
        give(ctx, USER, 5000_00)
        yield Desk(ctx, api)


@pytest.fixture
def desk(opened: Desk) -> Iterator[Desk]:
    """Nothing goes on afterwards."""
    yield opened
    now, pace = clock.now(), Pace.of(opened.ctx.settings)
    opened.ctx.run(lambda tx: course.end_all(tx, USER, pace=pace, now=now))


class TestStart:
    def test_as_documented(self, desk: Desk) -> None:
        before = wallet_of(desk.ctx, USER)["balance"]
        answer = desk.start()
        assert answer.status_code == 201
        made = answer.json()
        assert (set(made), made["status"]) == ({"consultId", "status", "expiresAt"}, "pending")
        assert wallet_of(desk.ctx, USER)["balance"] == before - 300
        assert desk.start(price=..., userId=...).json() == made

    def test_a_key(self, desk: Desk) -> None:
        body = {"consultantId": EXPERT, "durationMinutes": 30}
        first = desk.of(USER).post("/consult/start", body, key="k").json()["consultId"]
        desk.of(USER).post(f"/consult/{first}/end")
        assert desk.of(USER).post("/consult/start", body, key="k").json()["consultId"] == first
        other = desk.of(USER).post("/consult/start", {**body, "durationMinutes": 20}, key="k")
        assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"userId": "arjun"}, 403, "FOREIGN_USER"),
            ({"price": 250}, 409, "PRICE_CHANGED"),
            ({"consultantId": "nobody"}, 404, "EXPERT_NOT_FOUND"),
            ({"consultantId": USER}, 404, "EXPERT_NOT_FOUND"),
            ({"consultantId": ".."}, 400, "INVALID_INPUT"),
            ({"consultantId": "__x__"}, 400, "INVALID_INPUT"),
            ({"durationMinutes": 4}, 400, "INVALID_INPUT"),
            ({"durationMinutes": 121}, 400, "INVALID_INPUT"),
            ({"durationMinutes": "30"}, 400, "INVALID_INPUT"),
            ({"durationMinutes": ...}, 400, "INVALID_INPUT"),
            ({"price": -1}, 400, "INVALID_INPUT"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, fields: dict[str, Any], status: int, code: str) -> None:
        answer = desk.start(**fields)
        assert (answer.status_code, error_code(answer)) == (status, code), answer.text
        if status == 400:
            assert answer.json()["error"]["details"][0]["field"] == next(iter(fields))

    def test_without_the_money(self, desk: Desk) -> None:
        poor = desk.of("arjun").post("/consult/start", {"consultantId": EXPERT, "durationMinutes": 30})
        assert (poor.status_code, error_code(poor)) == (402, "INSUFFICIENT_BALANCE")
        assert poor.json()["error"]["details"][0]["needed"] == 300


def test_who_may_see_and_do_what(desk: Desk) -> None:
    consult_id = desk.started()
    operations = [("GET", ""), ("POST", "/accept"), ("POST", "/extend"), ("POST", "/end"), ("GET", "/receipt")]
    for method, what in operations:
        body = {"minutes": 5} if what == "/extend" else None
        for caller, status, code in (
            (desk.of(None), 401, "UNAUTHENTICATED"),
            (desk.of("eve"), 403, "NOT_A_PARTICIPANT"),
            (desk.of("eve-expert", role="expert"), 403, "NOT_A_PARTICIPANT"),
        ):
            answer = caller.call(method, f"/consult/{consult_id}{what}", body)
            assert (answer.status_code, error_code(answer)) == (status, code), (method, what, answer.text)
        missing = desk.of(USER).call(method, f"/consult/nothing{what}", body)
        assert (missing.status_code, error_code(missing)) == (404, "CONSULT_NOT_FOUND")
    assert error_code(desk.of(USER).post(f"/consult/{consult_id}/accept")) == "NOT_A_PARTICIPANT"
    assert error_code(desk.of(USER).get(f"/consult/{consult_id}/receipt")) == "CONSULT_NOT_ENDED"
    early = desk.of(USER).post(f"/consult/{consult_id}/extend", {"minutes": 5})
    assert (early.status_code, error_code(early)) == (409, "CONSULT_NOT_ACTIVE")
    for reader in (desk.of(USER), desk.of(EXPERT), desk.of("boss", role="admin")):
        seen = reader.get(f"/consult/{consult_id}").json()
        assert (seen["id"], seen["status"], seen["birth"]) == (consult_id, "pending", None)
        assert seen["user"] == {"id": USER, "name": "Meera", "joined": False}
        assert seen["consultant"] == {"id": EXPERT, "userId": EXPERT, "name": "Asha", "joined": False}
    desk.of(USER).post(f"/consult/{consult_id}/end")
    late = desk.of(EXPERT).post(f"/consult/{consult_id}/accept")
    assert (late.status_code, error_code(late)) == (409, "CONSULT_ENDED")


def test_birth_details_are_the_consultants_while_it_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    details = {"dateOfBirth": "1990-02-03", "timeOfBirth": "04:05", "placeOfBirth": "Pune"}

    def of(ctx: Context, uid: str) -> Doc:
        return {USER: details}[uid]

    monkeypatch.setattr(birth, "of", of)
    consult_id = desk.active()
    assert desk.of(EXPERT).get(f"/consult/{consult_id}").json()["birth"] == details
    assert desk.of(USER).get(f"/consult/{consult_id}").json()["birth"] is None
    assert desk.of("boss", role="admin").get(f"/consult/{consult_id}").json()["birth"] is None
    desk.of(EXPERT).post(f"/consult/{consult_id}/end")
    assert desk.of(EXPERT).get(f"/consult/{consult_id}").json()["birth"] is None


def test_longer_then_ended_with_a_receipt_for_each(desk: Desk) -> None:
    consult_id = desk.active()
    for wrong in ({"minutes": 0}, {"minutes": "5"}, {}):
        refused = desk.of(USER).post(f"/consult/{consult_id}/extend", wrong)
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "minutes")
    changed = desk.of(USER).post(f"/consult/{consult_id}/extend", {"minutes": 10, "price": 99})
    assert (changed.status_code, error_code(changed)) == (409, "PRICE_CHANGED")
    for _ in range(2):
        longer = desk.of(USER).post(f"/consult/{consult_id}/extend", {"minutes": 10, "price": 100}, key=consult_id)
        assert (longer.status_code, longer.json()["durationMinutes"], longer.json()["price"]) == (200, 40, 400)
    ended = desk.of(USER).post(f"/consult/{consult_id}/end")
    receipt = ended.json()
    assert (ended.status_code, receipt["status"], receipt["endReason"]) == (200, "completed", "user-ended")
    assert receipt["heldPaise"] == 40000 == receipt["amountPaise"] + receipt["releasedPaise"]
    assert (receipt["earning"], receipt["platformFee"]) == (None, None)
    assert "60, rounded half up" in receipt["rule"]
    [stay] = receipt["attendance"]["consultant"]
    assert stay["leftAt"] == receipt["endedAt"]
    assert desk.of(USER).post(f"/consult/{consult_id}/end").json() == receipt
    assert desk.of(USER).get(f"/consult/{consult_id}/receipt").json() == receipt
    theirs = desk.of(EXPERT).get(f"/consult/{consult_id}/receipt").json()
    assert theirs["earningPaise"] + theirs["platformFeePaise"] == receipt["amountPaise"]
    assert desk.of("boss", role="admin").get(f"/consult/{consult_id}/receipt").json()["earning"] is not None
    over = desk.of(USER).post(f"/consult/{consult_id}/extend", {"minutes": 5})
    assert (over.status_code, error_code(over)) == (409, "CONSULT_ENDED")
    [told] = [
        one for one in kept_events(desk.ctx).named("session_end", f"user:{USER}") if one["consultId"] == consult_id
    ]
    assert told["endedBy"] == USER


def test_its_user_reviews_it_once_it_has_taken_place(desk: Desk) -> None:
    consult_id = desk.active()
    review = {"rating": 5, "comment": "She knew."}
    early = desk.of(USER).post(f"/consult/{consult_id}/review", review)
    assert (early.status_code, error_code(early)) == (409, "SESSION_NOT_FINISHED")
    desk.of(USER).post(f"/consult/{consult_id}/end")
    for caller, code in ((desk.of(EXPERT), "ONLY_THE_USER"), (desk.of("eve"), "NOT_A_PARTICIPANT")):
        refused = caller.post(f"/consult/{consult_id}/review", review)
        assert (refused.status_code, error_code(refused)) == (403, code)
    made = desk.of(USER).post(f"/consult/{consult_id}/review", review)
    assert (made.status_code, made.json()["rating"], made.json()["expertId"]) == (201, 5, EXPERT)
    again = desk.of(USER).post(f"/consult/{consult_id}/review", review)
    assert (again.status_code, error_code(again)) == (409, "ALREADY_REVIEWED")
    withdrawn = desk.started()
    desk.of(USER).post(f"/consult/{withdrawn}/end")
    never = desk.of(USER).post(f"/consult/{withdrawn}/review", review)
    assert (never.status_code, error_code(never)) == (409, "SESSION_NOT_FINISHED")


def test_the_wallet_names_what_was_held_and_what_came_back(desk: Desk) -> None:
    consult_id = desk.started()
    desk.of(EXPERT).post(f"/consult/{consult_id}/end")
    found = desk.of(USER).get("/api/wallet/transactions").json()["items"]
    mine = [(one["type"], one["amount"]) for one in found if one["referenceId"] == consult_id]
    assert sorted(mine) == [("payment", 300), ("refund", 300)]
