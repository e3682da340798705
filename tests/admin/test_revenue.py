# ruff: noqa: F811 - pytest takes fixtures by their names
"""Revenue of everything that is sold, in one shape: /api/admin/revenue and /api/admin/revenue/mentors."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest

from konnect.admin import revenue
from konnect.bookings import reversal
from konnect.ledger import days as ledger_days
from tests.admin.conftest import EXPERT, USER, Panel
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
from tests.support import START

MENTORS = "/api/admin/revenue/mentors"
JUNE = {"from": "2026-06-01", "to": "2026-06-30"}


def sums(**parts: int) -> dict[str, int]:
    """In paise; what is not named is 0."""
    return {**{name: 0 for name in revenue.Revenue().as_json() if name.endswith("Paise")}, **parts}


def paise(shown: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in shown.items() if name.endswith("Paise")}


def moved(text: str) -> dict[str, int]:
    """ "a.b: wallet- 5, hold+ 5; c.d: …" as the ledger's sums of a day."""
    found = {}
    for movement in text.split(";"):
        kind, _, legs = movement.strip().partition(": ")
        for leg in legs.split(", "):
            account, _, amount = leg.rpartition(" ")
            found[f"{kind} {account}"] = int(amount)
    return found


class TestSums:
    @pytest.mark.parametrize(
        ("source", "text", "parts"),
        [
            (
                "sessions",
                "session.settle: hold- 1000, wallet+ 800, platform:fees+ 200",
                {"grossPaise": 1000, "commissionPaise": 200, "feePaise": 200, "netPaise": 200},
            ),
            (
                "sessions",
                "session.refund: wallet+ 500, wallet- 400, platform:fees- 100",
                {"refundsPaise": 500, "feeRefundedPaise": 100, "netPaise": -100},
            ),
            ("sessions", "session.release: hold- 300, wallet+ 300", {"returnedPaise": 300}),
            (
                "bookings",
                "booking.pay: gateway:razorpay- 900, platform:promotions- 100, hold+ 1000",
                {"receivedPaise": 900, "promotionsPaise": 100, "netPaise": -100},
            ),
            (
                "bookings",
                "booking.release: hold- 500, refund+ 450, platform:promotions+ 50",
                {"returnedPaise": 450, "promotionsPaise": -50, "netPaise": 50},
            ),
            (
                "bookings",
                "booking.refund.foreign: platform:adjustments- 70, gateway:razorpay+ 70",
                {"refundsPaise": 70, "feeRefundedPaise": 70, "netPaise": -70},
            ),
            (
                "bookings",
                "booking.reverse: payable- 780, platform:fees- 169, tax:gst- 31, gateway:fees- 20, hold+ 400,"
                " refund+ 600",
                {
                    "refundsPaise": 1000,
                    "feeRefundedPaise": 169,
                    "gstRefundedPaise": 31,
                    "gatewayFeesPaise": -20,
                    "netPaise": -169,
                },
            ),
            (
                "packages",
                "package.pay: gateway:razorpay- 4000, hold+ 4000; package.release: hold- 800, refund+ 800",
                {"receivedPaise": 4000, "returnedPaise": 800},
            ),
            (
                "courses",
                "course.pay: wallet- 1000, wallet+ 764, receivable+ 36, platform:fees+ 169, tax:gst+ 31",
                {"grossPaise": 1000, "commissionPaise": 200, "feePaise": 169, "gstPaise": 31, "netPaise": 169},
            ),
            (
                "courses",
                "course.pay: gateway:stripe- 500, wallet+ 400, platform:fees+ 100;"
                " course.unused: gateway:stripe- 500, refund+ 500",
                {
                    "receivedPaise": 1000,
                    "returnedPaise": 500,
                    "grossPaise": 500,
                    "commissionPaise": 100,
                    "feePaise": 100,
                    "netPaise": 100,
                },
            ),
            (
                "courses",
                "course.refund: refund+ 500, gateway:stripe+ 500, wallet+ 500, wallet- 1000, receivable- 200,"
                " platform:fees- 300",
                {"refundsPaise": 1500, "feeRefundedPaise": 300, "netPaise": -300},
            ),
            (
                "subscriptions",
                "subscription.charge: gateway:razorpay- 499, platform:subscriptions+ 423, tax:gst+ 76",
                {
                    "receivedPaise": 499,
                    "grossPaise": 499,
                    "commissionPaise": 499,
                    "feePaise": 423,
                    "gstPaise": 76,
                    "netPaise": 423,
                },
            ),
            (
                "subscriptions",
                "subscription.refund: platform:subscriptions- 423, tax:gst- 76, gateway:razorpay+ 499",
                {"refundsPaise": 499, "feeRefundedPaise": 423, "gstRefundedPaise": 76, "netPaise": -423},
            ),
            (
                "subscriptions",
                "subscription.unused: gateway:razorpay- 499, refund+ 499",
                {"receivedPaise": 499, "returnedPaise": 499},
            ),
        ],
    )
    def test_of_each_kind(self, source: str, text: str, parts: dict[str, int]) -> None:
        found = revenue.of(moved(text), source)
        assert paise(found.as_json()) == paise(revenue.of(moved(text)).as_json()) == sums(**parts)
        others = {"consults", "courses", "sessions", "bookings", "packages", "subscriptions"} - {source}
        assert all(revenue.of(moved(text), other) == revenue.Revenue() for other in others)

    def test_what_is_not_sold_is_none(self) -> None:
        moved = {
            "deposit wallet+": 5,
            "gift.settle hold-": 7,
            "refund.paid refund-": 9,
            "booking.settle count": 3,
            "odd": 1,
        }
        assert revenue.of(moved) == revenue.Revenue()


