"""Receipts: what became of each minute, sums that add up, and what each side sees of it."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from konnect.context import Context
from konnect.errors import Conflict, Forbidden, NotFound
from konnect.money import percent_of
from konnect.sessions import receipts, refunds
from konnect.sessions.metering import Tariff
from konnect.store import Doc
from local.clients import SocketClients
from local.person import CallError
from tests import people
from tests.sessions.bookings import SLOT, Bookings
from tests.sessions.conftest import EXPERT, Stage
from tests.support import START

USER = "meera"
FATES = ("graceMinutes", "deferredMinutes", "writtenOffMinutes", "givenBackMinutes")


def receipt(stage: Stage, session_id: str, uid: str = USER) -> dict[str, Any]:
    return stage.ctx.run(lambda tx: receipts.of(tx, session_id, uid))


def shown(made: dict[str, Any]) -> list[tuple[str, int | None, int]]:
    return [(line["kind"], line["minutes"], line["amountPaise"]) for line in made["lines"]]


def refund(stage: Stage, session_id: str, paise: int | None, refund_id: str, minutes: float) -> None:
    request = refunds.Request(session_id, refund_id, paise, "poor connection", "admin")
    stage.ctx.run(lambda tx: refunds.refund(tx, request, now=stage.at(minutes)))


class TestByTheMinute:
    def test_charged_minutes(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.run_until(session_id, stage.at(2))
        stage.end(session_id, USER, stage.at(2, 30))
        made = receipt(stage, session_id)
        assert shown(made) == [("charged", 3, 3000)]
        assert made["number"] == f"R-20260105-{session_id}"
        assert (made["side"], made["mode"], made["endReason"]) == ("user", "perMinute", "user-ended")
        assert (made["total"], made["totalPaise"], made["net"], made["refunds"]) == (30, 3000, 30, [])
        assert (made["platformFee"], made["earningPaise"]) == (None, None)
        assert (made["startedAt"], made["endedAt"]) == (START, stage.at(2, 30))
        assert made["durationSeconds"] == 150
        assert made["transactionId"] == f"{session_id}-payment"
        assert stage.ctx.db.get("transactions", made["transactionId"])["amountPaise"] == made["totalPaise"]

    def test_the_experts_has_fee_and_earning_and_nothing_of_the_users_wallet(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.run_until(session_id, stage.at(2))
        stage.end(session_id, EXPERT, stage.at(2, 30))
        made = receipt(stage, session_id, EXPERT)
        assert (made["side"], made["total"], made["platformFee"], made["earning"], made["net"]) == (
            "expert",
            30,
            6,
            24,
            24,
        )
        assert stage.ctx.db.get("transactions", made["transactionId"])["amountPaise"] == made["earningPaise"]
        assert not [name for name in made if "balance" in name.lower()]

    def test_minutes_that_the_wallet_did_not_cover(self, stage: Stage) -> None:
        session_id = stage.started(USER, 20)
        stage.run_until(session_id, stage.at(2))
        stage.progress(session_id, stage.at(2, 30))
        assert shown(receipt(stage, session_id)) == [("charged", 2, 2000), ("grace", 1, 0)]

    def test_a_minute_given_back_and_one_deferred(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.run_until(session_id, stage.at(1))
        stage.leave(EXPERT, stage.at(1, 10))
        stage.progress(session_id, stage.at(2))
        stage.progress(session_id, stage.at(2, 10))
        made = receipt(stage, session_id)
        assert made["endReason"] == "expert-absent"
        assert shown(made) == [("charged", 1, 1000), ("given-back", 1, 0), ("deferred", 1, 0)]

    def test_refunds_come_off_both_sides(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        stage.run_until(session_id, stage.at(2))
        stage.end(session_id, USER, stage.at(2, 30))
        refund(stage, session_id, 1000, "first", 10)
        refund(stage, session_id, None, "second", 20)
        of_user, of_expert = receipt(stage, session_id), receipt(stage, session_id, EXPERT)
        assert [(one["id"], one["amountPaise"], one["createdAt"]) for one in of_user["refunds"]] == [
            ("first", 1000, stage.at(10)),
            ("second", 2000, stage.at(20)),
        ]
        assert (of_user["refunded"], of_user["net"]) == (30, 0)
        assert [one["amountPaise"] for one in of_expert["refunds"]] == [800, 1600]
        assert (of_expert["earning"], of_expert["refunded"], of_expert["net"]) == (24, 24, 0)

    def test_refused(self, stage: Stage) -> None:
        session_id = stage.started(USER, 100)
        with pytest.raises(Conflict) as running:
            receipt(stage, session_id)
        assert running.value.code == "SESSION_NOT_ENDED"
        with pytest.raises(Forbidden):
            receipt(stage, session_id, "kabir")
        with pytest.raises(NotFound):
            receipt(stage, "nothing")


@pytest.fixture
def bookings(ctx: Context) -> Bookings:
    bookings = Bookings(ctx)
    bookings.expert_online()
    bookings.gone(EXPERT, now=START)
    return bookings


class TestBooked:
    """30 minutes for 300 INR, at a fee of 20 %."""

    def check(self, stage: Bookings, session_id: str, lines: list[tuple[str, int | None, int]]) -> dict[str, Any]:
        of_user, of_expert = receipt(stage, session_id), receipt(stage, session_id, EXPERT)
        assert shown(of_user) == shown(of_expert) == lines
        kept_paise = sum(amount for *_, amount in lines)
        assert of_user["totalPaise"] == of_user["netPaise"] == kept_paise
        assert of_expert["platformFeePaise"] + of_expert["earningPaise"] == kept_paise
        assert (of_user["mode"], of_user["scheduledAt"]) == ("booked", SLOT)
        # The wallet shows the whole price going, and what came back coming.
        assert of_user["transactionId"] == f"{session_id}-payment"
        assert of_expert["transactionId"] == (f"{session_id}-earning" if kept_paise else None)
        return of_user

    def test_held_as_booked(self, bookings: Bookings) -> None:
        session_id = bookings.booked()
        with pytest.raises(Conflict, match="has not ended"):
            receipt(bookings, session_id)
        bookings.here(USER, EXPERT, now=bookings.slot(-1))
        bookings.tasks_until(bookings.slot(30))
        made = self.check(bookings, session_id, [("booked", 30, 30000)])
        assert (made["endReason"], made["durationSeconds"]) == ("completed", 1800)

    def test_minutes_that_the_expert_missed(self, bookings: Bookings) -> None:
        session_id = bookings.booked()
        bookings.here(USER, EXPERT, now=bookings.slot(-1))
        bookings.tasks_until(bookings.slot())
        bookings.gone(EXPERT, now=bookings.slot(10))
        bookings.here(EXPERT, now=bookings.slot(17))
        bookings.tasks_until(bookings.slot(30))
        self.check(bookings, session_id, [("booked", 30, 30000), ("missed", 7, -7000)])

    def test_cancelled_by_half(self, bookings: Bookings) -> None:
        session_id = bookings.booked()
        bookings.cancel(session_id, USER, bookings.slot(-12 * 60))
        made = self.check(bookings, session_id, [("booked", 30, 30000), ("cancelled", None, -15000)])
        assert (made["status"], made["startedAt"], made["endedAt"]) == ("cancelled", None, bookings.slot(-12 * 60))

    def test_an_expert_who_did_not_come(self, bookings: Bookings) -> None:
        session_id = bookings.booked()
        bookings.here(USER, now=bookings.slot(-1))
        bookings.tasks_until(bookings.slot(30))
        self.check(bookings, session_id, [("booked", 30, 30000), ("not-held", None, -30000)])

    def test_a_user_who_did_not_come(self, bookings: Bookings) -> None:
        session_id = bookings.booked()
        bookings.here(EXPERT, now=bookings.slot(-1))
        bookings.tasks_until(bookings.slot(30))
        kept = bookings.session(session_id)["totalAmountPaise"] - bookings.session(session_id)["releasedPaise"]
        lines: list[tuple[str, int | None, int]] = [("booked", 30, 30000)]
        if kept < 30000:
            lines.append(("user-no-show", None, kept - 30000))
        self.check(bookings, session_id, lines)

    def test_an_admins_refund_of_what_was_kept(self, bookings: Bookings) -> None:
        session_id = bookings.booked()
        bookings.cancel(session_id, USER, bookings.slot(-12 * 60))
        refund(bookings, session_id, 5000, "kind", 1)
        of_user, of_expert = receipt(bookings, session_id), receipt(bookings, session_id, EXPERT)
        assert (of_user["totalPaise"], of_user["refundedPaise"], of_user["netPaise"]) == (15000, 5000, 10000)
        assert (of_expert["earningPaise"], of_expert["refundedPaise"], of_expert["netPaise"]) == (12000, 4000, 8000)


@st.composite
def ended(draw: st.DrawFn) -> tuple[Doc, Doc, list[Doc]]:
    """A session by the minute as it ended, its terms, and its refunds, by another reckoning than the receipt's."""
    price_paise = draw(st.integers(100, 100_000))
    tariff = Tariff(price_paise, draw(st.integers(0, 4)), draw(st.integers(0, 4)), draw(st.integers(0, 120_000)))
    begun = draw(st.integers(0, 130))
    fates: dict[str, list[int]] = {name: [] for name in FATES}
    charged = []
    for minute in range(begun):
        fate = draw(st.sampled_from([None, None, None, *FATES])) if tariff.price_of(minute) else None
        (fates[fate] if fate else charged).append(minute)
    total_paise = sum(tariff.price_of(minute) for minute in charged)
    fee_paise = percent_of(total_paise, draw(st.floats(0, 100).map(lambda percent: round(percent, 2))))
    session = {
        "id": "s1",
        "userId": USER,
        "userName": "Meera",
        "expertId": EXPERT,
        "expertUid": EXPERT,
        "expertName": "Asha",
        "type": "video",
        "mode": "perMinute",
        "status": "completed",
        "endReason": "user-ended",
        "startedAt": START,
        "endedAt": START + timedelta(minutes=begun),
        "nextMinute": begun,
        "minutesCharged": len(charged),
        "totalAmountPaise": total_paise,
        **tariff.fields(),
        **fates,
    }
    made: list[Doc] = []
    left_paise = total_paise
    for number in range(draw(st.integers(0, 3))):
        if not left_paise:
            break
        amount_paise = draw(st.integers(1, left_paise))
        before, after = total_paise - left_paise, total_paise - left_paise + amount_paise
        back = refunds.part_of(fee_paise, after, total_paise) - refunds.part_of(fee_paise, before, total_paise)
        left_paise -= amount_paise
        made.append({
            "id": f"r{number}",
            "amountPaise": amount_paise,
            "feePaise": back,
            "expertPaise": amount_paise - back,
            "createdAt": START,
        })  # fmt: skip
    return session, {"platformFeePaise": fee_paise, "earningPaise": total_paise - fee_paise}, made


