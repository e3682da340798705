"""The expert's dashboard: earnings by the expert's own days, who waits, what is booked, and the quick stats."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.context import Context
from konnect.experts import service as experts
from konnect.sessions import dashboard, offers, refunds
from konnect.store import measure
from konnect.wallet import adjustments, transactions
from local.clients import SocketClients
from local.person import CallError
from tests import people
from tests.sessions.bookings import Bookings
from tests.sessions.conftest import EXPERT, Stage
from tests.support import START

USER = "meera"
MS = timedelta(milliseconds=1)
PATH = "/api/experts/me/dashboard"


def seen(stage: Stage, now: datetime) -> dict[str, Any]:
    expert = stage.ctx.run(lambda tx: experts.own(tx, EXPERT))
    return dashboard.of(stage.ctx.db, expert, now=now)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestPeriods:
    @pytest.mark.parametrize(
        ("zone", "now", "today", "week", "month"),
        [
            # India: the day begins at 18:30 UTC. 5 January 2026 is a Monday.
            ("Asia/Kolkata", "2026-01-05T18:29:59", "2026-01-04T18:30", "2026-01-04T18:30", "2025-12-31T18:30"),
            ("Asia/Kolkata", "2026-01-05T18:30:00", "2026-01-05T18:30", "2026-01-04T18:30", "2025-12-31T18:30"),
            ("Asia/Kolkata", "2026-01-31T18:30:00", "2026-01-31T18:30", "2026-01-25T18:30", "2026-01-31T18:30"),
            # London: summer time since 29 March 2026, so April begins at 23:00 UTC and March began at 0:00.
            ("Europe/London", "2026-03-31T22:59:59", "2026-03-30T23:00", "2026-03-29T23:00", "2026-03-01T00:00"),
            ("Europe/London", "2026-03-31T23:00:00", "2026-03-31T23:00", "2026-03-29T23:00", "2026-03-31T23:00"),
            ("Europe/London", "2026-03-29T12:00:00", "2026-03-29T00:00", "2026-03-23T00:00", "2026-03-01T00:00"),
            # New York: summer time ends on 1 November 2026, a day of 25 hours at the beginning of a month.
            ("America/New_York", "2026-11-01T03:59:59", "2026-10-31T04:00", "2026-10-26T04:00", "2026-10-01T04:00"),
            ("America/New_York", "2026-11-01T04:00:00", "2026-11-01T04:00", "2026-10-26T04:00", "2026-11-01T04:00"),
            ("America/New_York", "2026-11-02T04:59:59", "2026-11-01T04:00", "2026-10-26T04:00", "2026-11-01T04:00"),
            ("America/New_York", "2026-11-02T05:00:00", "2026-11-02T05:00", "2026-11-02T05:00", "2026-11-01T04:00"),
            # Cairo puts its clocks forward at midnight: 24 April 2026 begins at 1:00, which is 22:00 UTC.
            ("Africa/Cairo", "2026-04-24T10:00:00", "2026-04-23T22:00", "2026-04-19T22:00", "2026-03-31T22:00"),
        ],
    )
    def test_begin(self, zone: str, now: str, today: str, week: str, month: str) -> None:
        assert dashboard.periods(utc(now), zone) == {"today": utc(today), "week": utc(week), "month": utc(month)}

    @pytest.mark.parametrize("name", ["localtime", "Africa", "../etc/passwd", "Mars/Phobos", "", "asia/kolkata"])
    def test_a_name_of_no_zone_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="time zone"):
            clock.zone(name)


class TestEarnings:
    @pytest.mark.parametrize(
        ("zone", "now"),
        [
            ("Asia/Kolkata", "2026-01-31T20:00"),
            ("Europe/London", "2026-03-31T23:30"),
            ("America/New_York", "2026-11-01T12:00"),
        ],
    )
    def test_each_period_begins_in_the_experts_zone(self, stage: Stage, zone: str, now: str) -> None:
        """One paisa, ten, a hundred…: what lies a millisecond before a beginning is not in it."""
        begins = dashboard.periods(utc(now), zone)
        stage.ctx.run(lambda tx: tx.update(("experts", EXPERT), {"timeZone": zone}))
        times = [at for begin in begins.values() for at in (begin - MS, begin)]
        for power, at in enumerate(times):
            self.earn(stage.ctx, EXPERT, f"t{power}", 10**power, at)
        self.earn(stage.ctx, "another", "other", 5, utc(now))
        found = seen(stage, utc(now))
        assert found["timeZone"] == zone
        for name, begin in begins.items():
            paise = sum(10**power for power, at in enumerate(times) if at >= begin)
            assert found["earnings"][f"{name}Paise"] == paise
        assert found["earnings"]["totalPaise"] == 111_111
        assert found["earnings"]["total"] == 1111.11

    def test_net_of_what_refunds_took_back(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.run_until(session_id, stage.at(2))
        stage.end(session_id, USER, stage.at(2, 30))
        assert seen(stage, stage.at(10))["earnings"]["today"] == 24
        request = refunds.Request(session_id, "r1", 1000, "poor connection", "admin")
        stage.ctx.run(lambda tx: refunds.refund(tx, request, now=stage.at(24 * 60)))
        found = seen(stage, stage.at(24 * 60))
        # On the day of the refund, not on that of the session.
        assert {name: found["earnings"][name] for name in ("today", "week", "month", "total")} == {
            "today": -8,
            "week": 16,
            "month": 16,
            "total": 16,
        }
        assert (found["recentSessions"][0]["id"], found["recentSessions"][0]["earning"]) == (session_id, 16)

    def test_what_the_expert_pays_and_withdraws_is_no_loss_of_earnings(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.end(session_id, USER, stage.at(0, 30))

        def work(tx: Any) -> None:
            for type, status in (("payment", "completed"), ("withdraw", "pending"), ("deposit", "completed")):
                transactions.write(
                    tx,
                    type,
                    uid=EXPERT,
                    type=type,
                    status=status,
                    amount_paise=300,
                    description=type,
                    reference_id=type,
                    now=stage.at(1),
                )

        stage.ctx.run(work)
        found = seen(stage, stage.at(10))
        assert found["earnings"]["totalPaise"] == 800
        assert found["quickStats"]["pendingWithdrawalsPaise"] == 300

    def test_an_adjustment_of_earned_money_counts_both_ways(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.end(session_id, USER, stage.at(0, 30))
        for number, paise in enumerate((500, -200)):
            given = adjustments.Adjustment(f"a{number}", EXPERT, paise, "earned", "by hand", "admin")
            stage.ctx.run(lambda tx, given=given: adjustments.adjust(tx, given, key=None, now=stage.at(1)))
        assert seen(stage, stage.at(10))["earnings"]["totalPaise"] == 800 + 500 - 200

    @staticmethod
    def earn(ctx: Context, uid: str, transaction_id: str, paise: int, now: datetime) -> None:
        ctx.run(
            lambda tx: transactions.write(
                tx,
                transaction_id,
                uid=uid,
                type="earning",
                status="completed",
                amount_paise=paise,
                description="Session",
                reference_id="s1",
                now=now,
            )
        )


class TestSessions:
    def test_an_empty_one(self, stage: Stage) -> None:
        found = seen(stage, START)
        assert found["earnings"]["total"] == 0
        assert (found["recentSessions"], found["upcomingSessions"]) == ([], [])
        assert found["pendingRequests"] == {"count": 0, "items": []}
        assert found["quickStats"] == {
            "sessions": 0,
            "sessionsThisMonth": 0,
            "minutes": 0,
            "averageSessionMinutes": 0,
            "acceptanceRate": None,
            "completionRate": None,
            "withdrawable": 0,
            "withdrawablePaise": 0,
            "pendingWithdrawals": 0,
            "pendingWithdrawalsPaise": 0,
            "rating": 0,
            "reviewCount": 0,
        }

    def test_the_last_five_by_their_end_and_what_all_come_to(self, stage: Stage) -> None:
        stage.user(USER, 500)
        ids = []
        for number in range(7):
            session = stage.request(USER, now=stage.at(10 * number)).session
            assert session is not None
            ids.append(session["id"])
            stage.end(session["id"], USER, stage.at(10 * number, 45))
        found = seen(stage, stage.at(100))
        assert [one["id"] for one in found["recentSessions"]] == ids[:1:-1]
        stats = found["quickStats"]
        assert (stats["sessions"], stats["sessionsThisMonth"], stats["minutes"]) == (7, 7, 5)
        assert (stats["averageSessionMinutes"], stats["withdrawable"]) == (0.8, 56)
        assert (stats["acceptanceRate"], stats["completionRate"]) == (100, 100)
        assert seen(stage, stage.at(32 * 24 * 60))["quickStats"]["sessionsThisMonth"] == 0

    def test_a_session_that_the_expert_left_is_not_completed(self, stage: Stage) -> None:
        first = stage.started(USER, 100)
        stage.end(first, USER, stage.at(0, 30))
        second = stage.request(USER, now=stage.at(1)).session
        assert second is not None
        stage.leave(EXPERT, stage.at(1, 10))
        stage.progress(second["id"], stage.at(2, 10))
        assert seen(stage, stage.at(5))["quickStats"]["completionRate"] == 50

    def test_who_waits_in_the_queue(self, stage: Stage) -> None:
        stage.started(USER, 100)
        for minute, uid in enumerate(("kabir", "ravi"), start=1):
            stage.user(uid, 100)
            assert stage.request(uid, now=stage.at(minute)).waiting
        found = seen(stage, stage.at(3))["pendingRequests"]
        assert found["count"] == 2
        assert [(one["kind"], one["userId"], one["userName"], one["position"]) for one in found["items"]] == [
            ("queue", "kabir", "Kabir", 1),
            ("queue", "ravi", "Ravi", 2),
        ]
        assert {one["type"] for one in found["items"]} == {"chat"}

    def test_who_waits_for_the_experts_word(self, stage: Stage) -> None:
        stage.prefer(acceptsByHand=True)
        session_id = stage.offered(USER, 100)
        stage.user("kabir", 100)
        stage.request("kabir", now=stage.at(0, 10))
        asked, queued = seen(stage, stage.at(0, 20))["pendingRequests"]["items"]
        assert (asked["kind"], asked["chatId"], asked["userName"]) == ("request", session_id, "Meera")
        assert (asked["position"], asked["since"], asked["expiresAt"]) == (None, START, stage.at(1))
        assert (queued["kind"], queued["userId"], queued["position"]) == ("queue", "kabir", 1)
        stage.ctx.run(lambda tx: offers.decline(tx, session_id, by=EXPERT, note=None, now=stage.at(0, 30)))
        assert seen(stage, stage.at(0, 40))["quickStats"]["acceptanceRate"] == 0

    def test_what_is_booked_comes_in_the_order_of_its_time(self, ctx: Context) -> None:
        bookings = Bookings(ctx)
        bookings.expert_online()
        later = bookings.booked(USER, scheduled_at=bookings.slot(60))
        sooner = bookings.booked("kabir", scheduled_at=bookings.slot())
        assert [one["id"] for one in seen(bookings, START)["upcomingSessions"]] == [sooner, later]
        bookings.cancel(sooner, EXPERT, bookings.slot(-60))
        found = seen(bookings, START)
        assert [one["id"] for one in found["upcomingSessions"]] == [later]
        assert (found["quickStats"]["completionRate"], found["recentSessions"]) == (0, [])

    def test_what_the_expert_owes_cannot_be_withdrawn(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.end(session_id, USER, stage.at(0, 30))
        stage.ctx.run(lambda tx: tx.set(("receivables", EXPERT), {"balancePaise": -300}))
        assert seen(stage, stage.at(1))["quickStats"]["withdrawablePaise"] == 500

    def test_it_costs_the_same_however_many_sessions_there_are(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.end(session_id, USER, stage.at(0, 30))
        with measure() as few:
            seen(stage, stage.at(1))
        for number in range(30):
            TestEarnings.earn(stage.ctx, EXPERT, f"t{number}", 100, stage.at(number))
        with measure() as many:
            seen(stage, stage.at(60))
        assert many.reads == few.reads <= 22


class TestHttp:
    def test_an_expert_looks_while_people_wait(self, stack_env: dict[str, str]) -> None:
        meera, kabir = people.user(stack_env, rupees=500), people.user(stack_env, "Kabir", rupees=50)
        asha = people.expert(stack_env)
        with SocketClients(stack_env) as sockets:
            for who, kind in ((meera, "user"), (kabir, "user"), (asha, "expert")):
                sockets.connect(who.uid, stack_env["SIGNALING_URL"], token=who.token)
                assert "error" not in sockets.call(who.uid, "register", {"userType": kind})
            chat = sockets.call(meera.uid, "request-chat", {"expertId": asha.uid})["chatId"]
            assert sockets.call(kabir.uid, "request-chat", {"expertId": asha.uid, "type": "video"})["position"] == 1
            [waits] = asha.get(PATH)["pendingRequests"]["items"]
            assert (waits["userName"], waits["type"], waits["position"], waits["kind"]) == (
                "Kabir",
                "video",
                1,
                "queue",
            )
            assert waits["since"].endswith("Z")
            sockets.call(kabir.uid, "leave-queue", {"expertId": asha.uid})
            sockets.call(meera.uid, "end-chat", {"chatId": chat})
        found = asha.get(PATH)
        # Of one minute, or more where the two seconds of each were over before the end was heard.
        spent = meera.get(f"/api/sessions/{chat}")["totalAmount"]
        assert spent in range(10, 510, 10)
        earned = spent * 8 // 10
        earnings = found["earnings"]
        assert (found["timeZone"], earnings["today"], earnings["total"]) == ("Asia/Kolkata", earned, earned)
        assert [(one["id"], one["earning"]) for one in found["recentSessions"]] == [(chat, earned)]
        assert found["pendingRequests"] == {"count": 0, "items": []}
        assert found["quickStats"]["withdrawable"] == earned

    def test_the_time_zone_is_the_experts_to_set(self, stack_env: dict[str, str]) -> None:
        asha = people.expert(stack_env)
        path = f"/api/experts/{asha.uid}"
        assert asha.call("PUT", path, {"timeZone": "Europe/London"})["timeZone"] == "Europe/London"
        assert asha.get("/api/experts/me")["timeZone"] == asha.get(PATH)["timeZone"] == "Europe/London"
        for wrong in ("Europe/Atlantis", "localtime", None, 5):
            with pytest.raises(CallError) as refused:
                asha.call("PUT", path, {"timeZone": wrong})
            assert (refused.value.status, refused.value.details[0]["field"]) == (400, "timeZone")

    def test_refused(self, stack_env: dict[str, str]) -> None:
        assert requests.get(stack_env["API_URL"] + PATH, timeout=60).status_code == 401
        with pytest.raises(CallError, match="403 FORBIDDEN"):
            people.person(stack_env, "Meera").get(PATH)
        with pytest.raises(CallError, match="404"):
            people.admin(stack_env).get(PATH)