@pytest.fixture
def sold(desk: Desk) -> Desk:
    """Held by two mentors, and given back in part; cancelled for half."""
    desk.mentor_of("zoe")
    for at, mentor in ((SLOT, MENTOR), (SLOT + 2 * HOUR, MENTOR), (SLOT, "zoe")):
        booking_id = desk.confirmed(OTHER if mentor == "zoe" else STUDENT, scheduled_at=at, mentor_id=mentor)
        desk.complete(booking_id, at + HOUR, mentor)
    half = desk.confirmed(scheduled_at=SLOT + 5 * HOUR)
    desk.cancel(half, "student", SLOT - 5 * HOUR)
    given = reversal.Request(booking_id, "r1", 500_00, "poor", "root")
    desk.ctx.run(lambda tx: reversal.give_back(tx, given, now=SLOT + DAY))
    return desk


class TestBookings:
    def test_in_the_shape_of_sessions(self, sold: Desk) -> None:
        admin = sold.api.user("root", role="admin")
        found = admin.get("/api/admin/revenue", source="bookings", **JUNE).json()
        assert paise(found["total"]) == sums(
            receivedPaise=4000_00,
            returnedPaise=500_00,
            grossPaise=3500_00,
            commissionPaise=700_00,
            feePaise=3 * 169_49 + 84_75,
            gstPaise=3 * 30_51 + 15_25,
            gatewayFeesPaise=70_00 - 10_00,
            refundsPaise=500_00,
            feeRefundedPaise=84_74,
            gstRefundedPaise=15_26,
            netPaise=3 * 169_49 + 84_75 - 84_74,
        )
        assert paise(admin.get("/api/admin/revenue", **JUNE).json()["total"]) == paise(found["total"])
        by_day = {item["from"]: item["grossPaise"] for item in found["items"] if item["grossPaise"]}
        assert by_day == {"2026-06-04": 3500_00}
        sold.check_books()

    def test_by_mentor(self, sold: Desk) -> None:
        admin = sold.api.user("root", role="admin")
        sold.ctx.db.set(("expertsByUid", "zoe"), {"expertId": "e-zoe"})
        found = admin.get(MENTORS, month="2026-06").json()
        rows = [(row["userId"], row["mentorId"], row["name"], row["gross"], row["refunds"]) for row in found["items"]]
        assert rows == [(MENTOR, MENTOR, "Ravi", 2500, 0), ("zoe", "e-zoe", "Zoe", 1000, 500)]
        total = admin.get("/api/admin/revenue", **JUNE).json()["total"]
        assert {name: sum(row[name] for row in found["items"]) for name in paise(total)} == paise(total)
        assert (found["month"], found["source"], found["nextCursor"]) == ("2026-06", None, None)
        assert admin.get(MENTORS, month="2026-07").json()["items"] == []
        assert admin.get(MENTORS, month="2026-06", source="sessions").json()["items"] == []

    def test_by_mentor_page_by_page_and_as_a_file(self, sold: Desk) -> None:
        admin, query = sold.api.user("root", role="admin"), {"month": "2026-06", "source": "bookings"}
        first = admin.get(MENTORS, **query, limit=1).json()
        rest = admin.get(MENTORS, **query, limit=1, cursor=first["nextCursor"]).json()
        assert [row["userId"] for row in first["items"] + rest["items"]] == [MENTOR, "zoe"]
        assert rest["nextCursor"] is None
        response = admin.get(MENTORS, **query, format="csv")
        assert 'filename="revenue-mentors-2026-06.csv"' in response.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [(row["name"], row["gross"], row["commission"]) for row in rows] == [
            ("Ravi", "2500", "500"),
            ("Zoe", "1000", "200"),
        ]


class TestMentors:
    def test_of_sessions_too(self, panel: Panel) -> None:
        session_id = panel.paid_session(3)
        panel.admin.post(f"/api/admin/sessions/{session_id}/refund", {"amount": 10, "reason": "poor connection"})
        [row] = panel.admin.get(MENTORS, month=f"{START:%Y-%m}", source="sessions").json()["items"]
        assert (row["userId"], row["gross"], row["fee"]) == (EXPERT, 30, 6)
        # The refund is of today.
        [row] = panel.admin.get(MENTORS).json()["items"]
        assert (row["gross"], row["refunds"], row["net"]) == (0, 10, -2)

    def test_a_month_is_indias(self, desk: Desk) -> None:
        at = NOW.replace(month=7, day=30, hour=18)
        booking_id = desk.confirmed(scheduled_at=at, now=at - DAY)
        evening = at.replace(day=31, minute=29)
        desk.complete(booking_id, evening)
        other = desk.confirmed(OTHER, scheduled_at=at + 2 * DAY, now=at)
        desk.complete(other, at + 2 * DAY + timedelta(minutes=31))
        months = {doc["month"]: doc["settledPaise"] for doc in desk.all(ledger_days.MONTHS)}
        assert months == {"2026-07": 1000_00, "2026-08": 1000_00}

    def test_who_may(self, panel: Panel) -> None:
        assert panel.api.user(None).get(MENTORS).status_code == 401
        assert panel.api.user(USER).get(MENTORS).status_code == 403
        assert panel.api.user(EXPERT, role="expert").get(MENTORS).status_code == 403

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("month", "2026-13"),
            ("month", "June"),
            ("source", "gifts"),
            ("format", "xls"),
            ("cursor", "x"),
            ("limit", "0"),
        ],
    )
    def test_what_is_wrong_is_named(self, panel: Panel, name: str, value: str) -> None:
        response = panel.admin.get(MENTORS, **{name: value})
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, name)
