"""Booking and cancelling: what moves, once, whoever asks how often."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from konnect import idempotency
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, Forbidden, KonnectError, NotFound, PaymentRequired
from konnect.experts import preferences
from konnect.platform import PlatformConfig
from konnect.sessions import refunds
from konnect.sessions.booked import service as booked
from konnect.store import Query
from tests.sessions.bookings import SLOT, USER, Bookings, Crash, dying
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, at_once, give, kept_tasks, movements, wallet_of

DAY = timedelta(days=1)


@pytest.fixture
def stage(ctx: Context) -> Bookings:
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=START)
    return stage


class TestBooking:
    def test_the_price_is_held_and_both_are_told(self, stage: Bookings) -> None:
        stage.person(USER)
        made = stage.book()
        assert {
            name: made[name] for name in ("mode", "status", "duration", "totalAmount", "pricePerMin", "heldPaise")
        } == {
            "mode": "booked",
            "status": "confirmed",
            "duration": 30,
            "totalAmount": 300,
            "pricePerMin": 10,
            "heldPaise": 30000,
        }
        assert (made["scheduledAt"], made["endsAt"], made["noShowAt"]) == (SLOT, stage.slot(30), stage.slot(10))
        assert (made["userName"], made["expertName"]) == ("Meera", "Asha")
        assert wallet_of(stage.ctx, USER)["balance"] == 700
        payment = stage.ctx.db.get("transactions", made["transactionId"]) or {}
        assert (payment["type"], payment["amount"], payment["referenceId"]) == ("payment", 300, made["id"])
        assert stage.taken(USER) == stage.taken(EXPERT) == [made["id"]]
        told = Query(("notifications",)).filter("type", "==", "booking_confirmed").run(stage.ctx.db)
        assert {(one["userId"], one["message"]) for one in told} == {
            (USER, "A chat with Asha of 30 minutes on 7 January 2026 at 15:30 IST."),
            (EXPERT, "A chat with Meera of 30 minutes on 7 January 2026 at 15:30 IST."),
        }
        [reminder] = kept_tasks(stage.ctx).keyed("booked", made["id"])
        assert reminder.at == made["nextTickAt"] == stage.slot(-15)
        stage.check_books()

    def test_the_same_again_is_the_same(self, stage: Bookings) -> None:
        stage.person(USER)
        first = stage.book()
        kept_tasks(stage.ctx).by_name.clear()
        # Also when it is too late for a new one, and the price is another by now.
        stage.ctx.run(lambda tx: tx.update(("experts", EXPERT), {"pricePerMinPaise": 1500, "pricePerMin": 15}))
        again = stage.book(now=stage.slot(-1), price_paise=45000)
        assert (again["id"], again["totalAmount"]) == (first["id"], 300)
        assert kept_tasks(stage.ctx).keyed("booked", first["id"])
        assert stage.kinds() == ["session.hold"]

    def test_twenty_at_once_by_one_user_are_one(self, stage: Bookings) -> None:
        stage.person(USER)
        made = at_once(20, lambda _: stage.book()["id"])
        assert len(set(made)) == 1
        assert wallet_of(stage.ctx, USER)["balance"] == 700
        stage.check_books()

    def test_fifty_users_at_once_for_one_slot(self, stage: Bookings) -> None:
        for n in range(50):
            stage.person(f"user{n}", 300)
        made = at_once(50, lambda n: stage.book(f"user{n}")["id"])
        [won] = [one for one in made if isinstance(one, str)]
        assert {one.code for one in made if isinstance(one, KonnectError)} == {"SLOT_TAKEN"}
        assert stage.kinds() == ["session.hold"]
        [session] = Query(("sessions",)).run(stage.ctx.db)
        assert session["id"] == won
        assert wallet_of(stage.ctx, session["userId"])["balance"] == 0
        stage.check_books()

    def test_two_experts_at_once_for_one_user(self, stage: Bookings) -> None:
        stage.expert_online("ravi")
        stage.person(USER)
        made = at_once(2, lambda n: stage.book(expert_id=("ravi", EXPERT)[n], scheduled_at=stage.slot(10 * n))["id"])
        assert [one.code for one in made if isinstance(one, KonnectError)] == ["SLOT_TAKEN"]
        assert wallet_of(stage.ctx, USER)["balance"] == 700
        stage.check_books()

    def test_an_expert_who_books_is_taken_on_both_sides(self, stage: Bookings) -> None:
        """One calendar a person: not with a client at ten and with an expert of one's own at ten."""
        stage.expert_online("ravi")
        session_id = stage.booked()
        stage.person(EXPERT)
        with pytest.raises(Conflict) as refused:
            stage.book(EXPERT, expert_id="ravi", scheduled_at=stage.slot(15))
        assert refused.value.code == "SLOT_TAKEN"
        assert "you have" in refused.value.message
        assert stage.taken(EXPERT) == [session_id]

    def test_a_crash_after_the_commit_is_made_good_by_the_repeat(self, stage: Bookings) -> None:
        stage.person(USER)
        with pytest.raises(Crash):
            replace(stage, ctx=dying(stage.ctx)).book()
        assert kept_tasks(stage.ctx).keyed("booked") == []
        again = stage.book()
        assert stage.kinds() == ["session.hold"]
        assert kept_tasks(stage.ctx).keyed("booked", again["id"])
        stage.check_books()

    def test_an_idempotency_key(self, stage: Bookings) -> None:
        stage.person(USER)

        def book(key: str, minutes: int) -> str:
            of = idempotency.key(USER, "book", key, {"minutes": minutes})
            wanted = stage.wanted(minutes=minutes)
            made = stage.ctx.run(lambda tx: booked.book(tx, wanted, key=of, config=stage.config, pace=PACE, now=START))
            return str(made["id"])

        first = book("k1", 30)
        stage.cancel(first, EXPERT, START)
        assert book("k1", 30) == first
        with pytest.raises(Conflict) as refused:
            book("k1", 31)
        assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
        # Without the key it is a new one: the first is cancelled.
        assert stage.book()["id"] != first

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"scheduled_at": START + timedelta(minutes=15) - timedelta(seconds=1)}, "scheduledAt"),
            ({"scheduled_at": START - DAY}, "scheduledAt"),
            ({"scheduled_at": START + 30 * DAY + timedelta(seconds=1)}, "scheduledAt"),
            ({"minutes": 4}, "duration"),
            ({"minutes": 121}, "duration"),
        ],
    )
    def test_out_of_bounds(self, stage: Bookings, fields: dict[str, Any], field: str) -> None:
        stage.person(USER, 10_000)
        with pytest.raises(BadRequest) as refused:
            stage.book(**fields)
        assert refused.value.details[0]["field"] == field
        assert stage.kinds() == []

    @pytest.mark.parametrize(
        "fields", [{"scheduled_at": START + timedelta(minutes=15)}, {"scheduled_at": START + 30 * DAY}, {"minutes": 5}]
    )
    def test_just_within_bounds(self, stage: Bookings, fields: dict[str, Any]) -> None:
        stage.person(USER)
        assert stage.book(**fields)["status"] == "confirmed"

    def test_the_configured_bounds(self, ctx: Context) -> None:
        config = PlatformConfig(
            bookingNoticeMins=60, bookingHorizonDays=90, maxSessionDurationMins=20, noShowMins=3, platformFeePercent=5
        )
        stage = Bookings(ctx, config)
        stage.expert_online()
        stage.person(USER)
        for fields in ({"scheduled_at": START + timedelta(minutes=59)}, {"minutes": 21}):
            with pytest.raises(BadRequest):
                stage.book(**fields)
        far = stage.book(minutes=20, scheduled_at=START + 90 * DAY)
        assert far["noShowAt"] == START + 90 * DAY + timedelta(minutes=3)
        # Cloud Tasks takes 30 days at most: a task of an earlier day schedules the next.
        [first] = kept_tasks(ctx).keyed("booked", far["id"])
        assert first.at == START + 29 * DAY
        stage.tasks_until(START + 88 * DAY)
        assert [task.at for task in kept_tasks(ctx).keyed("booked", far["id"])][-1] == START + 90 * DAY - timedelta(
            minutes=15
        )
        terms = ctx.db.get("sessions", far["id"], "private", "terms") or {}
        assert terms["platformFeePercent"] == 5

    @pytest.mark.parametrize(
        ("uid", "fields", "error"),
        [
            (USER, {"expert_id": "nobody"}, NotFound),
            (EXPERT, {}, BadRequest),
            ("poor", {}, PaymentRequired),
            (USER, {"price_paise": 29900}, Conflict),
        ],
    )
    def test_refusals_change_nothing(
        self, stage: Bookings, uid: str, fields: dict[str, Any], error: type[Exception]
    ) -> None:
        stage.person(USER)
        stage.person("poor", 299)
        before = len(movements(stage.ctx))
        with pytest.raises(error):
            stage.book(uid, **fields)
        assert len(movements(stage.ctx)) == before
        assert stage.taken(uid) == stage.taken(EXPERT) == []

    def test_what_is_missing_and_what_it_costs_are_named(self, stage: Bookings) -> None:
        stage.person("poor", 299)
        with pytest.raises(PaymentRequired) as poor:
            stage.book("poor")
        assert (poor.value.details[0]["needed"], poor.value.details[0]["available"]) == (300, 299)
        with pytest.raises(Conflict) as changed:
            stage.book("poor", price_paise=1)
        assert (changed.value.code, changed.value.details) == ("PRICE_CHANGED", [{"price": 300, "pricePerMin": 10}])

    def test_an_expert_who_takes_no_bookings(self, stage: Bookings) -> None:
        stage.person(USER)
        stage.ctx.run(lambda tx: preferences.change(tx, EXPERT, {"acceptsBookings": False}, now=START))
        with pytest.raises(Conflict) as off:
            stage.book()
        stage.ctx.run(lambda tx: preferences.change(tx, EXPERT, {"acceptsBookings": True}, now=START))
        stage.ctx.db.set(("users", EXPERT), {"disabled": True})
        with pytest.raises(Conflict) as disabled:
            stage.book()
        assert off.value.code == disabled.value.code == "NOT_ACCEPTING_BOOKINGS"

    def test_who_is_in_a_session_that_may_last_until_then(self, stage: Bookings) -> None:
        """120 minutes at most, and the buffer of 5."""
        stage.back_online()
        stage.expert_online("ravi")
        stage.user("kabir", 1000)
        assert stage.request("kabir").session is not None
        stage.person(USER)
        for uid, expert_id, code in ((USER, EXPERT, "EXPERT_BUSY"), ("kabir", "ravi", "ALREADY_IN_SESSION")):
            with pytest.raises(Conflict) as refused:
                stage.book(uid, expert_id=expert_id, scheduled_at=stage.at(124, 59))
            assert (refused.value.code, refused.value.details) == (code, [{"freeAt": "2026-01-05T12:05:00.000Z"}])
            assert stage.book(uid, expert_id=expert_id, scheduled_at=stage.at(125))["status"] == "confirmed"


