"""The deletion of an account in documents: what stands in its way, what is erased, what stays, and crashes between."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from konnect import auth, ids
from konnect.auth import Principal
from konnect.context import Context
from konnect.deletion import service, sweeps
from konnect.errors import Conflict, Forbidden, Unavailable
from konnect.experts import applications
from konnect.gamification import service as gamification
from konnect.ledger import service as ledger
from konnect.notifications import service as notifications
from konnect.payouts import service as payouts
from konnect.payouts import withdrawals
from konnect.platform import PlatformConfig
from konnect.realtime import DISCONNECT
from konnect.sessions import requests
from konnect.sessions import service as sessions
from konnect.sessions.metering import Pace
from konnect.store import Doc, Query
from konnect.wallet import transactions
from tests.support import START, at_once, give, kept_events, kept_tasks, sum_of_all_legs

EMAIL = "meera@konnect.test"
SOON = START + timedelta(minutes=5)
CONFIG = PlatformConfig(platformFeePercent=0)
PACE = Pace(60, 30, 60)


@pytest.fixture(autouse=True)
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accounts deleted, in the place of Auth's: these tests have documents alone."""
    gone: list[str] = []
    monkeypatch.setattr(auth, "delete_account", lambda uid, **_: gone.append(uid))
    monkeypatch.setattr(auth, "set_role", lambda *_, **__: None)
    return gone


def principal(uid: str = "meera", *, signed_in: Any = START) -> Principal:
    expires_at = START + timedelta(hours=1)
    return Principal(uid, f"{uid}@konnect.test", True, uid.title(), "user", expires_at, False, signed_in, signed_in)


def user(ctx: Context, uid: str = "meera") -> None:
    def work(tx: Any) -> None:
        profile = {
            "name": uid.title(),
            "email": f"{uid}@konnect.test",
            "emailVerified": True,
            "phone": "+91 98765 43210",
            "bio": "Two years in sales.",
            "interests": ["sales"],
            "role": "user",
            "disabled": False,
            "createdAt": START,
            "updatedAt": START,
        }
        tx.create(("users", uid), profile)
        ledger.open_wallet(tx, uid, now=START)

    ctx.run(work)


def expert(ctx: Context, uid: str = "asha") -> None:
    user(ctx, uid)

    def work(tx: Any) -> None:
        form = {"name": uid.title(), "phone": "+91 11111 11111", "bio": "Private", "pricePerMinPaise": 1000}
        applications.apply(tx, uid, f"{uid}@konnect.test", form, CONFIG, now=START)

    ctx.run(work)
    applications.decide(ctx, uid, "approved", by="root", now=START)
    ctx.run(lambda tx: tx.update(("experts", uid), {"available": True}))
    ctx.run(lambda tx: tx.set(("counters", "expertsOnline"), {"count": 1}))


def session(ctx: Context, uid: str = "meera", expert_id: str = "asha", *, now: Any = START) -> str:
    """A minute's session that has ended: everything the user had is spent."""
    give(ctx, uid, 1000)
    session_id = ids.new()
    ctx.run(
        lambda tx: requests.request(
            tx,
            uid=uid,
            name=uid.title(),
            expert_id=expert_id,
            type="chat",
            session_id=session_id,
            config=CONFIG,
            pace=PACE,
            now=now,
        )
    )
    return session_id


def end(ctx: Context, session_id: str, *, by: str = "meera") -> None:
    ctx.run(lambda tx: sessions.end(tx, session_id, by=by, pace=PACE, now=START + timedelta(seconds=30)))


def request(ctx: Context, uid: str = "meera") -> Doc:
    return service.request(ctx, principal(uid), now=SOON)


def refused(ctx: Context, uid: str = "meera") -> dict[str, dict[str, Any]]:
    with pytest.raises(Conflict) as error:
        request(ctx, uid)
    assert error.value.code == "ACCOUNT_IN_USE"
    assert all(detail["way"] and detail["message"] for detail in error.value.details)
    return {detail["code"]: detail for detail in error.value.details}


