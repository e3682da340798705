"""What somebody might try, and what may go wrong at Stripe: nobody gets a course, or money, that isn't theirs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect.course_sales import enrolling
from konnect.errors import NotFound, Unavailable
from konnect.payments import stripe_tasks, sweeps
from konnect.reconciliation.service import reconcile
from konnect.store import Doc
from tests.course_sales.test_checkout import signed
from tests.course_sales.test_invoices import issued
from tests.course_sales.test_refunds import refund_of
from tests.course_sales.till import EDUCATOR, LEARNER, PRICE, WEBHOOK_PATH, Till
from tests.payments.api import TIMEOUT_S
from tests.support import START, give, kept_tasks

WHOLE = PRICE * 100


def close(till: Till, uid: str) -> None:
    """As a deletion begins: what erases the rest comes later."""
    till.ctx.db.set(("users", uid), {"disabled": True}, merge=True)


def paid_session(till: Till, session_id: str, **fields: Any) -> Doc:
    """The entity of checkout.session.completed."""
    session = {"object": "checkout.session", "mode": "payment", "id": session_id, "status": "complete"}
    paid = {"payment_status": "paid", "payment_intent": "pi_forged", "amount_total": WHOLE, "currency": "inr"}
    return {**session, **paid, "expires_at": 1, **fields}


class TestAClosedAccount:
    """Erased or about to be: nobody could withdraw what it earned, or learn what it bought."""

    def test_its_courses_are_not_sold_from_a_wallet(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, WHOLE)
        close(till, EDUCATOR)
        with pytest.raises(NotFound):
            till.by_wallet(course)
        with pytest.raises(NotFound):
            till.open(course)
        assert (till.wallet(LEARNER), till.wallet(EDUCATOR)) == (WHOLE, 0)

    @pytest.mark.parametrize("uid", [EDUCATOR, LEARNER])
    def test_what_is_paid_goes_back(self, till: Till, uid: str):
        course = till.course()
        found = till.open(course)
        close(till, uid)
        till.pay(found["sessionId"])
        assert till.purchase(found["paymentId"])["status"] == "returned"
        assert till.send_refunds() == ["processed"]
        assert (till.sums(), till.is_open(course)) == ({}, False)
        till.check()


class TestForgeries:
    @pytest.mark.parametrize("signature", ["t=9999999999,v1=\xe9", "t=\xe9,v1=\xe9", "t=1,v1=" + "0" * 64])
    def test_a_signature_of_any_bytes_is_refused(self, till: Till, signature: str):
        headers = {"Stripe-Signature": signature.encode("latin-1")}
        url = till.room.api.url + WEBHOOK_PATH
        assert requests.post(url, data="{}", headers=headers, timeout=TIMEOUT_S).status_code == 400

    @pytest.mark.parametrize("other", [{"currency": "usd"}, {"amount_total": 1}, {"amount_total": WHOLE + 1}])
    def test_another_currency_or_amount_buys_nothing(self, till: Till, other: Doc):
        course = till.course()
        found = till.open(course)
        told = signed(till, "checkout.session.completed", paid_session(till, found["sessionId"], **other))
        assert told.json() == {"outcome": "mismatch"}
        assert (till.kinds(), till.is_open(course)) == ([], False)

    def test_a_session_that_is_not_ours_buys_nothing(self, till: Till):
        course = till.course()
        till.open(course)
        told = signed(till, "checkout.session.completed", paid_session(till, "cs_live_of_another"))
        assert told.json() == {"outcome": "unknown_order"}
        assert (till.kinds(), till.is_open(course)) == ([], False)


class TestTwice:
    def test_two_sessions_that_are_both_paid(self, till: Till):
        """The price has changed between, and Stripe was not asked in time to close the first."""
        course = till.course()
        first = till.open(course)
        till.ctx.db.set(("courses", course["id"]), {"price": 800, "pricePaise": 800_00}, merge=True)
        second = till.open(course)
        till.pay(second["sessionId"])
        till.pay(first["sessionId"])
        states = [till.purchase(one["paymentId"])["status"] for one in (second, first)]
        assert states == ["completed", "returned"]
        assert till.send_refunds() == ["processed"]
        assert till.sums()["gateway:stripe"] == -800_00
        till.check()

    def test_who_enrols_when_it_has_become_free_is_not_left_with_a_page_to_pay_at(self, till: Till):
        course = till.course()
        opened = till.open(course)
        till.ctx.db.set(("courses", course["id"]), {"price": 0, "pricePaise": 0}, merge=True)
        till.ctx.run(
            lambda tx: enrolling.enroll(tx, course["id"], LEARNER, by_wallet=False, shown_paise=None, now=START)
        )
        [task] = kept_tasks(till.ctx).keyed("stripe-expire")
        assert task.payload == {"sessionId": opened["sessionId"]}


class TestRefunds:
    def test_a_part_in_the_dashboard_while_ours_waits(self, till: Till):
        """Stripe refuses all of it then: what is left is asked for."""
        course = till.course()
        sold = till.bought(course)
        till.fault(webhooks="off")
        till.act(f"payments/{sold['paymentId']}/refund", {"amount": 300_00})
        refund_of(till, sold["id"])
        assert till.send_refunds() == ["pending"]
        stripe_tasks.follow(till.ctx, {"paymentId": sold["paymentId"]}, START)
        [waiting] = till.all("gatewayRefunds")
        assert (waiting["status"], waiting["amountPaise"], waiting["heldPaise"]) == ("pending", 700_00, 700_00)
        assert set(till.send_refunds()) == {"processed"}
        assert till.sums() == {}
        paid = till.ctx.db.get("payments", sold["paymentId"]) or {}
        assert sorted(paid["refunds"].values()) == [300_00, 700_00]
        till.check()

    def test_a_bank_that_gives_it_back_weeks_later(self, till: Till):
        """Stripe's refunds are `succeeded` at once, and fail up to a month later: the money is in its balance again."""
        course = till.course()
        sold = till.bought(course)
        refund_of(till, sold["id"])
        assert till.send_refunds() == ["processed"]
        issued(till, sold["paymentId"])
        [done] = till.all("gatewayRefunds")
        till.act(f"refunds/{done['providerId']}", {"outcome": "failed"})
        for _ in range(2):
            till.follow_all()
        [stuck] = till.all("gatewayRefunds")
        assert (stuck["status"], stuck["heldPaise"], stuck["nextCheckAt"]) == ("stuck", WHOLE, None)
        assert till.sums() == {"gateway:stripe": -WHOLE, f"refund:{stuck['id']}": WHOLE}
        till.check()
        # A person pays it back in the dashboard.
        till.act(f"payments/{sold['paymentId']}/refund")
        till.follow_all()
        assert till.all("gatewayRefunds")[0]["status"] == "processed"
        paid = till.ctx.db.get("payments", sold["paymentId"]) or {}
        assert list(paid["refunds"].values()) == [WHOLE]
        assert till.sums() == {}
        till.check()
        # One credit note, whenever it is made.
        for _ in range(2):
            assert issued(till, sold["paymentId"])["status"] == "refunded"
        assert [one["amountPaise"] for one in till.all("invoices") if one["type"] == "credit_note"] == [WHOLE]

    def test_an_id_that_another_product_has_used(self, till: Till):
        """Tickets are numbered by people."""
        give(till.ctx, LEARNER, WHOLE)
        purchase_id = till.by_wallet(till.course())["purchaseId"]
        till.ctx.db.set(("transactions", "ticket-7"), {"userId": "somebody"})
        till.ctx.db.set(("transactions", "ticket-7-share"), {"userId": "somebody"})
        assert refund_of(till, purchase_id, "ticket-7")["amount"] == PRICE
        assert till.wallet(LEARNER) == WHOLE


