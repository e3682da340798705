"""A session's receipt, for each of its two participants: what became of each begun minute or of the booking, and what
it came to. It is computed from the session, its terms and its refunds as they are, and stored nowhere.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect import clock
from konnect.errors import Conflict
from konnect.money import CURRENCY, rupees
from konnect.store import Doc, Query, Tx

from . import access
from .metering import Tariff

ENDED = ("completed", "cancelled")
Kind = Literal[
    "charged",
    "free",
    "grace",
    "deferred",
    "written-off",
    "given-back",
    "booked",
    "missed",
    "user-no-show",
    "not-held",
    "cancelled",
]
_FATES: dict[str, Kind] = {
    "graceMinutes": "grace",
    "deferredMinutes": "deferred",
    "writtenOffMinutes": "written-off",
    "givenBackMinutes": "given-back",
}
_ORDER: tuple[Kind, ...] = ("free", "charged", "given-back", "grace", "deferred", "written-off")
_NOT_HELD = {"expert-no-show", "not-started"}


@dataclass(frozen=True)
class Line:
    """`minutes` at `price_paise` each; None where it is not a matter of minutes. Amounts that go back are negative."""

    kind: Kind
    minutes: int | None
    price_paise: int | None
    amount_paise: int


def lines(session: Doc) -> list[Line]:
    """What an ended session came to, in lines that sum to what was kept of the user's money for it. Pure."""
    return _booked(session) if session.get("mode") == "booked" else _by_the_minute(session)


def _by_the_minute(session: Doc) -> list[Line]:
    """Each begun minute in one line, with those of its kind and price. Only those charged and kept have an amount."""
    tariff = Tariff.of(session)
    fates = {minute: kind for name, kind in _FATES.items() for minute in session[name]}
    tally: Counter[tuple[Kind, int]] = Counter()
    for minute in range(session["nextMinute"]):
        price_paise = tariff.price_of(minute)
        tally[fates.get(minute, "charged" if price_paise else "free"), price_paise] += 1
    found = sorted(tally.items(), key=lambda counted: (_ORDER.index(counted[0][0]), counted[0][1]))
    return [
        Line(kind, minutes, price_paise, minutes * price_paise if kind == "charged" else 0)
        for (kind, price_paise), minutes in found
    ]


def _booked(session: Doc) -> list[Line]:
    """The booking, and what went back when it ended."""
    price_paise, minutes = session["pricePerMinPaise"], session["bookedMinutes"]
    found = [Line("booked", minutes, price_paise, session["totalAmountPaise"])]
    back_paise = session.get("releasedPaise", 0)
    reason = session["endReason"]
    if not back_paise:
        return found
    if session["status"] == "cancelled":
        return [*found, Line("not-held" if reason in _NOT_HELD else "cancelled", None, None, -back_paise)]
    if reason == "user-no-show":
        return [*found, Line("user-no-show", None, None, -back_paise)]
    return [*found, Line("missed", back_paise // price_paise, price_paise, -back_paise)]


def of(tx: Tx, session_id: str, uid: str) -> dict[str, Any]:
    """The receipt as `uid` may see it. The expert's names fee and earning, and of each refund the expert's share; the
    user's names what was paid and came back.

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_NOT_ENDED).
    """
    session = access.of_participant(tx, session_id, uid)
    if session["status"] not in ENDED:
        raise Conflict("the session has not ended", code="SESSION_NOT_ENDED")
    terms = tx.get("sessions", session_id, "private", "terms") or {}
    # Bounded by how often one session is refunded.
    refunds = tx.query(Query(("refunds",)).filter("sessionId", "==", session_id))
    return render(session, terms, sorted(refunds, key=lambda made: made["createdAt"]), uid)


def render(session: Doc, terms: Doc, refunds: list[Doc], uid: str) -> dict[str, Any]:
    """`of`, from the documents. Pure."""
    is_expert = uid == session["expertUid"]
    itemised = lines(session)
    total_paise = sum(line.amount_paise for line in itemised)
    fee_paise, earning_paise = terms.get("platformFeePaise", 0), terms.get("earningPaise", 0)
    share = "expertPaise" if is_expert else "amountPaise"
    refunded_paise = sum(made[share] for made in refunds)
    net_paise = (earning_paise if is_expert else total_paise) - refunded_paise
    at: datetime = session.get("endedAt") or session.get("cancelledAt") or session["updatedAt"]
    wallet_entry = "earning" if is_expert else "payment"
    was_paid = earning_paise + fee_paise if is_expert else session["totalAmountPaise"]
    return {
        "number": f"R-{clock.business_day(at):%Y%m%d}-{session['id']}",
        "sessionId": session["id"],
        "side": "expert" if is_expert else "user",
        "userName": session["userName"],
        "expertId": session["expertId"],
        "expertName": session["expertName"],
        "type": session["type"],
        "mode": session.get("mode", "perMinute"),
        "status": session["status"],
        "endReason": session["endReason"],
        "scheduledAt": session.get("scheduledAt"),
        "startedAt": session.get("startedAt"),
        "endedAt": at,
        "durationSeconds": session.get("durationSeconds") or 0,
        "currency": CURRENCY,
        "lines": [
            {
                "kind": line.kind,
                "minutes": line.minutes,
                "pricePerMin": None if line.price_paise is None else rupees(line.price_paise),
                **_amount("amount", line.amount_paise),
            }
            for line in itemised
        ],
        **_amount("total", total_paise),
        **_amount("platformFee", fee_paise if is_expert else None),
        **_amount("earning", earning_paise if is_expert else None),
        "refunds": [
            {"id": made["id"], **_amount("amount", made[share]), "createdAt": made["createdAt"]} for made in refunds
        ],
        **_amount("refunded", refunded_paise),
        **_amount("net", net_paise),
        "transactionId": f"{session['id']}-{wallet_entry}" if was_paid else None,
    }


def _amount(name: str, paise: int | None) -> dict[str, Any]:
    return {name: None if paise is None else rupees(paise), f"{name}Paise": paise}