def everything(ctx: Context) -> str:
    """Every document there is, as text."""

    def below(parent: Any) -> list[str]:
        found = []
        for collection in parent.collections():
            for reference in collection.list_documents():
                found += [f"{reference.path}: {reference.get().to_dict()}", *below(reference)]
        return found

    return "\n".join(below(ctx.db.client))


class TestRefused:
    def test_money_in_the_wallet(self, ctx: Context) -> None:
        user(ctx)
        give(ctx, "meera", 500)
        give(ctx, "meera", 200, part="earned")
        found = refused(ctx)["WALLET_NOT_EMPTY"]
        assert (found["amount"], found["withdrawable"]) == (7, 2)
        assert ctx.db.get("deletions", "meera") is None

    def test_a_withdrawal_on_its_way(self, ctx: Context) -> None:
        user(ctx)
        give(ctx, "meera", 200, part="earned")
        made = ctx.run(lambda tx: withdrawals.withdraw(tx, "meera", 200, key=None, request_id="r1", now=START))
        assert refused(ctx)["WITHDRAWAL_PENDING"]["transactionId"] == made["transactionId"]
        payout_id = made["transactionId"]
        ctx.run(lambda tx: payouts.settle_by_hand(tx, payout_id, "paid", by="console", now=START))
        assert request(ctx)["status"] == "requested"

    @pytest.mark.parametrize(("minutes", "open"), [(1, True), (59, True), (61, False)])
    def test_a_deposit_that_may_still_be_paid(self, ctx: Context, minutes: int, open: bool) -> None:
        user(ctx)
        began = SOON - timedelta(minutes=minutes)
        fields: dict[str, Any] = {"type": "deposit", "status": "pending", "description": "", "reference_id": "o1"}
        ctx.run(lambda tx: transactions.write(tx, "o1", uid="meera", amount_paise=100, now=began, **fields))
        if open:
            assert set(refused(ctx)) == {"DEPOSIT_PENDING"}
        else:
            assert request(ctx)["status"] == "requested"

    def test_what_is_due_and_what_is_owed(self, ctx: Context) -> None:
        user(ctx)
        ctx.db.set(("payables", "meera"), {"balancePaise": 100})
        ctx.db.set(("receivables", "meera"), {"balancePaise": -300})
        found = refused(ctx)
        assert (found["EARNINGS_DUE"]["amount"], found["DEBT_OPEN"]["amount"]) == (1, 3)

    def test_an_open_session_on_either_side(self, ctx: Context) -> None:
        expert(ctx)
        user(ctx)
        session_id = session(ctx)
        assert refused(ctx)["SESSION_OPEN"]["sessionId"] == session_id
        assert refused(ctx, "asha")["SESSION_OPEN"]["sessionId"] == session_id
        end(ctx, session_id)
        assert set(refused(ctx, "asha")) == {"WALLET_NOT_EMPTY"}
        assert request(ctx)["status"] == "requested"

    def test_a_booked_session(self, ctx: Context) -> None:
        user(ctx)
        ctx.db.set(("sessions", "s1"), {"userId": "meera", "expertUid": "asha", "status": "confirmed"})
        assert refused(ctx)["SESSION_OPEN"]["way"] == "cancel it"

    @pytest.mark.parametrize("side", ["studentId", "mentorUid"])
    def test_an_open_dispute(self, ctx: Context, side: str) -> None:
        user(ctx)
        ctx.db.set(("disputes", "b1"), {"studentId": "asha", "mentorUid": "asha", side: "meera", "status": "open"})
        assert refused(ctx)["DISPUTE_OPEN"]["bookingId"] == "b1"

    @pytest.mark.parametrize("signed_in", [SOON - timedelta(minutes=6), None])
    def test_an_old_sign_in(self, ctx: Context, signed_in: Any) -> None:
        user(ctx)
        with pytest.raises(Forbidden) as error:
            service.request(ctx, principal(signed_in=signed_in), now=SOON)
        assert error.value.code == "RECENT_LOGIN_REQUIRED"


