"""What no webhook has told of: refunds in the dashboard and disputes, found in Stripe's list of events."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from konnect import clock
from konnect.context import Context
from konnect.integrations.stripe.webhook import Event
from konnect.payments import cursors, gateways, stripe_events, stripe_sweep, sweeps
from konnect.payments.service import Outcome
from konnect.store import Doc
from tests.course_sales.till import Till, opened, running
from tests.payments.conftest import Crash, crashing
from tests.support import at_once, kept_tasks

PATH = (cursors.COLLECTION, gateways.STRIPE)


@pytest.fixture
def till() -> Iterator[Till]:
    """At a sandbox of its own: its list is of this test alone."""
    with running() as stripe, opened(stripe) as till:
        yield till


def later(minutes: float = 15) -> datetime:
    """Events have the clock's time."""
    return clock.now() + timedelta(minutes=minutes)


def sweep(till: Till, minutes: float = 15, *, ctx: Context | None = None) -> dict[str, int]:
    return stripe_sweep.sweep(ctx or till.ctx, now=later(minutes))


def cursor(till: Till) -> Doc:
    return till.ctx.db.get(*PATH) or {}


def missed(till: Till, number: int = 1) -> list[Doc]:
    """Sales that are refunded in the dashboard, of which no webhook tells: two events each."""
    sales = [till.bought(till.course(title=f"Course {one}")) for one in range(number)]
    till.fault(webhooks="off")
    for sold in sales:
        till.act(f"payments/{sold['paymentId']}/refund", {"amount": 400_00})
        till.act(f"payments/{sold['paymentId']}/refund", {"amount": 600_00})
    return sales


def check_refunded(till: Till, sales: list[Doc]) -> None:
    till.follow_all()
    assert {till.purchase(one["id"])["status"] for one in sales} == {"refunded"}
    assert till.sums() == {}
    assert till.kinds().count("course.refund") == 2 * len(sales)
    till.check()


def test_a_refund_in_the_dashboard_that_no_webhook_told_of(till: Till):
    [sold] = missed(till)
    assert sweep(till, 5)["events"] == 0  # Webhooks have ten minutes.
    assert sweep(till) == {"events": 2, "eventFailures": 0}
    check_refunded(till, [sold])
    assert sweep(till, 16) == {"events": 0, "eventFailures": 0}
    # Its webhooks, days late.
    assert set(till.redeliver(sold["paymentId"])) == {200}
    check_refunded(till, [sold])


def test_with_the_other_sweeps(till: Till):
    [sold] = missed(till)
    found = sweeps.sweep(till.ctx, {}, later())
    assert (found["events"], found["eventFailures"], found["failures"]) == (2, 0, 0)
    check_refunded(till, [sold])


def test_a_dispute_that_no_webhook_told_of(till: Till):
    course = till.course()
    sold = till.bought(course)
    till.fault(webhooks="off")
    dispute = till.act(f"payments/{sold['paymentId']}/dispute")
    assert sweep(till)["events"] == 1
    till.follow_all()
    assert (till.purchase(sold["id"])["disputeId"], till.is_open(course)) == (dispute["id"], True)
    # The clock has not moved as far as the sweep was told.
    till.ctx.db.delete(*PATH)
    till.act(f"disputes/{dispute['id']}", {"status": "lost"})
    assert sweep(till)["events"] == 2
    till.follow_all()
    assert (till.purchase(sold["id"])["status"], till.is_open(course)) == ("refunded", False)
    till.check()


def test_what_a_webhook_has_told_changes_nothing(till: Till):
    sold = till.bought(till.course())
    till.act(f"payments/{sold['paymentId']}/refund")
    till.follow_all()
    before = till.kinds()
    assert sweep(till)["events"] == 1
    till.follow_all()
    assert till.kinds() == before
    records = [one for one in till.all("externalEvents") if one["name"] == "charge.refunded"]
    assert [one["outcome"] for one in records] == ["pending"]
    # Its task has the same name as the webhook's, which a queue knows.
    assert len(kept_tasks(till.ctx).keyed("stripe-follow", records[0]["eventId"])) == 1


