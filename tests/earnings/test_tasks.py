"""The weekly run over many mentors: page by page, a task a mentor, as often as it is called."""

import pytest

from konnect.context import Context
from konnect.earnings import tasks
from konnect.errors import Unavailable
from konnect.payouts import details
from konnect.platform import change, forget
from konnect.store import Query
from konnect.tasks import Task
from tests.earnings.conftest import DETAILS, HOUR, MENTOR, RUN, SHARE, Office
from tests.payments.conftest import with_scheduler
from tests.support import kept_tasks

MENTORS = ["asha", "bela", "chitra", "dev", "esha"]


@pytest.fixture
def many(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Five mentors with a booking each, on pages of two."""
    monkeypatch.setattr(tasks, "MENTORS_A_PAGE", 2)
    for uid in MENTORS:
        office.mentor(uid)
        office.booking(uid=uid, price=600 if uid == "bela" else 1000)
        if uid != "dev":
            office.ctx.db.set(details.path(uid), DETAILS)
    return office


def paid(office: Office) -> list[str]:
    return sorted(one["userId"] for one in Query(("payouts",)).run(office.ctx.db))


def test_every_mentor_is_paid_once(many: Office) -> None:
    assert tasks.pay_earnings(many.ctx, {}, RUN) == {"before": "2026-06-07T18:30:00.000Z"}
    many.run_tasks()
    # Bela has less than the minimum, and Dev has given no details.
    assert paid(many) == ["asha", "chitra", "esha"]
    assert [one["type"] for one in many.told("dev")] == ["payout_details_needed"]
    tasks.pay_earnings(many.ctx, {}, RUN + HOUR)
    many.run_tasks(RUN + HOUR)
    assert paid(many) == ["asha", "chitra", "esha"]
    assert many.payable("bela") == 468_00
    many.check_books()


def test_the_minimum_is_the_configurations(many: Office) -> None:
    many.ctx.run(lambda tx: change(tx, {"minPayout": 780.01}))
    forget(many.ctx.db)
    tasks.pay_earnings(many.ctx, {}, RUN)
    many.run_tasks()
    assert paid(many) == []
    assert kept_tasks(many.ctx).keyed("pay-earnings", "2026-06-08T00:30:00.000Z", "asha") == []


def test_a_run_that_breaks_off_goes_on(many: Office) -> None:
    class Broken:
        """Fails once, at the third task."""

        def __init__(self) -> None:
            self.left = 3

        def create(self, task: Task) -> None:
            self.left -= 1
            if self.left == 0:
                raise Unavailable
            kept_tasks(many.ctx).create(task)

    ctx: Context = with_scheduler(many.ctx, Broken())
    tasks.pay_earnings(ctx, {}, RUN)
    [second] = kept_tasks(many.ctx).keyed("pay-earnings", "2026-06-08T00:30:00.000Z", "page")
    with pytest.raises(Unavailable):
        tasks.page(ctx, second.payload, RUN)
    # The page's task comes again.
    tasks.page(ctx, second.payload, RUN)
    many.run_tasks()
    assert paid(many) == ["asha", "chitra", "esha"]
    many.check_books()


def test_a_run_that_could_not_begin_says_so(office: Office) -> None:
    class Down:
        def create(self, task: Task) -> None:
            raise Unavailable

    office.booking()
    with pytest.raises(Unavailable):
        tasks.pay_earnings(with_scheduler(office.ctx, Down()), {}, RUN)


def test_one_task_pays_all_of_a_mentor(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("konnect.earnings.repository.MOST_SHARES", 1)
    monkeypatch.setattr("konnect.earnings.policy.plan.__kwdefaults__", {"most": 1})
    office.bookings(3)
    office.ctx.db.set(details.path(MENTOR), DETAILS)
    tasks.pay(office.ctx, {"before": "2026-06-07T18:30:00.000Z", "uid": MENTOR}, RUN)
    assert [one["amountPaise"] for one in office.payouts()] == [SHARE] * 3
    office.check_books()
