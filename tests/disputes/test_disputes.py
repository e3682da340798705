# ruff: noqa: F811 - pytest takes fixtures by their names
"""Disputes: who may open one, answer it and decide it, what the decision does to the money, and who is told what."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from konnect.bookings import no_show, repository
from konnect.disputes import deletion, service
from konnect.disputes.service import Ruling
from konnect.payments import sweeps
from konnect.store import Doc, Query
from tests.bookings.conftest import (  # noqa: F401 - fixtures
    DAY,
    HOUR,
    MENTOR,
    NOW,
    OTHER,
    SLOT,
    STUDENT,
    Desk,
    desk,
    open_desk,
    razorpay,
    settings,
)
from tests.bookings.test_booking import Crash, dying
from tests.bookings.test_ending import code
from tests.support import at_once

SECOND = timedelta(seconds=1)
ENDED = SLOT + HOUR
TEXT = "The call broke off. Write to meera@example.com"


def say(
    desk: Desk, booking_id: str, uid: str = STUDENT, text: str = TEXT, reason: str = "technical", now: datetime = ENDED
) -> Doc:
    return desk.ctx.run(
        lambda tx: service.say(tx, booking_id, uid, reason, text, config=desk.config, pace=desk.pace, now=now)
    )


def decide(desk: Desk, booking_id: str, decision: Any = "refund_full", paise: int | None = None) -> Doc:
    ruling = Ruling(decision, paise, "We have listened to both.", "admin")
    return desk.ctx.run(lambda tx: service.decide(tx, booking_id, ruling, now=ENDED + DAY))


def disputed(desk: Desk, **said: Any) -> str:
    booking_id = desk.confirmed()
    desk.complete(booking_id, ENDED)
    say(desk, booking_id, **said)
    return booking_id


class TestSaying:
    def test_both_sides_once(self, desk: Desk) -> None:
        booking_id = disputed(desk)
        shown = desk.booking(booking_id)["dispute"]
        assert (shown["status"], shown["openedBy"], shown["reason"], shown["answer"]) == (
            "open",
            "student",
            "technical",
            None,
        )
        assert "meera@example.com" not in shown["description"]
        assert desk.told("dispute_opened") == [MENTOR]
        assert desk.terms(booking_id)["disputed"] is True
        assert say(desk, booking_id, now=ENDED + HOUR)["dispute"] == shown
        assert code(lambda: say(desk, booking_id, text="And more.")) == "ALREADY_DISPUTED"
        answered = say(desk, booking_id, MENTOR, "It did not.")["dispute"]
        assert answered["answer"] == {"reason": "technical", "description": "It did not.", "at": ENDED}
        assert say(desk, booking_id, MENTOR, "It did not.")["dispute"] == answered
        assert code(lambda: say(desk, booking_id, MENTOR, "Not at all.")) == "ALREADY_ANSWERED"
        assert desk.told("dispute_answered") == [STUDENT]
        [kept] = desk.all("disputes")
        assert kept["statement"]["description"] == TEXT
        desk.check_books()

    def test_when(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        for uid, now, expected in (
            (OTHER, ENDED, "NOT_A_PARTICIPANT"),
            (STUDENT, SLOT - SECOND, "NOT_DISPUTABLE"),
            (STUDENT, ENDED + 7 * DAY + SECOND, "TOO_LATE_TO_DISPUTE"),
        ):
            assert code(lambda uid=uid, now=now: say(desk, booking_id, uid, now=now)) == expected
        unpaid = desk.book(scheduled_at=SLOT + DAY)["id"]
        assert code(lambda: say(desk, unpaid, now=SLOT + DAY)) == "NOT_DISPUTABLE"
        assert code(lambda: say(desk, "GRP-20260601-NONE")) == "BOOKING_NOT_FOUND"
        assert say(desk, booking_id, MENTOR, now=ENDED + 7 * DAY)["dispute"]["openedBy"] == "mentor"

    def test_one_that_was_cancelled_late(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.cancel(booking_id, "student", SLOT - 5 * HOUR)
        say(desk, booking_id, now=SLOT - 4 * HOUR)
        assert decide(desk, booking_id)["amountPaise"] == 500_00
        assert (desk.earned(), desk.booking(booking_id)["statusReason"]) == (0, "student-cancelled")
        desk.check_books()

    def test_twenty_at_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.complete(booking_id, ENDED)
        at_once(20, lambda n: say(desk, booking_id, (STUDENT, MENTOR)[n % 2]))
        for uid in (STUDENT, MENTOR):
            say(desk, booking_id, uid)
        [dispute] = desk.all("disputes")
        assert dispute["answer"]["description"] == TEXT
        assert len(desk.told("dispute_opened")) == len(desk.told("dispute_answered")) == 1

    def test_a_claim_is_the_dispute_s_then(self, desk: Desk) -> None:
        booking_id = disputed(desk)
        with pytest.raises(Exception, match="dispute") as refused:
            desk.ctx.run(
                lambda tx: no_show.claim(
                    tx, repository.get(tx, booking_id), STUDENT, config=desk.config, pace=desk.pace, now=ENDED
                )
            )
        assert refused.value.code == "DISPUTED"  # type: ignore[attr-defined]


class TestDeciding:
    @pytest.mark.parametrize(
        ("decision", "paise", "back", "kept"),
        [
            ("refund_full", None, 1000_00, (0, 0, 0, 0)),
            ("refund_partial", 500_00, 500_00, (390_00, 84_75, 15_25, 10_00)),
            ("no_refund", None, 0, (780_00, 169_49, 30_51, 20_00)),
        ],
    )
    def test_the_money(
        self, desk: Desk, decision: str, paise: int | None, back: int, kept: tuple[int, int, int, int]
    ) -> None:
        booking_id = disputed(desk)
        for _ in range(2):
            made = decide(desk, booking_id, decision, paise)
            assert (made["status"], made["decision"], made["amountPaise"]) == ("resolved", decision, back)
        books = ("platform:fees", "tax:gst", "gateway:fees")
        assert (desk.earned(), *[desk.account(one) for one in books]) == kept
        assert (desk.terms(booking_id)["mentorPaise"], desk.terms(booking_id)["disputed"]) == (kept[0], False)
        shown = desk.booking(booking_id)["dispute"]
        assert (shown["status"], shown["decision"], shown["amountPaise"]) == ("resolved", decision, back)
        assert desk.told("dispute_decided") == [STUDENT, MENTOR]
        [entry] = Query(("audit",)).run(desk.ctx.db)
        assert (entry["action"], entry["target"]) == ("dispute.decide", f"disputes/{booking_id}")
        assert desk.send_refunds() == (["processed"] if back else [])
        assert desk.account("gateway:razorpay") == back - 1000_00
        desk.check_books()

    def test_what_is_refused(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        assert code(lambda: decide(desk, booking_id)) == "DISPUTE_NOT_FOUND"
        desk.progress(booking_id, SLOT)
        say(desk, booking_id, now=SLOT)
        assert code(lambda: decide(desk, booking_id)) == "BOOKING_NOT_ENDED"
        desk.progress(booking_id, ENDED + HOUR)
        for decision, paise in (("refund_partial", None), ("refund_full", 1_00), ("refund_partial", 1000_01)):
            assert code(lambda d=decision, p=paise: decide(desk, booking_id, d, p)) == "INVALID_INPUT"
        decide(desk, booking_id, "refund_partial", 100_00)
        for decision, paise in (("no_refund", None), ("refund_partial", 200_00), ("refund_full", None)):
            assert code(lambda d=decision, p=paise: decide(desk, booking_id, d, p)) == "ALREADY_DECIDED"
        assert code(lambda: say(desk, booking_id, MENTOR)) == "DISPUTE_RESOLVED"
        assert desk.earned() == 702_00
        desk.check_books()

    def test_a_mentor_who_did_not_come(self, desk: Desk) -> None:
        booking_id = disputed(desk, reason="no_show")
        decide(desk, booking_id)
        stored = desk.booking(booking_id)
        assert (stored["status"], stored["statusReason"]) == ("cancelled", "mentor-no-show")
        assert (desk.earned(), stored["dispute"]["decision"]) == (0, "refund_full")
        desk.check_books()

    def test_twenty_at_once(self, desk: Desk) -> None:
        booking_id = disputed(desk)
        decisions = ("refund_full", "no_refund")
        at_once(20, lambda n: decide(desk, booking_id, decisions[n % 2]))
        made = desk.booking(booking_id)["dispute"]
        assert made["status"] == "resolved"
        assert desk.earned() == {"refund_full": 0, "no_refund": 780_00}[made["decision"]]
        assert len(desk.told("dispute_decided")) == 2
        assert desk.kinds().count("booking.reverse") == (made["decision"] == "refund_full")
        desk.check_books()

    def test_a_crash_after_the_commit(self, desk: Desk) -> None:
        booking_id = disputed(desk)
        living, desk.ctx = desk.ctx, dying(desk.ctx)
        with pytest.raises(Crash):
            decide(desk, booking_id)
        desk.ctx = living
        assert decide(desk, booking_id)["decision"] == "refund_full"
        assert sweeps.sweep(desk.ctx, {}, ENDED + 2 * DAY)["refunds"] == 1
        assert desk.booking(booking_id)["payment"]["status"] == "refunded"
        desk.check_books()


class TestDeletion:
    def test_an_open_one_keeps_both_accounts(self, desk: Desk) -> None:
        booking_id = disputed(desk)
        say(desk, booking_id, MENTOR, "It did not.")
        for uid in (STUDENT, MENTOR):
            [matter] = desk.ctx.run(partial(deletion.open_matters, uid=uid))
            assert (matter["code"], matter["bookingId"]) == ("DISPUTE_OPEN", booking_id)
        decide(desk, booking_id)
        assert desk.ctx.run(lambda tx: deletion.open_matters(tx, STUDENT)) == []
        for _ in range(2):
            deletion.erase(desk.ctx, STUDENT, now=NOW)
        shown, [kept] = desk.booking(booking_id)["dispute"], desk.all("disputes")
        assert (shown["description"], kept["statement"]["description"]) == ("", "")
        assert (shown["answer"]["description"], kept["answer"]["description"]) == ("It did not.", "It did not.")
        deletion.erase(desk.ctx, MENTOR, now=NOW)
        assert desk.booking(booking_id)["dispute"]["answer"]["description"] == ""
