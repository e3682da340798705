"""Subscribing and what is charged: once, whatever comes twice, late, at the same time, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from konnect.context import Context
from konnect.errors import Conflict, KonnectError, Unavailable
from konnect.store import Query
from konnect.subscriptions import following, tasks
from tests.bookings.conftest import DAY, HOUR, NOW, OTHER, STUDENT
from tests.payments.conftest import Crash, crashing
from tests.support import at_once, kept_tasks, movements

from .conftest import Club

MONTH_END = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
PRICE, GST = 499_00, 76_12


def legs(club: Club, kind: str) -> list[dict[str, int]]:
    return [
        {leg["account"]: leg["amountPaise"] for leg in one["legs"]}
        for one in movements(club.ctx)
        if one["kind"] == kind
    ]


class TestSubscribing:
    def test_one_waits_for_its_payment_and_is_answered_again(self, club: Club) -> None:
        first = club.subscribe()
        assert (first["status"], first["planId"], first["pricePaise"]) == ("created", "pro", PRICE)
        assert first["shortUrl"]
        assert club.subscribe(now=NOW + HOUR)["id"] == first["id"]
        assert [one["id"] for one in club.at_provider()] == [first["id"]]
        assert club.view()["plan"]["id"] == "free"
        assert movements(club.ctx) == []

    def test_its_plan_is_made_once_a_price(self, club: Club) -> None:
        for uid in (STUDENT, OTHER):
            club.subscribe(uid=uid)
        mine = {one["plan_id"] for one in club.at_provider()}
        assert len(mine) == 1
        club.subscribe(proPrice=599, now=NOW + HOUR)
        assert len({one["plan_id"] for one in club.at_provider()}) == 2

    def test_another_plan_takes_the_place_of_an_unpaid_one(self, club: Club) -> None:
        first, second = club.subscribe("pro"), club.subscribe("premium")
        assert {one["id"]: one["status"] for one in club.at_provider()} == {
            first["id"]: "cancelled",
            second["id"]: "created",
        }
        assert club.open()["id"] == second["id"]
        assert club.one(first["id"])["isOpen"] is False
        assert club.told() == []

    def test_one_that_was_paid_meanwhile_is_not_given_up(self, club: Club) -> None:
        first = club.subscribe("pro")
        club.pay(first["id"])
        with pytest.raises(Conflict) as refused:
            club.subscribe("premium")
        assert refused.value.code == "ALREADY_SUBSCRIBED"
        assert club.view()["plan"]["id"] == "pro"
        assert club.subscribe("premium", uid=OTHER)["status"] == "created"

    def test_twenty_at_once_make_one(self, club: Club) -> None:
        answers = at_once(20, lambda _: club.subscribe())
        failed = [one for one in answers if isinstance(one, Exception)]
        assert all(isinstance(one, Unavailable) or getattr(one, "code", "") == "IN_PROGRESS" for one in failed)
        made = club.subscribe()
        assert {one["id"] for one in answers if not isinstance(one, Exception)} <= {made["id"]}
        assert [one["id"] for one in club.at_provider()] == [made["id"]]

    def test_a_failure_of_the_provider_leaves_nothing(self, club: Club) -> None:
        club.desk.fault(api={"status": 503, "path": "/v1/subscriptions", "times": 1}, webhooks={"off": True})
        with pytest.raises(Unavailable):
            club.subscribe()
        assert Query(("subscriptions",)).run(club.ctx.db) == []
        assert club.subscribe()["status"] == "created"

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_at_the_commit(self, club: Club, moment: str) -> None:
        # The second commit records what the provider has made.
        with pytest.raises(Crash):
            club.subscribe(ctx=crashing(club.ctx, moment, 3))
        later = NOW + timedelta(minutes=2)
        made = club.subscribe(now=later)
        club.pay(made["id"], now=later)
        club.follow(made["id"], now=later)
        assert club.view(now=later)["plan"]["id"] == "pro"
        assert len([one for one in club.at_provider() if one["status"] == "active"]) == 1
        club.check_books()

    def test_a_closed_account_does_not(self, club: Club) -> None:
        club.ctx.db.set(("users", STUDENT), {"name": "Meera", "disabled": True})
        with pytest.raises(Conflict) as refused:
            club.subscribe()
        assert refused.value.code == "ACCOUNT_CLOSED"
        assert club.at_provider() == []

    def test_the_plan_of_the_environment_if_its_price_is_ours(self, club: Club) -> None:
        made = club.provider.create_plan(name="Pro", amount_paise=PRICE, notes={})
        other = club.provider.create_plan(name="Premium", amount_paise=1_00, notes={})
        settings = club.ctx.settings.model_copy(
            update={"razorpay_plan_pro": made.id, "razorpay_plan_premium": other.id}
        )
        ctx = Context(settings, club.ctx.db, club.ctx.tasks, club.ctx.realtime)
        assert club.subscribe("pro", ctx=ctx)["providerPlanId"] == made.id
        assert club.subscribe("premium", uid=OTHER, ctx=ctx)["providerPlanId"] != other.id


class TestCharges:
    def test_the_first_month(self, club: Club) -> None:
        subscription_id = club.member()
        assert legs(club, "subscription.charge") == [
            {"gateway:razorpay": -PRICE, "platform:subscriptions": PRICE - GST, "tax:gst": GST}
        ]
        (period,) = club.periods()
        assert (period["startsAt"], period["endsAt"]) == (NOW, MONTH_END)
        (payment,) = Query(("payments",)).run(club.ctx.db)
        assert payment["uid"] == STUDENT
        assert payment["amountPaise"] == PRICE
        assert payment["result"]["outcome"] == "granted"
        order = club.desk.order(payment["orderId"])
        assert order["purpose"]["kind"] == "subscription"
        assert (order["purpose"]["planName"], order["purpose"]["periodEnd"]) == ("Pro", MONTH_END)
        view = club.view()
        assert (view["plan"]["id"], view["minutesLeft"], view["periodEnd"]) == ("pro", 30, MONTH_END)
        assert (view["status"], view["subscriptionId"]) == ("active", subscription_id)
        assert club.told() == ["subscription_activated"]
        club.check_books()

    def test_followed_again_changes_nothing(self, club: Club) -> None:
        subscription_id = club.member()
        for hours in range(3):
            club.follow(subscription_id, now=NOW + hours * HOUR)
        assert len(movements(club.ctx)) == len(club.periods()) == 1
        assert club.told() == ["subscription_activated"]

    def test_twenty_at_once(self, club: Club) -> None:
        made = club.subscribe()
        club.pay(made["id"])
        answers = at_once(20, lambda _: club.follow(made["id"]))
        failed = [one for one in answers if isinstance(one, Exception)]
        assert all(isinstance(one, KonnectError) for one in failed), failed
        club.follow(made["id"])
        assert len(movements(club.ctx)) == len(club.periods()) == 1
        assert club.one(made["id"])["paidCount"] == 1
        club.check_books()

    @pytest.mark.parametrize("nth", [1, 2])
    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_at_each_commit(self, club: Club, moment: str, nth: int) -> None:
        made = club.subscribe()
        club.pay(made["id"])
        with pytest.raises(Crash):
            club.follow(made["id"], ctx=crashing(club.ctx, moment, nth))
        later = NOW + timedelta(minutes=20)
        assert club.sweep(later)["failures"] == 0
        assert club.view(now=later)["minutesLeft"] == 30
        assert club.one(made["id"])["status"] == "active"
        assert len(movements(club.ctx)) == 1
        assert club.told() == ["subscription_activated"]
        club.check_books()

    def test_months_that_nobody_told_of_are_all_booked(self, club: Club) -> None:
        subscription_id = club.member()
        for _ in range(2):
            club.charge(subscription_id)
        late = datetime(2026, 8, 2, tzinfo=UTC)
        assert club.view(now=late)["plan"]["id"] == "free"
        assert club.sweep(late) == {"subscriptions": 1, "failures": 0}
        assert [one["startsAt"].month for one in club.periods()] == [6, 7, 8]
        assert len(legs(club, "subscription.charge")) == 3
        assert club.view(now=late)["minutesLeft"] == 30
        assert club.told() == ["subscription_activated"]
        club.check_books()

    def test_minutes_and_price_of_paid_months_stay(self, club: Club) -> None:
        subscription_id = club.member(proMinutes=45, proDiscountPercent=20)
        assert club.plan().minutes == 30
        club.charge(subscription_id)
        club.follow(subscription_id, now=MONTH_END)
        assert [one["minutes"] for one in club.periods()] == [45, 45]
        assert club.view(now=MONTH_END)["plan"]["discountPercent"] == 20

    def test_a_charge_of_another_amount_is_left_to_a_person(self, club: Club, caplog: pytest.LogCaptureFixture) -> None:
        made = club.subscribe()
        club.ctx.db.client.document("subscriptions", made["id"]).update({"plan.pricePaise": 1_00})
        club.pay(made["id"])
        club.follow(made["id"])
        assert "a charge that is none of the subscription's" in caplog.messages
        assert movements(club.ctx) == club.periods() == []

    def test_older_news_is_not_applied(self, club: Club) -> None:
        subscription_id = club.member(now=NOW)
        club.follow(subscription_id, now=NOW + HOUR)
        club.state(subscription_id, "paused")
        # Asked earlier, answered later: it looks again, with the time of now.
        times = iter([NOW, NOW + 2 * HOUR])
        written = following.follow(
            club.ctx, club.provider, subscription_id, now=NOW + 2 * HOUR, clock=lambda: next(times)
        )
        assert written is not None
        assert written["status"] == "paused"


class TestFailures:
    def test_pending_then_paid(self, club: Club) -> None:
        subscription_id = club.member()
        club.charge(subscription_id, "failed")
        club.follow(subscription_id, now=MONTH_END)
        view = club.view(now=MONTH_END)
        assert (view["status"], view["plan"]["id"], view["minutesLeft"]) == ("pending", "free", 0)
        club.charge(subscription_id)
        club.follow(subscription_id, now=MONTH_END + DAY)
        assert club.view(now=MONTH_END + DAY)["plan"]["id"] == "pro"
        assert club.told() == ["subscription_activated", "subscription_charge_failed"]
        club.check_books()

    def test_halted_then_another_takes_its_place(self, club: Club) -> None:
        subscription_id = club.member()
        for _ in range(4):
            club.charge(subscription_id, "failed")
        club.follow(subscription_id, now=MONTH_END)
        assert club.view(now=MONTH_END)["status"] == "halted"
        club.follow(subscription_id, now=MONTH_END + HOUR)
        assert club.told() == ["subscription_activated", "subscription_charge_failed"]
        made = club.subscribe("premium", now=MONTH_END + DAY)
        assert made["id"] != subscription_id
        assert club.one(subscription_id)["status"] == "cancelled"
        assert club.told() == ["subscription_activated", "subscription_charge_failed", "subscription_ended"]

    def test_a_failed_first_payment_leaves_it_open(self, club: Club) -> None:
        made = club.subscribe()
        assert "error" in club.pay(made["id"], outcome="failed")
        club.follow(made["id"])
        assert club.view()["status"] == "created"
        club.pay(made["id"])
        club.follow(made["id"])
        assert club.view()["plan"]["id"] == "pro"

    def test_one_that_nobody_pays_expires(self, club: Club) -> None:
        made = club.subscribe()
        club.state(made["id"], "expired")
        club.sweep(NOW + DAY)
        assert club.one(made["id"])["status"] == "expired"
        assert club.view(now=NOW + DAY)["status"] == "none"
        assert club.sweep(NOW + 2 * DAY)["subscriptions"] == 0
        assert club.told() == []


class TestCancelling:
    def test_what_is_paid_for_stays_until_its_end(self, club: Club) -> None:
        subscription_id = club.member()
        for _ in range(2):
            club.cancel(now=NOW + DAY)
        assert club.at_provider()[0]["status"] == "cancelled"
        view = club.view(now=NOW + DAY)
        assert (view["status"], view["cancelAtPeriodEnd"], view["minutesLeft"]) == ("active", True, 30)
        with pytest.raises(Conflict) as refused:
            club.subscribe("premium", now=NOW + DAY)
        assert refused.value.code == "SUBSCRIPTION_ENDING"
        assert club.sweep(MONTH_END - HOUR)["subscriptions"] == 0
        club.sweep(MONTH_END)
        assert club.view(now=MONTH_END)["status"] == "none"
        assert club.one(subscription_id)["status"] == "cancelled"
        assert club.told() == ["subscription_activated", "subscription_cancelled", "subscription_ended"]
        assert club.subscribe("premium", now=MONTH_END)["planId"] == "premium"
        club.check_books()

    @pytest.mark.parametrize("applied", [True, False])
    def test_a_lost_answer_is_made_good_by_the_sweep(self, club: Club, applied: bool) -> None:
        subscription_id = club.member()
        fault = {"status": 503, "path": "/v1/subscriptions/*/cancel", "times": 1, "applied": applied}
        club.desk.fault(api=fault, webhooks={"off": True})
        with pytest.raises(Unavailable):
            club.cancel()
        club.sweep(NOW + HOUR)
        assert club.at_provider()[0]["status"] == "cancelled"
        assert club.one(subscription_id)["cancelAtPeriodEnd"] is True

    def test_an_unpaid_one_is_over_at_once(self, club: Club) -> None:
        made = club.subscribe()
        club.cancel()
        assert club.view()["status"] == "none"
        assert club.one(made["id"])["status"] == "cancelled"
        assert club.told() == []

    def test_by_the_provider_s_dashboard(self, club: Club) -> None:
        subscription_id = club.member()
        club.state(subscription_id, "cancelled")
        club.follow(subscription_id)
        assert club.view()["cancelAtPeriodEnd"] is True

    def test_a_closed_account_is_charged_no_more(self, club: Club) -> None:
        club.member()
        tasks.cancel_all(club.ctx, {"uid": STUDENT}, NOW)
        tasks.cancel_all(club.ctx, {"uid": OTHER}, NOW)
        assert club.at_provider()[0]["status"] == "cancelled"


class TestChanging:
    def test_from_the_next_month_on(self, club: Club) -> None:
        subscription_id = club.member("pro")
        answered = club.subscribe("premium", now=NOW + DAY)
        assert (answered["id"], answered["nextPlan"]["id"], answered["planId"]) == (subscription_id, "premium", "pro")
        assert club.subscribe("premium", now=NOW + DAY)["id"] == subscription_id
        assert (club.view()["plan"]["id"], club.view()["nextPlanId"]) == ("pro", "premium")
        club.charge(subscription_id)
        club.follow(subscription_id, now=MONTH_END)
        view = club.view(now=MONTH_END)
        assert (view["plan"]["id"], view["minutesLeft"], view["nextPlanId"]) == ("premium", 60, None)
        assert [one["pricePaise"] for one in club.periods()] == [499_00, 999_00]
        club.check_books()

    def test_and_back(self, club: Club) -> None:
        subscription_id = club.member("pro")
        club.subscribe("premium")
        assert club.subscribe("pro")["nextPlan"] is None
        club.charge(subscription_id)
        club.follow(subscription_id, now=MONTH_END)
        assert club.view(now=MONTH_END)["plan"]["id"] == "pro"

    def test_where_the_mandate_allows_none(self, club: Club) -> None:
        made = club.subscribe("pro")
        club.pay(made["id"], method="upi")
        club.follow(made["id"])
        with pytest.raises(Conflict) as refused:
            club.subscribe("premium")
        assert refused.value.code == "PLAN_CHANGE_REFUSED"
        assert club.one(made["id"])["nextPlan"] is None
        assert club.subscribe("pro", uid=OTHER)["status"] == "created"

    def test_a_lost_answer_is_understood_at_the_next_charge(self, club: Club) -> None:
        subscription_id = club.member("pro")
        fault = {"status": 503, "method": "PATCH", "times": 1, "applied": True}
        club.desk.fault(api=fault, webhooks={"off": True})
        with pytest.raises(Unavailable):
            club.subscribe("premium")
        club.charge(subscription_id)
        club.follow(subscription_id, now=MONTH_END)
        assert club.view(now=MONTH_END)["plan"]["id"] == "premium"


class TestRefunds:
    def test_of_a_whole_month_ends_it(self, live: Club) -> None:
        now = datetime.now(UTC)
        subscription_id = live.member(now=now)
        (payment,) = Query(("payments",)).run(live.ctx.db)
        live.desk.refund(payment["id"], 100_00)
        assert live.view(now=now)["plan"]["id"] == "pro"
        live.desk.refund(payment["id"])
        assert live.view(now=datetime.now(UTC))["plan"]["id"] == "free"
        accounts = [live.desk.account(name) for name in ("gateway:razorpay", "platform:subscriptions", "tax:gst")]
        assert accounts == [0, 0, 0]
        assert live.periods()[0]["revokedAt"] is not None
        assert live.one(subscription_id)["paidUntil"] <= datetime.now(UTC)
        live.check_books()

    @pytest.mark.parametrize(("back", "plan"), [(None, "free"), (100_00, "pro")])
    def test_that_came_before_the_charge_was_known(self, live: Club, back: int | None, plan: str) -> None:
        now = datetime.now(UTC)
        made = live.subscribe(now=now)
        payment_id = live.pay(made["id"], now=now)["razorpay_payment_id"]
        live.desk.refund(payment_id, back)
        later = datetime.now(UTC)
        live.follow(made["id"], now=later)
        assert live.view(now=later)["plan"]["id"] == plan
        assert live.desk.account("gateway:razorpay") == (0 if back is None else back - 499_00)
        assert set(live.desk.redeliver(payment_id=payment_id)) == {200}
        assert len(movements(live.ctx)) == 2
        live.check_books()


class TestWebhooks:
    def test_their_tasks_follow(self, live: Club) -> None:
        now = datetime.now(UTC)
        made = live.subscribe(now=now)
        live.pay(made["id"], now=now)
        assert live.followers()
        assert {one["subscriptionId"] for one in live.followers()} == {made["id"]}
        for payload in live.followers()[::-1]:
            tasks.follow(live.ctx, payload, datetime.now(UTC))
        assert live.view(now=datetime.now(UTC))["plan"]["id"] == "pro"
        assert len(movements(live.ctx)) == 1
        # Late and again: the payment's own events know it now, and change nothing.
        assert set(live.desk.redeliver(subscription_id=made["id"], times=3)) == {200}
        (payment,) = Query(("payments",)).run(live.ctx.db)
        assert set(live.desk.redeliver(payment_id=payment["id"])) == {200}
        assert len(movements(live.ctx)) == 1
        live.check_books()

    def test_of_an_unknown_subscription_it_is_logged(self, live: Club, caplog: pytest.LogCaptureFixture) -> None:
        sent = live.desk.event("subscription.charged", {"subscription": {"id": "sub_unknown1234567"}})
        assert sent.json() == {"outcome": "pending"}
        (payload,) = live.followers()
        tasks.follow(live.ctx, payload, NOW)
        assert "a subscription that is not known" in caplog.messages
        assert kept_tasks(live.ctx).keyed("collect") == []

    def test_forged_ones_are_refused(self, live: Club) -> None:
        sent = live.desk.event("subscription.charged", {"subscription": {"id": "sub_1"}}, secret="wrong")
        assert sent.status_code == 400
        assert live.followers() == []


def test_the_sweep_gives_up_while_the_provider_is_down(club: Club) -> None:
    for uid in (STUDENT, OTHER):
        club.subscribe(uid=uid)
    club.desk.fault(api={"status": 503, "path": "/v1/subscriptions/*"}, webhooks={"off": True})
    assert club.sweep(NOW + HOUR) == {"subscriptions": 2, "failures": 2}
    assert club.sweep(NOW + HOUR) == {"subscriptions": 0, "failures": 0}
