"""What a plan takes off a booking: minutes first, then the discount; counted once, free again when all goes back."""

from datetime import timedelta
from typing import Any

import pytest

from konnect.benefits import Ask, Benefit
from konnect.errors import Conflict
from konnect.store import Query
from konnect.subscriptions import benefit, repository, service
from tests.bookings.conftest import DAY, HOUR, MENTOR, NOW, SLOT, STUDENT
from tests.support import at_once

from .conftest import Club

HALF, WHOLE = 600_00, 1000_00


def ask(minutes: int = 30, left_paise: int = HALF, uid: str = STUDENT) -> Ask:
    return Ask(uid, MENTOR, minutes, left_paise, left_paise, SLOT)


def offered(club: Club, asked: Ask, now: Any = NOW) -> list[tuple[str, int]]:
    found = club.ctx.run(lambda tx: benefit.offer(tx, asked, now=now))
    return [(one.kind.removeprefix("subscription-"), one.amount_paise) for one in found]


@pytest.mark.parametrize(
    ("plan_id", "minutes", "price", "expected"),
    [
        ("pro", 30, HALF, [("minutes", HALF)]),
        ("pro", 60, WHOLE, [("minutes", 500_00), ("discount", 50_00)]),
        ("premium", 60, WHOLE, [("minutes", WHOLE)]),
        ("premium", 30, HALF, [("minutes", HALF)]),
        ("pro", 60, 999_99, [("minutes", 500_00), ("discount", 50_00)]),
    ],
)
def test_minutes_then_discount(club: Club, plan_id: Any, minutes: int, price: int, expected: list[Any]) -> None:
    club.member(plan_id)
    assert offered(club, ask(minutes, price)) == expected


def test_nothing_without_a_paid_month(club: Club) -> None:
    assert offered(club, ask()) == []
    club.subscribe()
    assert offered(club, ask()) == []
    club.member(uid="arjun")
    assert offered(club, ask(), NOW) == []
    assert offered(club, ask(uid="arjun"), NOW + 40 * DAY) == []


class TestUses:
    def test_once_a_booking_and_never_more_than_there_are(self, club: Club) -> None:
        club.member()
        (found,) = club.ctx.run(lambda tx: benefit.offer(tx, ask(), now=NOW))
        for _ in range(2):
            club.ctx.run(lambda tx: benefit.use(tx, "b1", found, uid=STUDENT, now=NOW))
        assert club.view()["minutesLeft"] == 0
        assert offered(club, ask()) == [("discount", 60_00)]
        with pytest.raises(Conflict) as refused:
            club.ctx.run(lambda tx: benefit.use(tx, "b2", found, uid=STUDENT, now=NOW))
        assert refused.value.code == "MINUTES_USED"
        club.check_books()

    def test_twenty_bookings_at_once_share_what_there_is(self, club: Club) -> None:
        club.member("premium")

        def book(number: int) -> None:
            def work(tx: Any) -> None:
                (found, *_) = benefit.offer(tx, ask(), now=NOW)
                benefit.use(tx, f"b{number}", found, uid=STUDENT, now=NOW)

            club.ctx.run(work)

        at_once(20, book)
        club.ctx.run(lambda tx: benefit.offer(tx, ask(), now=NOW))
        used = Query((repository.USES,)).run(club.ctx.db)
        assert sum(one["minutes"] for one in used) == 60 - club.view()["minutesLeft"] <= 60
        club.check_books()

    def test_free_again_once_when_all_goes_back(self, club: Club) -> None:
        club.member()
        found = self.used(club)
        give_back(club, found, whole=False)
        assert club.view()["minutesLeft"] == 0
        for _ in range(2):
            give_back(club, found, whole=True)
        assert club.view()["minutesLeft"] == 30
        self.used(club)
        assert club.view()["minutesLeft"] == 0
        club.check_books()

    def test_of_a_month_that_is_over_they_are_gone(self, club: Club) -> None:
        subscription_id = club.member()
        found = self.used(club)
        club.charge(subscription_id)
        later = NOW + 31 * DAY
        club.follow(subscription_id, now=later)
        assert club.view(now=later)["minutesLeft"] == 30
        give_back(club, found, whole=True)
        assert club.view(now=later)["minutesLeft"] == 30
        club.check_books()

    def used(self, club: Club) -> Benefit:
        (found,) = club.ctx.run(lambda tx: benefit.offer(tx, ask(), now=NOW))
        club.ctx.run(lambda tx: benefit.use(tx, "b1", found, uid=STUDENT, now=NOW))
        return found


def give_back(club: Club, found: Benefit, *, whole: bool) -> None:
    club.ctx.run(lambda tx: benefit.give_back(tx, "b1", found, 0, uid=STUDENT, whole=whole, now=NOW))


class TestBookings:
    """Through the desk: the mentor has list price, whatever the student pays."""

    def test_included_minutes_pay_for_a_session(self, club: Club) -> None:
        club.member()
        booking = club.desk.book(minutes=30)
        assert booking["payablePaise"] == 0
        assert club.desk.booking(booking["id"])["status"] == "confirmed"
        assert club.view()["minutesLeft"] == 0
        club.check_books()
        club.desk.cancel(booking["id"], "student", NOW + HOUR)
        assert club.view()["minutesLeft"] == 30
        club.check_books()

    def test_the_mentor_has_list_price(self, club: Club) -> None:
        club.member()
        booking_id = club.desk.confirmed()
        assert club.desk.booking(booking_id)["payablePaise"] == 450_00
        club.desk.complete(booking_id, SLOT + HOUR)
        assert club.desk.earned() == 780_00
        assert club.desk.account("platform:promotions") == -550_00
        club.check_books()

    def test_a_hold_that_lapses_gives_them_back(self, club: Club) -> None:
        club.member()
        booking = club.desk.book()
        assert club.view()["minutesLeft"] == 0
        club.desk.progress(booking["id"], NOW + timedelta(minutes=11))
        assert club.view()["minutesLeft"] == 30
        club.check_books()

    def test_how_early_one_can_book(self, club: Club) -> None:
        config, far = club.desk.config, NOW + 45 * DAY
        assert service.horizon(club.ctx.db, STUDENT, config, now=NOW) == timedelta(days=30)
        with pytest.raises(Conflict) as refused:
            club.desk.book(scheduled_at=far)
        assert refused.value.code == "SLOT_NOT_OPEN"
        club.member("premium")
        assert service.plan_of(club.ctx.db, STUDENT, now=NOW).recording
        assert club.desk.book(scheduled_at=far)["status"] == "confirmed"
