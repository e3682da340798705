"""Refunds that somebody has made in Razorpay's dashboard and no webhook has told of, found in its list."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from konnect import clock
from konnect.context import Context
from konnect.integrations.gateway import Refund
from konnect.integrations.razorpay.client import gateway
from konnect.integrations.razorpay.subscriptions import subscription_gateway
from konnect.payments import cursors, razorpay_sweep, refunds, service, sweeps
from konnect.store import Doc
from tests.bookings.conftest import DAY, NOW, Desk
from tests.bookings.test_packages import active, offered
from tests.subscriptions.conftest import Club
from tests.support import at_once, movements

from .conftest import Crash, Shop, crashing
from .gateway import opening, running, settings_of

NOTHING = {"missedRefunds": 0, "missedRefundFailures": 0}
ONE = {"missedRefunds": 1, "missedRefundFailures": 0}
A_DAY = 24 * 60


@pytest.fixture
def shop() -> Iterator[Shop]:
    """At a sandbox of its own: its list is of this test alone."""
    with running() as razorpay, opening(Shop, razorpay, settings_of(razorpay[0])) as make:
        made = make()
        made.no_webhooks()
        yield made


@pytest.fixture
def desk() -> Iterator[Desk]:
    with running() as razorpay, opening(Desk, razorpay, settings_of(razorpay[0], minute_s=60.0)) as make:
        made = make()
        made.no_webhooks()
        yield made
        subscription_gateway.cache_clear()


def paid(shop: Shop, amount: float = 500) -> str:
    """A deposit that is credited; its payment's id."""
    checkout = shop.pay(shop.deposit(amount)["orderId"])
    assert shop.verify(checkout).json()["status"] == "completed"
    return checkout.payment_id


def sweep(shop: Shop, minutes: float = 15, *, ctx: Context | None = None) -> dict[str, int]:
    return razorpay_sweep.sweep(ctx or shop.ctx, now=clock.now() + timedelta(minutes=minutes))


def cursor(shop: Shop) -> Doc:
    return shop.ctx.db.get(cursors.COLLECTION, "razorpay") or {}


def resolve(shop: Shop, refund: Doc, outcome: str) -> None:
    """The bank's word on a pending one."""
    shop._sandbox("POST", f"/sandbox/refunds/{refund['id']}", {"outcome": outcome})
    shop.drain()


def check(shop: Shop, *returned_paise: int, deposited_paise: int = 500_00) -> None:
    """These refunds and no others, each once, out of a wallet of so many paise."""
    kinds = [one["kind"] for one in movements(shop.ctx)]
    assert kinds.count("deposit.refund") == len(returned_paise)
    noted = [paise for one in shop.all("payments") for paise in one["refunds"].values()]
    assert sorted(noted) == sorted(returned_paise)
    assert shop.balance_paise == deposited_paise - sum(returned_paise)
    shop.check_sums()


def test_one_that_no_webhook_told_of(shop: Shop) -> None:
    payment_id = paid(shop)
    shop.refund(payment_id, 200_00)
    assert sweep(shop, 5) == NOTHING  # Webhooks have ten minutes.
    shop.ctx.db.delete(cursors.COLLECTION, "razorpay")
    assert sweep(shop) == ONE
    check(shop, 200_00)
    # Its webhook, days late; and the next rounds, which look at it again.
    assert set(shop.redeliver(payment_id=payment_id)) == {200}
    for day in range(1, 12):
        assert sweep(shop, day * (A_DAY + 1)) == NOTHING
    check(shop, 200_00)


def test_with_the_other_sweeps(shop: Shop) -> None:
    shop.refund(paid(shop))
    found = sweeps.sweep(shop.ctx, {}, clock.now() + timedelta(minutes=15))
    assert (found["missedRefunds"], found["missedRefundFailures"], found["failures"]) == (1, 0, 0)
    check(shop, 500_00)


