"""The weekly run over the running stack: the scheduled function, Cloud Tasks, RazorpayX and its webhook, mail."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.bookings import repository, settlement
from konnect.earnings import policy
from konnect.sessions.booked.policy import Split
from konnect.store import Database, Tx, run
from local.person import Person, wait_until
from tests import people
from tests.bookings.test_stack import WEEK, book, open_slot, subjects
from tests.payouts.conftest import BANK
from tests.support import new_context

Env = dict[str, str]
TIMEOUT_S = 60


@pytest.fixture
def ravi(stack_env: Env) -> Person:
    """A mentor at 1,000 INR, who has said where to be paid."""
    mentor = people.expert(stack_env, "Ravi")
    mentor.call("PUT", "/api/mentors/profile", {"pricing": {"30": 600, "60": 1000}})
    mentor.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "Asia/Kolkata"})
    mentor.call("PUT", "/api/mentors/payout-details", BANK)
    return mentor


def held_now(stack_env: Env, booking_id: str) -> None:
    """The booking ends before its time."""
    ended_at = clock.now()

    def close(tx: Tx) -> None:
        booking = repository.get(tx, booking_id)
        split = Split(booking["heldPaise"], 0)
        fields = {"completedAt": ended_at}
        settlement.close(tx, booking, split, status="completed", reason="completed", fields=fields, now=ended_at)

    run(Database(stack_env["GOOGLE_CLOUD_PROJECT"]), new_context(), close)


def held_last_week(stack_env: Env, booking_id: str) -> None:
    """As if it had ended a week ago: a slot in the past can't be booked."""
    database, ended_at = Database(stack_env["GOOGLE_CLOUD_PROJECT"]), policy.until(clock.now()) - timedelta(hours=1)
    database.set(("bookings", booking_id), {"completedAt": ended_at}, merge=True)
    database.set(("bookings", booking_id, "private", "terms"), {"settledAt": ended_at}, merge=True)


def test_a_mentor_is_paid_for_last_week(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    made = book(meera, ravi, open_slot(meera, ravi))
    booking_id = made["booking"]["id"]
    meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    held_now(stack_env, booking_id)
    [due] = ravi.get("/api/mentors/dashboard/earnings")["items"]
    assert (due["bookingId"], due["payout"], due["earned"]) == (booking_id, "pending", 780)
    # From here on a run that another test asks for pays it as well.
    held_last_week(stack_env, booking_id)
    for _ in range(2):
        requests.post(f"{stack_env['FUNCTIONS_URL']}/pay_earnings", json={}, timeout=TIMEOUT_S).raise_for_status()

    def paid() -> Any:
        return [one for one in ravi.get("/api/payouts")["items"] if one["status"] == "completed"]

    [payout] = wait_until("the payout", paid)
    assert (payout["netAmount"], payout["bookingsCount"], payout["kind"]) == (780, 1, "earnings")
    assert payout["transactionId"]
    wait_until("the mail", lambda: "Your earnings are paid" in subjects(ravi))
    assert len(ravi.get("/api/payouts")["items"]) == 1
    report = ravi.get("/api/mentors/dashboard/earnings")
    assert (report["items"][0]["payout"], report["paid"]["amount"], report["pending"]["amount"]) == ("paid", 780, 0)