class TestClosed:
    def test_at_once(self, ctx: Context) -> None:
        expert(ctx)
        request(ctx, "asha")
        closed = ctx.db.get("users", "asha") or {}
        assert (closed["disabled"], closed["tokensValidAfter"]) == (True, SOON)
        assert (ctx.db.get("experts", "asha") or {})["available"] is False
        assert (ctx.db.get("counters", "expertsOnline") or {})["count"] == 0
        assert kept_events(ctx).named(DISCONNECT, "user:asha") == [None]
        (task,) = kept_tasks(ctx).keyed("delete-account")
        assert (task.path, task.payload) == ("/deletion/run", {"uid": "asha"})

    def test_a_repeat_answers_the_same(self, ctx: Context) -> None:
        user(ctx)
        assert request(ctx) == request(ctx)

    def test_several_at_once(self, ctx: Context) -> None:
        user(ctx)
        results = [result for result in at_once(5, lambda _: request(ctx)) if not isinstance(result, Unavailable)]
        assert {result["id"] for result in results if isinstance(result, dict)} == {"meera"}
        assert not [result for result in results if isinstance(result, Exception)]

    def test_someone_without_a_profile(self, ctx: Context, deleted: list[str]) -> None:
        request(ctx, "stranger")
        assert service.run(ctx, "stranger", now=SOON) is True
        assert deleted == ["stranger"]