@given(ended())
@settings(max_examples=300)
def test_sums_add_up(drawn: tuple[Doc, Doc, list[Doc]]) -> None:
    session, terms, made = drawn
    of_user, of_expert = (receipts.render(session, terms, made, uid) for uid in (USER, EXPERT))
    for one in (of_user, of_expert):
        assert one["totalPaise"] == sum(line["amountPaise"] for line in one["lines"]) == session["totalAmountPaise"]
        assert sum(line["minutes"] for line in one["lines"]) == session["nextMinute"]
        kept = [line["minutes"] for line in one["lines"] if line["kind"] in {"charged", "free"}]
        assert sum(kept) == session["minutesCharged"]
        assert one["refundedPaise"] == sum(refund["amountPaise"] for refund in one["refunds"])
        kinds = [(line["kind"], line["pricePerMin"]) for line in one["lines"]]
        assert len(kinds) == len(set(kinds))
    assert of_user["lines"] == of_expert["lines"]
    assert of_expert["platformFeePaise"] + of_expert["earningPaise"] == of_expert["totalPaise"]
    assert of_user["netPaise"] == of_user["totalPaise"] - of_user["refundedPaise"] >= 0
    assert of_expert["netPaise"] == of_expert["earningPaise"] - of_expert["refundedPaise"] >= 0
    fee_kept = terms["platformFeePaise"] - sum(refund["feePaise"] for refund in made)
    assert of_user["netPaise"] == of_expert["netPaise"] + fee_kept