class TestDisputes:
    def test_an_inquiry_takes_nothing_and_may_be_refunded(self, till: Till):
        """Stripe advises to refund one, before it becomes a dispute."""
        sold = till.bought(till.course())
        till.fault(webhooks="off")
        dispute = till.act(f"payments/{sold['paymentId']}/dispute")
        till.act(f"disputes/{dispute['id']}", {"status": "warning_needs_response"})
        stripe_tasks.follow(till.ctx, {"paymentId": sold["paymentId"]}, START)
        assert till.purchase(sold["id"])["disputeId"] is None
        assert refund_of(till, sold["id"])["amount"] == PRICE

    def test_a_refund_that_was_refused_meanwhile_is_made_when_it_is_won(self, till: Till):
        """Under the same key Stripe would repeat its refusal for a day."""
        sold = till.bought(till.course())
        till.fault(webhooks="off")
        dispute = till.act(f"payments/{sold['paymentId']}/dispute")
        refund_of(till, sold["id"])
        assert till.send_refunds() == ["pending"]
        requests.post(f"{till.sandbox.url}/sandbox/disputes/{dispute['id']}", json={"status": "won"}, timeout=TIMEOUT_S)
        assert till.send_refunds() == ["processed"]
        assert till.sums() == {}

    def test_one_is_over_and_another_is_not(self, till: Till):
        sold = till.bought(till.course())
        first = till.act(f"payments/{sold['paymentId']}/dispute", {"amount": 100_00})
        second = till.act(f"payments/{sold['paymentId']}/dispute", {"amount": 200_00})
        till.follow_all()
        for ended, still in ((first, second), (second, None)):
            till.act(f"disputes/{ended['id']}", {"status": "won"})
            till.follow_all()
            assert till.purchase(sold["id"])["disputeId"] == (still["id"] if still else None)

    def test_lost_and_won_after_all(self, till: Till, caplog: pytest.LogCaptureFixture):
        """The money is there again, the course is closed: a person must look."""
        sold = till.bought(till.course())
        dispute = till.act(f"payments/{sold['paymentId']}/dispute")
        till.act(f"disputes/{dispute['id']}", {"status": "lost"})
        till.follow_all()
        caplog.clear()
        till.act(f"disputes/{dispute['id']}", {"status": "won"})
        till.follow_all()
        assert [one.levelname for one in caplog.records if one.message == "payment disputed"] == ["ERROR"]


