"""What a sale of a course is in the platform's revenue, by card and from the wallet, and after refunds."""

from konnect import clock
from konnect.admin import revenue
from konnect.ledger import days
from tests.course_sales.test_refunds import refund_of
from tests.course_sales.till import LEARNER, PRICE, SHARES, Till
from tests.support import START, give

WHOLE = PRICE * 100


def of_all(till: Till) -> revenue.Revenue:
    """Webhooks come by the clock, all else at START."""
    first, last = clock.business_day(START), clock.business_day(clock.now())
    return revenue.of(days.total(days.of_range(till.ctx.db, first, last).values()), "courses")


def test_by_card_and_given_back(till: Till):
    sold = till.bought(till.course())
    found = of_all(till)
    assert (found.received, found.gross, found.fee, found.gst) == (WHOLE, WHOLE, SHARES["fee"], SHARES["gst"])
    assert (found.refunds, found.returned, found.net) == (0, 0, SHARES["fee"])
    refund_of(till, sold["id"])
    till.send_refunds()
    found = of_all(till)
    assert (found.refunds, found.fee_refunded, found.gst_refunded) == (WHOLE, SHARES["fee"], SHARES["gst"])
    assert (found.gross, found.net) == (WHOLE, 0)


def test_from_the_wallet_and_given_back(till: Till):
    give(till.ctx, LEARNER, WHOLE)
    purchase_id = till.by_wallet(till.course())["purchaseId"]
    found = of_all(till)
    assert (found.received, found.gross, found.fee, found.gst) == (0, WHOLE, SHARES["fee"], SHARES["gst"])
    refund_of(till, purchase_id)
    found = of_all(till)
    assert (found.gross, found.refunds, found.returned, found.net) == (WHOLE, WHOLE, 0, 0)


def test_what_could_not_be_used_was_never_revenue(till: Till):
    course = till.course()
    opened = till.open(course)
    till.room.enrolled(course)
    till.pay(opened["sessionId"])
    found = of_all(till)
    assert (found.received, found.returned, found.gross, found.refunds, found.net) == (WHOLE, WHOLE, 0, 0, 0)


def test_in_the_dashboard(till: Till):
    sold = till.bought(till.course())
    till.act(f"payments/{sold['paymentId']}/refund", {"amount": 400_00})
    till.follow_all()
    found = of_all(till)
    assert (found.refunds, found.fee_refunded + found.gst_refunded) == (400_00, 80_00)