class TestPages:
    def test_three_of_them(self, till: Till, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(cursors, "PAGE", 2)
        sales = missed(till, 3)
        assert sweep(till)["events"] == 6
        check_refunded(till, sales)

    def test_more_than_a_run_takes_are_gone_on_with(self, till: Till, monkeypatch: pytest.MonkeyPatch):
        """Also what happens meanwhile, which is newer than the span."""
        monkeypatch.setattr(cursors, "PAGE", 2)
        monkeypatch.setattr(cursors, "MAX_PAGES", 1)
        sales = missed(till, 3)
        assert [sweep(till)["events"], sweep(till, 16)["events"]] == [2, 2]
        span = cursor(till)
        assert span["after"] is not None
        assert span["since"] < span["until"]
        assert [sweep(till, 17)["events"], sweep(till, 18)["events"]] == [2, 0]
        assert (cursor(till)["until"], cursor(till)["after"]) == (None, None)
        check_refunded(till, sales)

    def test_a_gateway_that_fails_between_them_loses_nothing(self, till: Till, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(cursors, "PAGE", 2)
        monkeypatch.setattr(cursors, "MAX_PAGES", 1)
        sales = missed(till, 3)
        assert sweep(till)["events"] == 2
        kept = cursor(till)
        # Once more than the client tries.
        till.fault(status=503, times=2, path="/v1/events")
        assert sweep(till) == {"events": 0, "eventFailures": 1}
        assert cursor(till) == kept
        monkeypatch.setattr(cursors, "MAX_PAGES", 5)
        assert sweep(till)["events"] == 4
        check_refunded(till, sales)

    def test_an_event_to_go_on_from_that_is_gone(
        self, till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        """Weeks later: then so are those after it. Newer ones are not missed."""
        missed(till)
        yesterday, long_ago = (clock.now() - timedelta(days=days) for days in (1, 40))
        till.ctx.db.set(PATH, {"since": long_ago, "until": yesterday, "after": "evt_gone"})
        sweep(till)
        assert "events were missed" in caplog.messages
        till.follow_all()
        assert (cursor(till)["until"], till.kinds().count("course.refund")) == (None, 2)


class TestAtOnce:
    def test_twenty_sweeps(self, till: Till, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(cursors, "PAGE", 2)
        sales = missed(till, 2)
        now = later()
        failed = [
            one for one in at_once(20, lambda _: stripe_sweep.sweep(till.ctx, now=now)) if not isinstance(one, dict)
        ]
        assert failed == []
        sweep(till, 16)
        check_refunded(till, sales)
        assert cursor(till)["until"] is None

    def test_with_the_webhooks(self, till: Till):
        [sold] = missed(till)
        both = (lambda: sweep(till), lambda: till.redeliver(sold["paymentId"]))
        at_once(6, lambda index: both[index % 2]())
        sweep(till, 16)
        check_refunded(till, [sold])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_a_commit(till: Till, moment: str):
    """Of an event, before the cursor has moved: it is passed on again, with the task that was lost."""
    [sold] = missed(till)
    kept = cursor(till)
    with pytest.raises(Crash):
        sweep(till, ctx=crashing(till.ctx, moment))
    assert cursor(till) == kept
    assert sweep(till)["events"] == 2
    check_refunded(till, [sold])


def test_a_gateway_that_is_down_loses_nothing(till: Till):
    sales = missed(till)
    kept = cursor(till)
    down = till.ctx.settings.model_copy(update={"stripe_url": "http://127.0.0.1:9", "stripe_timeout_s": 0.2})
    for minutes in (15, 25):
        found = sweep(till, minutes, ctx=replace(till.ctx, settings=down))
        assert found == {"events": 0, "eventFailures": 1}
    assert cursor(till) == kept
    assert sweep(till, 35)["events"] == 2
    check_refunded(till, sales)


def test_down_for_longer_than_stripe_keeps_events(till: Till, caplog: pytest.LogCaptureFixture):
    """A person must compare the accounts: told once."""
    till.ctx.db.set(PATH, {"since": clock.now() - timedelta(days=31), "until": None, "after": None})
    for minutes in (15, 16):
        sweep(till, minutes)
    assert [one.levelname for one in caplog.records if one.message == "events were missed"] == ["ERROR"]


def test_without_stripe_nothing_is_asked(till: Till):
    none = till.ctx.settings.model_copy(update={"stripe_secret_key": "", "stripe_webhook_secret": ""})
    assert sweep(till, ctx=replace(till.ctx, settings=none)) == {}


def test_one_that_fails_for_ever_is_told_of_and_passed_over(
    till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The cursor would never come to what follows."""
    first, second = missed(till, 2)
    wrong, handle = till.events(first["paymentId"])[-1]["id"], stripe_events.handle

    def handled(ctx: Context, event: Event, now: datetime) -> Outcome:
        if event.id == wrong:
            raise ValueError("nobody has thought of this")
        return handle(ctx, event, now)

    monkeypatch.setattr(stripe_events, "handle", handled)
    assert sweep(till) == {"events": 3, "eventFailures": 1}
    check_refunded(till, [first, second])
    assert [one.levelname for one in caplog.records if one.message == "event not passed on"] == ["ERROR"]
    assert sweep(till, 16) == {"events": 0, "eventFailures": 0}