class TestErased:
    @pytest.fixture
    def lived(self, ctx: Context) -> Context:
        """Meera has had a session with Asha, waits for her, and has been told something."""
        expert(ctx)
        user(ctx)
        end(ctx, session(ctx))
        ctx.db.set(
            ("queues", "asha", "entries", "meera"),
            {"userId": "meera", "userName": "Meera", "expertId": "asha", "joinedAt": START, "expiresAt": SOON},
        )
        ctx.db.set(("users", "meera", "private", "settings"), {"theme": "Meera's"})
        ctx.db.set(("users", "meera", "sealed", "payoutDetails"), {"sealed": "v1.1.Meera"})
        ctx.db.set(("members", "meera"), {"name": "Meera", "status": "active"})
        ctx.run(lambda tx: gamification.award(tx, "meera", "review_left", "r1", now=START))
        ctx.db.set(("customers", "meera"), {"customerId": "cust_1", "createdAt": START})
        ctx.run(
            lambda tx: notifications.notify(tx, "meera", "new_message", about=(1,), title="Meera!", body="", now=START)
        )
        return ctx

    def test_a_user(self, lived: Context, deleted: list[str]) -> None:
        before = sum_of_all_legs(lived)
        request(lived)
        assert service.run(lived, "meera", now=SOON) is True
        text = everything(lived)
        assert "Meera" not in text
        assert "98765" not in text.replace("users/asha", "").split("users/meera", 1)[1].split("\n", 1)[0]
        left = lived.db.get("users", "meera") or {}
        assert (left["name"], left["email"], left["disabled"]) == (service.NAME, None, True)
        assert not {"phone", "bio", "interests"} & set(left)
        (held,) = Query(("sessions",)).run(lived.db)
        assert (held["userName"], held["expertName"], held["userId"]) == (service.NAME, "Asha", "meera")
        described = {item["id"].split("-")[-1]: item["description"] for item in Query(("transactions",)).run(lived.db)}
        assert described == {"payment": "Session with Asha", "earning": f"Session with {service.NAME}"}
        assert lived.db.get("queues", "asha", "entries", "meera") is None
        assert lived.db.get("customers", "meera") is None
        assert lived.db.get("members", "meera") is None
        assert Query(("gamification",)).run(lived.db) == Query(("points",)).run(lived.db) == []
        assert lived.db.get("users", "meera", "sealed", "payoutDetails") is None
        assert deleted == ["meera"]
        # Money keeps its record.
        assert sum_of_all_legs(lived) == before == 0
        assert lived.db.get("wallets", "meera") is not None

    def test_an_expert(self, lived: Context) -> None:
        lived.run(lambda tx: withdrawals.withdraw(tx, "asha", 1000, key=None, request_id="r1", now=START))
        payout = Query(("payouts",)).run(lived.db)[0]["id"]
        lived.run(lambda tx: payouts.settle_by_hand(tx, payout, "paid", by="console", now=START))
        request(lived, "asha")
        service.run(lived, "asha", now=SOON)
        assert lived.db.get("experts", "asha") is None
        assert lived.db.get("experts", "asha", "private", "onboarding") is None
        assert "11111" not in everything(lived)
        assert "Asha" not in everything(lived)
        (held,) = Query(("sessions",)).run(lived.db)
        assert (held["userName"], held["expertName"]) == ("Meera", service.NAME)
        # Who waited is told, and waits no more.
        assert kept_events(lived).named("queue-status", "user:meera")[-1]["reason"] == "absent"
        assert lived.db.get("queues", "asha", "entries", "meera") is None

    def test_the_last_mail_goes_to_the_old_address(self, lived: Context) -> None:
        request(lived)
        service.run(lived, "meera", now=SOON)
        (notification,) = Query(("notifications",)).filter("userId", "==", "meera").run(lived.db)
        assert notification["type"] == "account_deleted"
        assert (lived.db.get("mails", notification["id"]) or {})["to"] == EMAIL
        done = lived.db.get("deletions", "meera") or {}
        assert (done["status"], done["email"], done["resumeAt"]) == ("done", None, None)
        assert service.run(lived, "meera", now=SOON) is False

    STEPS = (
        "konnect.auth.delete_account",
        "konnect.experts.deletion.erase",
        "konnect.sessions.deletion.rename",
        "konnect.sessions.deletion.erase",
        "konnect.reviews.deletion.erase",
        "konnect.notifications.service.erase",
        "konnect.uploads.deletion.erase",
        "konnect.deletion.service._finish",
    )

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_a_crash_is_made_good(
        self, lived: Context, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
    ) -> None:
        module, _, name = step.rpartition(".")
        original: Callable[..., Any] = getattr(__import__(module, fromlist=[name]), name)

        def crash(*args: Any, **options: Any) -> Any:
            if after:
                original(*args, **options)
            raise RuntimeError("the instance is gone")

        # An expert's account has every step.
        lived.run(lambda tx: withdrawals.withdraw(tx, "asha", 1000, key=None, request_id="r2", now=START))
        payout = Query(("payouts",)).run(lived.db)[0]["id"]
        lived.run(lambda tx: payouts.settle_by_hand(tx, payout, "paid", by="console", now=START))
        request(lived, "asha")
        with monkeypatch.context() as patched:
            patched.setattr(step, crash)
            with pytest.raises(RuntimeError):
                service.run(lived, "asha", now=SOON)
        assert (lived.db.get("deletions", "asha") or {})["status"] == "requested"
        # The task was lost as well: the sweep resumes it, and finds nothing more to do the next time.
        assert sweeps.sweep(lived, {}, SOON)["deletions"] == 0
        assert sweeps.sweep(lived, {}, SOON + service.RESUME_AFTER)["deletions"] == 1
        assert sweeps.sweep(lived, {}, SOON + service.RESUME_AFTER)["deletions"] == 0
        assert "Asha" not in everything(lived)
        assert (lived.db.get("users", "asha") or {})["name"] == service.NAME

    def test_one_that_fails_does_not_stand_before_the_others(
        self, lived: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user(lived, "bela")
        request(lived)
        request(lived, "bela")

        def fail_for_meera(uid: str, **_: Any) -> None:
            if uid == "meera":
                raise Unavailable("Auth is away")

        monkeypatch.setattr(auth, "delete_account", fail_for_meera)
        assert service.resume(lived, now=SOON + service.RESUME_AFTER) == 1
        assert (lived.db.get("deletions", "bela") or {})["status"] == "done"
