"""Refunds of bookings, and those that somebody makes by hand at Razorpay, crossing: paid once, and all of it."""

import pytest
import requests

from konnect.admin import console
from konnect.errors import Conflict, Unavailable
from konnect.integrations.razorpay.entities import Refund
from konnect.ledger import accounts
from konnect.payments import refunds
from konnect.payments import service as payments
from konnect.store import Doc
from tests.payments.api import TIMEOUT_S
from tests.payments.conftest import Crash, crashing
from tests.support import at_once

from .conftest import DAY, NOW, Desk


def cancelled(desk: Desk) -> str:
    booking_id = desk.confirmed()
    desk.cancel(booking_id, "student", NOW)
    return booking_id


def of(desk: Desk) -> Doc:
    [refund] = desk.all("gatewayRefunds")
    return refund


def shown(desk: Desk, booking_id: str) -> tuple[str, str]:
    booking = desk.booking(booking_id)
    return booking["refund"]["status"], booking["payment"]["status"]


def faults(desk: Desk, **fault: object) -> None:
    """These alone, and no webhook."""
    requests.delete(f"{desk.sandbox.url}/sandbox/faults", timeout=TIMEOUT_S)
    desk.fault(webhooks={"off": True}, **fault)


def by_hand(desk: Desk, amount_paise: int) -> None:
    """In Razorpay's dashboard; and we hear of it."""
    made = Refund.parse(desk.refund(of(desk)["paymentId"], amount_paise))
    desk.ctx.run(lambda tx: payments.note_refund(tx, made, now=NOW))


def stuck(desk: Desk) -> str:
    faults(desk, refunds={"outcome": "failed"})
    booking_id = cancelled(desk)
    for day in range(2 * refunds.MAX_FAILED):
        desk.send_refunds(NOW + day * DAY)
    assert of(desk)["status"] == "stuck"
    faults(desk)
    return booking_id


def test_ours_fails_unheard_and_a_part_is_paid_by_hand(desk: Desk) -> None:
    """What is left of it is asked for, and not looked for in the one that failed."""
    lost = {"status": 502, "path": "/v1/payments/*/refund", "times": 1, "applied": True}
    faults(desk, refunds={"outcome": "pending"}, api=lost)
    cancelled(desk)
    with pytest.raises(Unavailable):
        refunds.advance(desk.ctx, of(desk)["id"], now=NOW)
    [made] = [one for one in desk._sandbox("GET", "/v1/refunds")["items"] if one["payment_id"] == of(desk)["paymentId"]]
    desk._sandbox("POST", f"/sandbox/refunds/{made['id']}", {"outcome": "failed"})
    faults(desk)
    by_hand(desk, 700_00)
    for _ in range(2):
        refunds.advance(desk.ctx, of(desk)["id"], now=NOW)
    assert (of(desk)["status"], of(desk)["amountPaise"], of(desk)["heldPaise"]) == ("processed", 300_00, 0)
    assert desk.account(accounts.PLATFORM_ADJUSTMENTS) == 0
    desk.check_books()


def test_all_is_paid_by_hand_before_ours_is_asked_for(desk: Desk) -> None:
    """The student is told that it is back, and nothing is asked for."""
    faults(desk)
    booking_id = cancelled(desk)
    by_hand(desk, 400_00)
    assert shown(desk, booking_id) == ("processing", "paid")
    by_hand(desk, 600_00)
    assert shown(desk, booking_id) == ("processed", "refunded")
    assert desk.send_refunds() == ["processed"]
    assert shown(desk, booking_id) == ("processed", "refunded")
    assert desk.account(accounts.PLATFORM_ADJUSTMENTS) == 0
    desk.check_books()


def test_what_is_stuck_is_paid_by_hand_in_parts(desk: Desk) -> None:
    """And then it is nobody's to pay once more."""
    stuck(desk)
    by_hand(desk, 600_00)
    by_hand(desk, 400_00)
    payload = {"refundId": of(desk)["id"], "way": "bank", "reference": "UTR7"}
    with pytest.raises(Conflict) as refused:
        console.settle_refund(desk.ctx, payload, NOW)
    assert refused.value.code == "REFUND_PAID"
    desk.send_refunds()
    assert (of(desk)["status"], of(desk)["heldPaise"]) == ("processed", 0)
    with pytest.raises(Conflict):
        console.settle_refund(desk.ctx, payload, NOW)
    assert desk.account(accounts.PLATFORM_ADJUSTMENTS) == 0
    desk.check_books()


def test_twenty_at_once_after_a_part_by_hand(desk: Desk) -> None:
    faults(desk)
    cancelled(desk)
    by_hand(desk, 700_00)
    refund_id = of(desk)["id"]
    at_once(20, lambda _: refunds.advance(desk.ctx, refund_id, now=NOW))
    refunds.advance(desk.ctx, refund_id, now=NOW)
    assert (of(desk)["status"], of(desk)["heldPaise"]) == ("processed", 0)
    assert (desk.kinds().count("refund.by_hand"), desk.kinds().count("refund.paid")) == (1, 1)
    assert desk.account(accounts.PLATFORM_ADJUSTMENTS) == 0
    desk.check_books()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit(desk: Desk, moment: str) -> None:
    faults(desk)
    cancelled(desk)
    by_hand(desk, 700_00)
    with pytest.raises(Crash):
        refunds.advance(crashing(desk.ctx, moment), of(desk)["id"], now=NOW)
    desk.check_books()
    assert desk.send_refunds() == ["processed"]
    assert desk.kinds().count("refund.by_hand") == 1
    desk.check_books()