class TestCancelling:
    @pytest.mark.parametrize(
        ("by", "before", "kept"),
        [
            (USER, timedelta(hours=24, seconds=1), 0),
            (USER, timedelta(hours=24), 150),
            (USER, timedelta(hours=4), 150),
            (USER, timedelta(hours=4) - timedelta(seconds=1), 300),
            (USER, timedelta(seconds=1), 300),
            (EXPERT, timedelta(hours=25), 0),
            (EXPERT, timedelta(seconds=1), 0),
        ],
    )
    def test_what_comes_back(self, stage: Bookings, by: str, before: timedelta, kept: float) -> None:
        session_id = stage.booked()
        now = SLOT - before
        cancelled = stage.cancel(session_id, by, now, "cannot come")
        side = "user" if by == USER else "expert"
        assert (cancelled["status"], cancelled["endReason"]) == ("cancelled", f"{side}-cancelled")
        assert (cancelled["cancelledBy"], cancelled["cancelReason"], cancelled["cancelledAt"]) == (
            side,
            "cannot come",
            now,
        )
        assert cancelled["refundedAmount"] == 300 - kept
        stage.check(session_id, kept=kept)
        told = Query(("notifications",)).filter("type", "==", "booking_cancelled").run(stage.ctx.db)
        assert {one["userId"] for one in told} == {USER, EXPERT}
        # Again: the same, also by the other side and later.
        for uid in (by, USER, EXPERT):
            assert stage.cancel(session_id, uid, SLOT + DAY)["refundedAmount"] == 300 - kept
        stage.check(session_id, kept=kept)

    @pytest.mark.parametrize("by", [USER, EXPERT])
    def test_too_late(self, stage: Bookings, by: str) -> None:
        session_id = stage.booked()
        with pytest.raises(Conflict) as refused:
            stage.cancel(session_id, by, SLOT)
        assert refused.value.code == "TOO_LATE_TO_CANCEL"
        assert stage.session(session_id)["heldPaise"] == 30000

    def test_both_at_once(self, stage: Bookings) -> None:
        session_id = stage.booked()
        done = at_once(20, lambda n: stage.cancel(session_id, (USER, EXPERT)[n % 2], SLOT - timedelta(hours=1)))
        assert {one["status"] for one in done if isinstance(one, dict)} == {"cancelled"}
        [amount] = {one["refundedAmount"] for one in done if isinstance(one, dict)}
        assert len(done) == len([one for one in done if isinstance(one, dict)])
        stage.check(session_id, kept=300 - amount)

    def test_a_crash_after_the_commit(self, stage: Bookings) -> None:
        session_id = stage.booked()
        kept_tasks(stage.ctx).by_name.clear()
        with pytest.raises(Crash):
            replace(stage, ctx=dying(stage.ctx)).cancel(session_id, USER, START)
        assert stage.cancel(session_id, USER, START)["refundedAmount"] == 300
        stage.check(session_id, kept=0)

    def test_by_others_and_of_others(self, stage: Bookings) -> None:
        session_id = stage.booked()
        with pytest.raises(Forbidden):
            stage.cancel(session_id, "eve", START)
        with pytest.raises(NotFound):
            stage.cancel("nothing", USER, START)
        stage.back_online()
        running = stage.started("kabir", 100)
        with pytest.raises(Conflict) as refused:
            stage.cancel(running, "kabir", START)
        assert (refused.value.code, "end it" in refused.value.message) == ("SESSION_RUNNING", True)
        stage.end(running, "kabir", START)
        with pytest.raises(Conflict) as ended:
            stage.cancel(running, "kabir", START)
        assert ended.value.code == "SESSION_ENDED"

    def test_the_time_is_free_again(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.cancel(session_id, EXPERT, START)
        assert stage.booked("kabir") in stage.taken(EXPERT)

    def test_money_goes_back_to_where_it_came_from(self, stage: Bookings) -> None:
        """Spent: 100 promotional, 100 deposited, 100 earned; half comes back, what was spent last first."""
        stage.person(USER, 100)
        give(stage.ctx, USER, 10000, part="promotional")
        give(stage.ctx, USER, 10000, part="earned")
        session_id = str(stage.book()["id"])
        stage.cancel(session_id, USER, SLOT - timedelta(hours=5))
        wallet = wallet_of(stage.ctx, USER)
        assert [wallet[f"{part}Paise"] for part in ("promotional", "deposited", "withdrawable")] == [0, 5000, 10000]
        stage.check_books()

    def test_what_the_expert_owes_is_taken_from_the_share(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.cancel(session_id, USER, SLOT - timedelta(hours=1))
        stage.ctx.run(lambda tx: _spend(tx, EXPERT, 24000))
        _refund(stage, session_id, None)
        assert (stage.ctx.db.get("receivables", EXPERT) or {})["balancePaise"] == -24000
        second = stage.booked("kabir")
        stage.cancel(second, "kabir", SLOT - timedelta(hours=5))
        assert (stage.ctx.db.get("receivables", EXPERT) or {})["balancePaise"] == -12000
        assert wallet_of(stage.ctx, EXPERT)["balancePaise"] == 0
        stage.check_books()

    def test_an_admin_refunds_what_was_kept_and_no_more(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.cancel(session_id, USER, SLOT - timedelta(hours=5))
        with pytest.raises(BadRequest, match="at most 150"):
            _refund(stage, session_id, 15001)
        assert _refund(stage, session_id, 5000)["refundable"] == 100
        assert stage.session(session_id)["refundedAmount"] == 200
        assert _refund(stage, session_id, None)["refundedAmount"] == 150
        assert stage.session(session_id)["refundedAmount"] == 300
        assert (wallet_of(stage.ctx, USER)["depositedPaise"], wallet_of(stage.ctx, EXPERT)["balancePaise"]) == (
            100000,
            0,
        )
        with pytest.raises(Conflict) as refused:
            _refund(stage, session_id, None)
        assert refused.value.code == "ALREADY_REFUNDED"
        stage.check_books()


def _refund(stage: Bookings, session_id: str, amount_paise: int | None) -> dict[str, Any]:
    given = refunds.Request(session_id, f"r{len(movements(stage.ctx))}", amount_paise, "not as it should be", "root")
    return stage.ctx.run(lambda tx: refunds.refund(tx, given, now=START))


def _spend(tx: Any, uid: str, paise: int) -> None:
    from konnect.ledger import accounts
    from konnect.ledger import service as ledger
    from konnect.ledger.postings import Leg, Movement

    legs = (Leg(accounts.wallet(uid), -paise), Leg(accounts.PLATFORM_ADJUSTMENTS, paise))
    ledger.post(tx, Movement("test:spend", "purchase", legs), now=START)