def test_over_http(stack_env: dict[str, str]) -> None:
    meera, asha, ravi = people.user(stack_env, rupees=500), people.expert(stack_env), people.person(stack_env, "Ravi")
    with SocketClients(stack_env) as sockets:
        for who, kind in ((meera, "user"), (asha, "expert")):
            sockets.connect(who.uid, stack_env["SIGNALING_URL"], token=who.token)
            assert "error" not in sockets.call(who.uid, "register", {"userType": kind})
        chat = sockets.call(meera.uid, "request-chat", {"expertId": asha.uid, "type": "call"})["chatId"]
        path = f"/api/sessions/{chat}/receipt"
        with pytest.raises(CallError, match="409 SESSION_NOT_ENDED"):
            meera.get(path)
        sockets.call(meera.uid, "end-chat", {"chatId": chat})
    made = meera.get(path)
    # One, or more where the two seconds of a minute were over before its end was heard.
    [minutes] = [line["minutes"] for line in made["lines"]]
    assert minutes >= 1
    assert (made["type"], made["side"], made["total"], made["totalPaise"], made["currency"]) == (
        "call",
        "user",
        10 * minutes,
        1000 * minutes,
        "INR",
    )
    assert made["lines"] == [
        {
            "kind": "charged",
            "minutes": minutes,
            "pricePerMin": 10,
            "amount": 10 * minutes,
            "amountPaise": 1000 * minutes,
        },
    ]
    assert meera.get("/api/wallet")["balance"] == 500 - 10 * minutes
    assert made["startedAt"].endswith("Z")
    assert made["endedAt"].endswith("Z")
    assert (asha.get(path)["earning"], asha.get(path)["platformFee"]) == (8 * minutes, 2 * minutes)
    assert requests.get(stack_env["API_URL"] + path, timeout=60).status_code == 401
    with pytest.raises(CallError, match="403 NOT_A_PARTICIPANT"):
        ravi.get(path)
    with pytest.raises(CallError, match="404 SESSION_NOT_FOUND"):
        meera.get("/api/sessions/nothing/receipt")