def test_what_a_webhook_has_told_changes_nothing(shop: Shop) -> None:
    payment_id = paid(shop)
    shop.fault(webhooks={"off": False})
    shop.refund(payment_id, 200_00)
    check(shop, 200_00)
    assert sweep(shop) == NOTHING
    check(shop, 200_00)


def test_in_parts(shop: Shop) -> None:
    payment_id = paid(shop)
    for paise in (100_00, 50_00, 350_00):
        shop.refund(payment_id, paise)
    assert sweep(shop)["missedRefunds"] == 3
    check(shop, 100_00, 50_00, 350_00)


class TestRounds:
    def test_one_begins_a_day_after_the_one_before(self, shop: Shop) -> None:
        payment_id = paid(shop)
        assert sweep(shop) == NOTHING
        first = cursor(shop)
        assert (first["skip"], first["until"] - first["since"]) == (None, razorpay_sweep.FIRST)
        shop.refund(payment_id)
        # The list is not even asked for.
        shop.fault(webhooks={"off": True}, api={"status": 503, "path": "/v1/refunds"})
        assert sweep(shop, A_DAY) == NOTHING
        assert cursor(shop) == first
        shop.no_webhooks()
        assert sweep(shop, A_DAY + 16) == ONE
        assert cursor(shop)["since"] == first["until"] - razorpay_sweep.PENDING
        check(shop, 500_00)

    @pytest.mark.parametrize("outcome", ["processed", "failed"])
    def test_pending_first(self, shop: Shop, outcome: str) -> None:
        payment_id = paid(shop)
        shop.fault(webhooks={"off": True}, refunds={"outcome": "pending"})
        refund = shop.refund(payment_id)
        assert sweep(shop) == NOTHING
        resolve(shop, refund, outcome)
        for day in (1, 2):
            sweep(shop, day * (A_DAY + 1) + 15)
        check(shop, *([500_00] if outcome == "processed" else []))

    def test_after_a_pause_nothing_is_left_out(self, shop: Shop) -> None:
        payment_id = paid(shop)
        long_ago = cursors.second(clock.now() - timedelta(days=300))
        kept = {"since": long_ago - timedelta(days=10), "until": long_ago, "skip": None}
        shop.ctx.db.set((cursors.COLLECTION, "razorpay"), kept)
        shop.refund(payment_id)
        assert sweep(shop) == ONE
        assert cursor(shop)["since"] == long_ago - razorpay_sweep.PENDING
        check(shop, 500_00)


