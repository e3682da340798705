"""Buying a course by card: the session, what is paid of it in any order, late, twice and not at all."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from stripe import WebhookSignature

from konnect import ids
from konnect.course_sales import deletion as checkout_deletion
from konnect.errors import BadRequest, Conflict, KonnectError, NotFound, Unavailable
from konnect.payments import gateways, stripe_tasks, sweeps
from konnect.payments.errors import OrderNotFound
from tests.course_sales.till import EDUCATOR, LEARNER, PRICE, SHOP, WEBHOOK_PATH, WEBHOOK_SECRET, Running, Till, opened
from tests.payments.api import TIMEOUT_S
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, give, kept_tasks

LATER = timedelta(days=2)


def code_of(error: pytest.ExceptionInfo[KonnectError]) -> str:
    return error.value.code


class TestOpening:
    def test_a_session_for_the_price(self, till: Till):
        course = till.course()
        found = till.open(course, price_paise=PRICE * 100)
        assert (found["amount"], found["currency"], found["status"]) == (PRICE, "INR", "pending")
        order = till.ctx.db.get("orders", found["sessionId"]) or {}
        assert (order["gateway"], order["receipt"], order["status"]) == ("stripe", found["paymentId"], "created")
        assert order["purpose"] == {"kind": "course", "uid": LEARNER, "purchaseId": found["paymentId"]}
        page = requests.get(found["url"], timeout=TIMEOUT_S)
        assert "Sharding from scratch" in page.text
        assert "1,000.00" in page.text

    def test_the_same_one_while_it_lasts(self, till: Till):
        course = till.course()
        first, second = till.open(course), till.open(course)
        assert first == second
        assert len(till.all("orders")) == 1

    def test_twenty_at_once_open_one(self, till: Till):
        course = till.course()
        found = at_once(20, lambda _: till.open(course))
        sessions = {one["sessionId"] for one in found if isinstance(one, dict)} | {till.open(course)["sessionId"]}
        assert all(isinstance(one, dict | Unavailable | Conflict) for one in found), found
        assert sessions == {one["id"] for one in till.all("orders")}
        assert len(sessions) == 1

    def test_another_price_or_page_closes_the_old_one(self, till: Till):
        course = till.course()
        first = till.open(course)
        till.ctx.db.set(("courses", course["id"]), {"price": 800, "pricePaise": 800_00}, merge=True)
        second = till.open(course)
        assert (second["amount"], second["sessionId"] != first["sessionId"]) == (800, True)
        third = till.open(course, cancel_url=f"{till.ctx.settings.app_url or 'http://localhost:3000'}/elsewhere")
        assert third["sessionId"] != second["sessionId"]
        for task in kept_tasks(till.ctx).keyed("stripe-expire"):
            stripe_tasks.expire(till.ctx, task.payload, START)
        till.drain()
        states = {one["id"]: one["status"] for one in till.all("orders")}
        assert states == {first["sessionId"]: "expired", second["sessionId"]: "expired", third["sessionId"]: "created"}

    def test_refused(self, till: Till):
        course, free = till.course(), till.course(price=0)
        with pytest.raises(Conflict) as refused:
            till.open(course, price_paise=1)
        assert (code_of(refused), refused.value.details) == ("PRICE_CHANGED", [{"price": PRICE}])
        with pytest.raises(Conflict) as refused:
            till.open(free)
        assert code_of(refused) == "COURSE_IS_FREE"
        with pytest.raises(Conflict) as refused:
            till.open(course, EDUCATOR)
        assert code_of(refused) == "OWN_COURSE"
        till.room.enrolled(course)
        with pytest.raises(Conflict) as refused:
            till.open(course)
        assert code_of(refused) == "ALREADY_ENROLLED"
        with pytest.raises(NotFound):
            till.open(till.course(status="draft"))
        assert till.all("orders") == []

    def test_only_our_own_pages(self, till: Till):
        course = till.course()
        for page in (
            "https://evil.example/learn",
            "http://localhost:3000@evil.example/",
            "http://localhost:3000\\@evil.example/",
            "javascript:alert(1)",
            "//localhost:3000/learn",
            "http://localhost:3000 .evil.example/",
        ):
            with pytest.raises(BadRequest) as refused:
                till.open(course, success_url=page)
            assert refused.value.details[0]["field"] == "successUrl"

    def test_pages_of_an_allowed_origin(self, stripe: Running):
        with opened(stripe, cors_origins=SHOP, app_url="") as till:
            course = till.course()
            with pytest.raises(BadRequest):
                till.open(course)
            found = till.open(course, success_url=f"{SHOP}/done?s={{CHECKOUT_SESSION_ID}}", cancel_url=f"{SHOP}/back")
            paid = requests.post(found["url"], {"outcome": "paid"}, allow_redirects=False, timeout=TIMEOUT_S)
            assert paid.headers["Location"] == f"{SHOP}/done?s={found['sessionId']}"

    def test_a_failing_provider_leaves_nothing(self, till: Till):
        course = till.course()
        till.fault(status=500, path="/v1/checkout/sessions", times=1)
        with pytest.raises(Unavailable):
            till.open(course)
        assert till.all("orders") == []
        till.bought(course)
        till.check_sold_once(course, source="checkout")

    def test_an_address_that_stripe_does_not_take(self, till: Till):
        till.ctx.db.set(("users", LEARNER), {"email": "meera@localhost"}, merge=True)
        assert till.open(till.course())["status"] == "pending"

    def test_an_answer_that_is_lost_is_found_again(self, till: Till):
        course = till.course()
        till.fault(status=500, path="/v1/checkout/sessions", applied=True)
        # The official client repeats with the same key.
        found = till.open(course)
        assert [one["id"] for one in till.all("orders")] == [found["sessionId"]]

    @pytest.mark.parametrize(("moment", "nth"), [("after", 1), ("before", 2), ("after", 2)])
    def test_a_crash_between_the_steps(self, till: Till, moment: str, nth: int):
        course = till.course()
        with pytest.raises(Crash):
            till.open(course, ctx=crashing(till.ctx, moment, nth))
        till.bought(course)
        till.check_sold_once(course, source="checkout")

    def test_not_set_up(self, stripe: Running):
        with opened(stripe, stripe_secret_key="", stripe_webhook_secret="") as till, pytest.raises(Unavailable) as no:
            till.open(till.course())
        assert code_of(no) == "STRIPE_NOT_CONFIGURED"


class TestPaying:
    def test_by_its_webhook(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        till.check_sold_once(course, source="checkout")
        assert (sold["educatorPaise"], sold["platformFeePaise"], sold["gstPaise"]) == (800_00, 169_49, 30_51)
        paid = till.ctx.db.get("payments", sold["paymentId"]) or {}
        assert (paid["gateway"], paid["result"]["outcome"], paid["orderId"]) == ("stripe", "sold", sold["orderId"])

    def test_by_verify_alone(self, till: Till):
        course = till.course()
        found = till.open(course)
        assert till.verify(found["sessionId"])["status"] == "pending"
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        first = till.verify(found["sessionId"])
        assert (first["status"], first["enrolled"], first["url"]) == ("completed", True, None)
        assert till.verify(found["sessionId"]) == first
        till.check_sold_once(course, source="checkout")
        with pytest.raises(OrderNotFound):
            till.verify(found["sessionId"], EDUCATOR)

    def test_by_the_sweep_alone(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        assert sweeps.sweep(till.ctx, {}, START + timedelta(minutes=11))["credited"] == 1
        till.check_sold_once(course, source="checkout")

    def test_twenty_times_at_once_by_both(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        till.fault(webhooks="on")

        def one(number: int) -> Any:
            if number % 2:
                return till.verify(found["sessionId"])
            return till.redeliver(found["sessionId"], type="checkout.session.completed")

        done = at_once(20, one)
        assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, Unavailable)], done
        assert till.verify(found["sessionId"])["status"] == "completed"
        assert till.redeliver(found["sessionId"]) == [200] * len(till.events(found["sessionId"]))
        till.check_sold_once(course, source="checkout")

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_around_the_commit(self, till: Till, moment: str):
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        with pytest.raises(Crash):
            till.verify(found["sessionId"], ctx=crashing(till.ctx, moment))
        till.verify(found["sessionId"])
        till.check_sold_once(course, source="checkout")

    def test_declined_and_then_paid(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.pay(found["sessionId"], "declined")
        order = till.ctx.db.get("orders", found["sessionId"]) or {}
        assert (order["status"], order["lastFailure"]["code"]) == ("created", "insufficient_funds")
        told = till.verify(found["sessionId"])
        assert (told["status"], told["failure"]) == ("pending", "Your card has insufficient funds.")
        till.pay(found["sessionId"])
        till.check_sold_once(course, source="checkout")

    def test_a_bank_that_takes_its_time(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.pay(found["sessionId"], "processing")
        assert (till.verify(found["sessionId"])["status"], till.is_open(course)) == ("pending", False)
        till.act(f"sessions/{found['sessionId']}/settle", {"outcome": "succeeded"})
        till.check_sold_once(course, source="checkout")

    def test_a_bank_that_says_no(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.pay(found["sessionId"], "processing")
        till.act(f"sessions/{found['sessionId']}/settle", {"outcome": "failed"})
        assert till.verify(found["sessionId"])["status"] == "expired"
        assert till.kinds() == []
        # A new one, since this one can't be paid any more.
        till.bought(course)
        till.check_sold_once(course, source="checkout")

    def test_one_that_lapses(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.act(f"sessions/{found['sessionId']}/lapse")
        assert till.purchase(found["paymentId"])["status"] == "expired"
        assert (till.ctx.db.get("orders", found["sessionId"]) or {})["status"] == "expired"
        assert till.open(course)["sessionId"] != found["sessionId"]

    def test_news_of_the_end_before_that_of_the_payment(self, till: Till):
        """Given up here, and paid all the same: the money is there."""
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        event = {"object": "checkout.session", "mode": "payment", "id": found["sessionId"], "status": "expired"}
        assert signed(till, "checkout.session.expired", {**event, "expires_at": 1}).json() == {"outcome": "expired"}
        assert till.purchase(found["paymentId"])["status"] == "expired"
        assert till.redeliver(found["sessionId"], type="checkout.session.completed") == [200]
        till.check_sold_once(course, source="checkout")

    def test_paid_by_wallet_meanwhile_it_goes_back(self, till: Till):
        course = till.course()
        found = till.open(course)
        give(till.ctx, LEARNER, PRICE * 100)
        till.by_wallet(course)
        till.pay(found["sessionId"])
        assert till.purchase(found["paymentId"])["status"] == "returned"
        assert till.send_refunds() == ["processed"]
        assert till.sums()["gateway:razorpay"] == -PRICE * 100
        assert "gateway:stripe" not in till.sums()
        [told] = till.notified(LEARNER, "course_refunded")
        assert "₹1,000.00" in told["message"]
        assert till.is_open(course)
        till.check()

    def test_by_wallet_and_by_card_at_once_it_is_sold_once(self, till: Till):
        course = till.course()
        found = till.open(course)
        give(till.ctx, LEARNER, PRICE * 100)
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        done = at_once(6, lambda n: till.verify(found["sessionId"]) if n % 2 else till.by_wallet(course))
        assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, Unavailable)], done
        till.by_wallet(course)
        status = till.verify(found["sessionId"])["status"]
        till.send_refunds()
        assert till.kinds().count("course.pay") == 1
        assert (status, till.wallet(LEARNER)) in {("completed", PRICE * 100), ("returned", 0)}
        assert ("gateway:stripe" in till.sums()) == (status == "completed")
        till.check()

    @pytest.mark.parametrize("gone", ["course", "learner", "educator"])
    def test_paid_for_what_is_gone_it_goes_back(self, till: Till, gone: str):
        course = till.course()
        found = till.open(course)
        if gone == "course":
            till.ctx.db.set(("courses", course["id"]), {"status": "rejected"}, merge=True)
        else:
            uid = {"learner": LEARNER, "educator": EDUCATOR}[gone]
            till.ctx.db.set(("users", uid), {"disabled": True, "deletedAt": START}, merge=True)
        till.pay(found["sessionId"])
        assert till.send_refunds() == ["processed"]
        assert (till.sums(), till.is_open(course)) == ({}, False)
        till.check()

    def test_an_account_that_is_deleted_leaves_no_checkout(self, till: Till):
        course = till.course()
        found = till.open(course)
        for _ in range(2):
            checkout_deletion.erase(till.ctx, LEARNER, now=START)
        [task] = kept_tasks(till.ctx).keyed("stripe-expire")
        stripe_tasks.expire(till.ctx, task.payload, START)
        till.drain()
        assert till.purchase(found["paymentId"])["status"] == "expired"

    def test_one_that_is_archived_is_sold_to_who_was_paying(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.ctx.db.set(("courses", course["id"]), {"status": "archived"}, merge=True)
        till.pay(found["sessionId"])
        till.check_sold_once(course, source="checkout")

    def test_another_amount_is_refused(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.ctx.db.set(("orders", found["sessionId"]), {"amountPaise": 1}, merge=True)
        till.pay(found["sessionId"])
        assert (till.kinds(), till.is_open(course)) == ([], False)


class TestWebhook:
    def test_only_signed_and_recent(self, till: Till):
        url, body = till.room.api.url + WEBHOOK_PATH, json.dumps({"id": "evt_1", "type": "x", "data": {"object": {}}})
        old = int(time.time()) - 301

        def post(signature: str | None) -> int:
            headers = {"Stripe-Signature": signature} if signature is not None else {}
            return requests.post(url, data=body, headers=headers, timeout=TIMEOUT_S).status_code

        sign = WebhookSignature.generate_signature_header
        assert [post(one) for one in (None, "", "t=1", sign(body, "whsec_other"), sign(body, WEBHOOK_SECRET, old))] == (
            [400] * 5
        )
        assert post(sign(body, WEBHOOK_SECRET)) == 200

    def test_what_is_not_ours_is_recorded_once(self, till: Till):
        session = {"id": "cs_1", "object": "checkout.session"}
        told: list[tuple[str, dict[str, Any], str]] = [
            ("customer.subscription.updated", {"id": "sub_1", "object": "subscription"}, "ignored"),
            ("checkout.session.completed", {**session, "mode": "setup"}, "ignored"),
            ("checkout.session.completed", {**session, "mode": "payment"}, "ignored"),
            ("payment_intent.payment_failed", {"id": "pi_1", "amount": 1, "currency": "inr"}, "unknown_order"),
            ("charge.refunded", {"id": "ch_1", "payment_intent": "pi_1"}, "pending"),
            ("charge.refunded", {"id": "ch_1", "payment_intent": None}, "ignored"),
            ("product.created", {"id": "prod_1"}, "ignored"),
        ]
        for name, entity, outcome in told:
            event_id = ids.new()
            assert signed(till, name, entity, event_id).json() == {"outcome": outcome}
            assert signed(till, name, entity, event_id).json() == {"outcome": "repeat"}
        recorded = sorted((one["provider"], one["name"]) for one in till.all("externalEvents"))
        assert recorded == sorted(("stripe", name) for name, *_ in told)

    def test_of_another_system_on_the_account(self, till: Till):
        """Its session is none of ours, its payment of no session."""
        till.fault(webhooks="off")
        stripe_tasks.follow(till.ctx, {"paymentId": "pi_unknown"}, START)
        assert till.all("payments") == []

    def test_two_gateways_in_one_sweep(self, till: Till):
        """One that is down does not keep the other's orders from being looked at."""
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        till.pay(found["sessionId"])
        other = till.ctx.db.get("orders", found["sessionId"]) or {}
        for number in range(5):
            moment = START - timedelta(minutes=number)
            till.ctx.db.set(("orders", f"order_{number}"), {**other, "gateway": "razorpay", "nextCheckAt": moment})
        down = till.ctx.settings.model_copy(update={"razorpay_url": "http://127.0.0.1:9", "razorpay_timeout_s": 0.2})
        counts = sweeps.sweep(replace(till.ctx, settings=down), {}, START + timedelta(minutes=11))
        assert (counts["credited"], counts["failures"]) == (1, sweeps.MAX_UNAVAILABLE)
        till.check_sold_once(course, source="checkout")


def signed(till: Till, name: str, entity: dict[str, Any], event_id: str | None = None) -> requests.Response:
    """An event of our own making, as Stripe signs them."""
    body = json.dumps({"id": event_id or ids.new(), "object": "event", "type": name, "data": {"object": entity}})
    headers = {"Stripe-Signature": WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET)}
    return requests.post(till.room.api.url + WEBHOOK_PATH, data=body, headers=headers, timeout=TIMEOUT_S)


def test_gateways_of_older_documents():
    assert gateways.name_of({}) == "razorpay"
    assert gateways.account_of({}) == "gateway:razorpay"
