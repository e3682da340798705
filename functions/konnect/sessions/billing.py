"""Charging minutes: from the user's wallet into the session's hold, each under an id of its own."""

from datetime import datetime

from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import percent_of
from konnect.store import Doc, Tx

from .metering import Meter, Tariff


def charge(tx: Tx, session: Doc, minute: int, now: datetime) -> bool:
    """Charge a minute that the session's meter has proved uncharged. False if the wallet does not cover it."""
    price_paise = Tariff.of(session).price_of(minute)
    if ledger.available(tx, session["userId"]) < price_paise:
        return False
    ledger.post_new(
        tx,
        Movement(
            minute_id(session["id"], minute),
            "session.minute",
            (
                Leg(accounts.wallet(session["userId"]), -price_paise),
                Leg(accounts.hold("session", session["id"]), price_paise),
            ),
            {"session": session["id"], "minute": minute},
            counted=False,
        ),
        now=now,
    )
    return True


def catch_up(tx: Tx, session: Doc, meter: Meter, now: datetime) -> None:
    """Take every minute that has come due: charged, or deferred (a side was absent), or in grace. A free one is taken
    at once: there is nothing to wait for, and nothing is posted."""
    for minute in meter.due(now):
        meter.next_minute = minute + 1
        if meter.tariff.price_of(minute) == 0:
            meter.charged += 1
        elif meter.absent_at(meter.due_at(minute)):
            meter.deferred.append(minute)
        elif not meter.grace and charge(tx, session, minute, now):
            meter.charged += 1
        else:
            meter.grace.append(minute)
            meter.begin_grace(now)


def pay_owed(tx: Tx, session: Doc, meter: Meter, now: datetime, *, deferred: bool) -> None:
    """Charge minutes in grace, and deferred ones if `deferred`, in order, as far as the wallet goes."""
    for minute in meter.owed() if deferred else sorted(meter.grace):
        if not charge(tx, session, minute, now):
            break
        meter.charged += 1
        (meter.grace if minute in meter.grace else meter.deferred).remove(minute)
    if not meter.grace:
        meter.grace_until = None


def give_back(tx: Tx, session: Doc, meter: Meter, minute: int, now: datetime) -> None:
    """Return a charged minute to the parts of the wallet that it came from. A free one has nothing to return."""
    price_paise = meter.tariff.price_of(minute)
    if price_paise == 0 or not meter.charged_minute(minute):
        return
    wallet = accounts.wallet(session["userId"])
    taken = ledger.recorded_parts(tx, minute_id(session["id"], minute), wallet)
    ledger.post_new(
        tx,
        Movement(
            f"{minute_id(session['id'], minute)}:back",
            "session.minute.back",
            (
                Leg(accounts.hold("session", session["id"]), -price_paise),
                Leg(wallet, price_paise, parts={part: -amount for part, amount in taken.items()}),
            ),
            {"session": session["id"], "minute": minute},
            counted=False,
        ),
        now=now,
    )
    meter.charged -= 1
    meter.given_back.append(minute)


def settle(tx: Tx, session: Doc, fee_percent: float, now: datetime) -> tuple[int, int]:
    """Divide the hold between the expert and the platform, once: (expert's share, fee) in paise.

    What the expert owes (after a refund) is taken from the share first.
    """
    held_paise = (tx.get("sessions", session["id"]) or {})["heldPaise"]
    fee_paise = percent_of(held_paise, fee_percent)
    share_paise = held_paise - fee_paise
    if held_paise == 0:
        return 0, 0
    uid = session["expertUid"]
    kept_paise = min(ledger.debt(tx, uid), share_paise)
    legs = (
        Leg(accounts.hold("session", session["id"]), -held_paise),
        Leg(accounts.wallet(uid), share_paise - kept_paise, part="earned"),
        Leg(accounts.receivable(uid), kept_paise),
        Leg(accounts.PLATFORM_FEES, fee_paise),
    )
    ledger.post_new(
        tx,
        Movement(
            f"session:{session['id']}:settle",
            "session.settle",
            tuple(leg for leg in legs if leg.amount_paise),
            {"session": session["id"], "mentor": uid},
        ),
        now=now,
    )
    return share_paise, fee_paise


def minute_id(session_id: str, minute: int) -> str:
    return f"session:{session_id}:minute:{minute}"