class TestPages:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cursors, "PAGE", 2)

    def refunded(self, shop: Shop, number: int) -> None:
        payment_id = paid(shop)
        for _ in range(number):
            shop.refund(payment_id, 50_00)

    @pytest.mark.parametrize("number", [4, 5])
    def test_three_of_them(self, shop: Shop, number: int) -> None:
        """Also when the last one is empty."""
        self.refunded(shop, number)
        assert sweep(shop)["missedRefunds"] == number
        assert cursor(shop)["skip"] is None
        check(shop, *[50_00] * number)

    def test_more_than_a_run_takes_are_gone_on_with(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is made meanwhile is newer than the round, and moves none of its pages."""
        monkeypatch.setattr(cursors, "MAX_PAGES", 1)
        self.refunded(shop, 5)
        assert sweep(shop)["missedRefunds"] == 2
        first = cursor(shop)
        assert first["skip"] == 2
        # The clock has not moved as far as the sweep was told.
        now = cursors.second(clock.now()) + timedelta(seconds=1)
        shop.ctx.db.set((cursors.COLLECTION, "razorpay"), {"until": now}, merge=True)
        time.sleep(2)
        shop.refund(shop.all("payments")[0]["id"], 50_00)
        assert [sweep(shop, 16)["missedRefunds"], sweep(shop, 17)["missedRefunds"]] == [2, 1]
        assert cursor(shop)["skip"] is None
        check(shop, *[50_00] * 5)
        monkeypatch.setattr(cursors, "MAX_PAGES", 9)
        assert sweep(shop, A_DAY + 30)["missedRefunds"] == 1
        check(shop, *[50_00] * 6)

    def test_a_gateway_that_fails_between_them_loses_nothing(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cursors, "MAX_PAGES", 1)
        self.refunded(shop, 5)
        sweep(shop)
        kept = cursor(shop)
        # Once more than the client tries.
        shop.fault(webhooks={"off": True}, api={"status": 503, "times": 2, "path": "/v1/refunds"})
        assert sweep(shop, 25) == {"missedRefunds": 0, "missedRefundFailures": 1}
        assert cursor(shop) == kept
        monkeypatch.setattr(cursors, "MAX_PAGES", 5)
        assert sweep(shop, 35)["missedRefunds"] == 3
        check(shop, *[50_00] * 5)


def test_a_gateway_that_is_down_loses_nothing(shop: Shop) -> None:
    shop.refund(paid(shop))
    down = shop.ctx.settings.model_copy(update={"razorpay_url": "http://127.0.0.1:9", "razorpay_timeout_s": 0.2})
    for minutes in (15, 25):
        found = sweep(shop, minutes, ctx=replace(shop.ctx, settings=down))
        assert found == {"missedRefunds": 0, "missedRefundFailures": 1}
    assert cursor(shop) == {}
    assert sweep(shop, 35) == ONE
    check(shop, 500_00)


def test_without_razorpay_nothing_is_asked(shop: Shop) -> None:
    none = shop.ctx.settings.model_copy(update={"razorpay_key_id": ""})
    assert sweep(shop, ctx=replace(shop.ctx, settings=none)) == {}


class TestAtOnce:
    def test_twenty_sweeps(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cursors, "PAGE", 2)
        payment_id = paid(shop)
        for _ in range(3):
            shop.refund(payment_id, 50_00)
        now = clock.now() + timedelta(minutes=15)
        found = at_once(20, lambda _: razorpay_sweep.sweep(shop.ctx, now=now))
        assert [one for one in found if not isinstance(one, dict)] == []
        sweep(shop, 16)
        assert cursor(shop)["skip"] is None
        check(shop, 50_00, 50_00, 50_00)

    def test_with_the_webhooks(self, shop: Shop) -> None:
        payment_id = paid(shop)
        shop.refund(payment_id, 200_00)
        both = (lambda: sweep(shop), lambda: shop.redeliver(payment_id=payment_id))
        at_once(6, lambda index: both[index % 2]())
        sweep(shop, 16)
        check(shop, 200_00)

    def test_instances_that_do_not_see_each_other(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the line of `turns`, which is one a process: the documents alone decide."""
        monkeypatch.setattr(razorpay_sweep.turns, "run", lambda ctx, order_id, work: ctx.run(work))
        shop.refund(paid(shop), 200_00)
        at_once(6, lambda _: sweep(shop))
        sweep(shop, 16)
        check(shop, 200_00)


@pytest.mark.parametrize(("moment", "nth"), [("before", 1), ("after", 1), ("before", 2)])
def test_a_crash_around_a_commit(shop: Shop, moment: str, nth: int) -> None:
    """Of the refund, or of the cursor: the page is looked at again."""
    shop.refund(paid(shop))
    with pytest.raises(Crash):
        sweep(shop, ctx=crashing(shop.ctx, moment, nth))
    assert cursor(shop) == {}
    assert sweep(shop, 16)["missedRefunds"] == (1 if (moment, nth) == ("before", 1) else 0)
    assert cursor(shop)["skip"] is None
    check(shop, 500_00)


class TestOfOthers:
    def test_those_of_another_system_are_passed_over(self, shop: Shop) -> None:
        client = gateway(shop.ctx.settings)
        theirs, other = (
            shop.pay(client.create_order(amount_paise=500_00, currency="INR", receipt=receipt, notes={})).payment_id
            for receipt in ("theirs", "other")
        )
        # Nor what another gateway has under this id, nor what Razorpay has given back by itself.
        doc = {"gateway": "stripe", "orderId": "cs_1", "amountPaise": 500_00, "refunds": {}}
        shop.ctx.db.set(("payments", other), doc)
        for payment_id in (theirs, other):
            shop.refund(payment_id)
        lapsed = shop.deposit()
        shop.lapse(shop.pay(lapsed["orderId"], "authorized").payment_id)
        shop.refund(paid(shop), 200_00)
        assert sweep(shop) == ONE
        check(shop, 200_00)

    def test_of_a_payment_that_is_not_credited_yet(self, shop: Shop) -> None:
        """The order's sweep credits it, and finds its refund."""
        made = shop.deposit()
        shop.refund(shop.pay(made["orderId"]).payment_id, 200_00)
        assert sweep(shop) == NOTHING
        found = sweeps.sweep(shop.ctx, {}, clock.now() + timedelta(minutes=16))
        assert (found["credited"], found["missedRefunds"]) == (1, 0)
        check(shop, 200_00)


def test_one_that_cannot_be_noted_does_not_stand_before_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = paid(shop, 500), paid(shop, 300)
    for payment_id in (first, second):
        shop.refund(payment_id)
    note = service.note_refund

    def refuse(tx: object, of: Refund, *, now: datetime) -> service.Outcome:
        if of.payment_id == second:
            raise ValueError("nobody has thought of this")
        return note(tx, of, now=now)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "note_refund", refuse)
    assert sweep(shop) == {"missedRefunds": 1, "missedRefundFailures": 1}
    assert [one.levelname for one in caplog.records if one.message == "refund not noted"] == ["ERROR"]
    monkeypatch.undo()
    assert sweep(shop, A_DAY + 30) == ONE
    check(shop, 500_00, 300_00, deposited_paise=800_00)