class TestSweep:
    def test_while_a_gateway_is_down_nothing_is_given_up_unasked(self, till: Till):
        """Even those that are asked about for the last time, and refunds soon again."""
        order = till.ctx.db.get("orders", till.open(till.course())["sessionId"]) or {}
        last = START + timedelta(days=5)
        refund = {"gateway": "stripe", "status": "pending", "createdAt": START, "nextCheckAt": last, "askedAt": None}
        for number in range(sweeps.MAX_UNAVAILABLE + 2):
            moment = last + timedelta(seconds=number)
            till.ctx.db.set(("orders", f"cs_{number}"), {**order, "status": "expired", "nextCheckAt": moment})
            about = {"paymentId": "pi", "amountPaise": 1, "providerId": None, "attempt": 1}
            till.ctx.db.set(("gatewayRefunds", str(number)), {**refund, **about, "nextCheckAt": moment})
        down = till.ctx.settings.model_copy(update={"stripe_url": "http://127.0.0.1:9", "stripe_timeout_s": 0.2})
        now = last + timedelta(minutes=1)
        sweeps.sweep(replace(till.ctx, settings=down), {}, now)
        soon = {"cs_3", "cs_4", "3", "4"}
        waiting = {one["id"]: one["nextCheckAt"] for one in (*till.all("orders"), *till.all("gatewayRefunds"))}
        assert {waiting[one] for one in soon} == {now + timedelta(minutes=10)}


class TestReconcile:
    def test_a_course_that_nobody_paid_for_is_found(self, till: Till):
        course = till.course()
        till.room.enrolled(course)
        till.check()
        path = ("enrollments", till.all("enrollments")[0]["id"])
        till.ctx.db.set(path, {"source": "wallet", "purchaseId": "nothing"}, merge=True)
        assert "nothing" in " ".join(reconcile(till.ctx).differences)

    def test_a_sale_without_a_purchase_is_found(self, till: Till):
        sold = till.bought(till.course())
        till.ctx.db.delete("coursePurchases", sold["id"])
        assert sold["id"] in " ".join(reconcile(till.ctx).differences)


def test_stripe_that_refuses_us_is_asked_again(till: Till):
    """A key without the right to read: the news must wait, not be lost."""
    sold = till.bought(till.course())
    till.ctx.db.delete("payments", sold["paymentId"])
    till.fault(status=403, path="/v1/checkout/sessions")
    with pytest.raises(Unavailable):
        stripe_tasks.follow(till.ctx, {"paymentId": sold["paymentId"]}, START)