def test_one_that_failed_after_it_was_processed_is_told_once(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    payment_id = paid(shop)
    shop.fault(webhooks={"off": True}, refunds={"outcome": "pending"})
    refund = shop.refund(payment_id, 200_00)
    done = Refund(refund["id"], payment_id, 200_00, "processed")
    shop.ctx.run(lambda tx: service.note_refund(tx, done, now=clock.now()))
    resolve(shop, refund, "failed")
    assert sweep(shop) == ONE
    assert sweep(shop, A_DAY + 30) == NOTHING
    told = [one for one in caplog.records if one.message == "a refund failed after it was processed"]
    assert [one.levelname for one in told] == ["ERROR"]
    # Nothing is booked: a person must look.
    check(shop, 200_00)


class TestPurposes:
    def test_a_booking_goes_on(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.refund(desk.booking(booking_id)["payment"]["paymentId"], 300_00)
        for minutes in (15, 16):
            sweep(desk, minutes)
        assert (desk.account("platform:adjustments"), desk.booking(booking_id)["heldPaise"]) == (-300_00, 1000_00)
        assert desk.booking(booking_id)["payment"]["refundedPaise"] == 300_00
        desk.check_books()

    def test_what_our_own_refund_is_refused_for(self, desk: Desk) -> None:
        """More has gone back than we know: once it is found, the rest is asked for."""
        booking_id = desk.confirmed()
        desk.refund(desk.booking(booking_id)["payment"]["paymentId"], 300_00)
        desk.cancel(booking_id, "student", NOW)
        assert desk.send_refunds() == ["pending"]
        assert sweep(desk) == ONE
        assert desk.send_refunds(NOW + DAY) == ["processed"]
        assert (desk.account("gateway:razorpay"), desk.account("platform:adjustments")) == (0, 0)
        assert sweep(desk, A_DAY + 30) == NOTHING
        desk.check_books()

    @pytest.mark.parametrize("outcome", ["processed", "failed"])
    def test_our_own(self, desk: Desk, outcome: str) -> None:
        booking_id = desk.confirmed()
        desk.fault(webhooks={"off": True}, refunds={"outcome": "pending"})
        desk.cancel(booking_id, "student", NOW)
        assert desk.send_refunds() == ["processing"]
        [made] = desk._sandbox("GET", "/v1/refunds")["items"]
        resolve(desk, made, outcome)
        assert sweep(desk) == ONE
        [refund] = desk.all("gatewayRefunds")
        assert refund["status"] == ("processed" if outcome == "processed" else "pending")
        desk.no_webhooks()
        desk.send_refunds(NOW + DAY)
        at_once(4, lambda index: sweep(desk, A_DAY + 30) if index % 2 else refunds.sweep(desk.ctx, now=NOW + 9 * DAY))
        assert sweep(desk, 3 * A_DAY) == NOTHING
        assert desk.booking(booking_id)["payment"]["status"] == "refunded"
        assert (desk.account("gateway:razorpay"), desk.kinds().count("refund.paid")) == (0, 1)
        desk.check_books()

    def test_a_failure_that_was_heard_is_no_contradiction(self, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
        """Though less is asked for by now, since a part has gone back by hand."""
        booking_id = desk.confirmed()
        desk.fault(webhooks={"off": True}, refunds={"outcome": "failed"})
        desk.cancel(booking_id, "student", NOW)
        for days in (0, 1):
            desk.send_refunds(NOW + days * DAY)
        desk.no_webhooks()
        desk.refund(desk.booking(booking_id)["payment"]["paymentId"], 300_00)
        assert sweep(desk) == ONE
        assert desk.send_refunds(NOW + 2 * DAY) == ["processed"]
        assert sweep(desk, A_DAY + 30) == NOTHING
        assert "a refund differs from what was asked for" not in caplog.messages
        assert (desk.account("gateway:razorpay"), desk.account("platform:adjustments")) == (0, 0)
        desk.check_books()

    def test_made_by_hand_for_our_own_that_failed(self, desk: Desk) -> None:
        """For the last time, which nobody has told of either: the payer has the money, and we have paid it."""
        booking_id = desk.confirmed()
        desk.fault(webhooks={"off": True}, refunds={"outcome": "failed"})
        desk.cancel(booking_id, "student", NOW)
        for days in range(2 * refunds.MAX_FAILED - 1):
            desk.send_refunds(NOW + days * DAY)
        desk.no_webhooks()
        made = desk.refund(desk.booking(booking_id)["payment"]["paymentId"])
        assert sweep(desk)["missedRefunds"] == 2
        [refund] = desk.all("gatewayRefunds")
        assert (refund["status"], refund["providerId"]) == ("processed", made["id"])
        assert (desk.account("gateway:razorpay"), desk.account("platform:adjustments")) == (0, 0)
        desk.check_books()

    def test_a_package_goes_on(self, desk: Desk) -> None:
        offered(desk)
        purchase_id = active(desk)
        purchase = desk.ctx.db.get("packagePurchases", purchase_id) or {}
        desk.refund(purchase["payment"]["paymentId"], 300_00)
        assert sweep(desk) == ONE
        assert desk.kinds().count("package.refund.foreign") == 1
        assert desk.account("platform:adjustments") == -300_00
        desk.check_books()

    def test_a_month_that_went_back_is_over(self, desk: Desk) -> None:
        club = Club(desk)
        now = datetime.now(UTC)
        club.member(now=now)
        [payment] = desk.all("payments")
        desk.refund(payment["id"], 100_00)
        assert sweep(desk) == ONE
        assert club.view(now=now)["plan"]["id"] == "pro"
        desk.refund(payment["id"])
        assert sweep(desk, A_DAY + 30) == ONE
        assert club.periods()[0]["revokedAt"] is not None
        accounts = ("gateway:razorpay", "platform:subscriptions", "tax:gst")
        assert [desk.account(name) for name in accounts] == [0, 0, 0]
        desk.check_books()
