"""A consult, and its receipt, as each of its readers may see them. Pure."""

from typing import Any

from konnect import clock
from konnect.money import CURRENCY, rupees
from konnect.store import Doc

PRO_RATA = (
    "The user pays for the whole seconds in which both were there: the price of a minute × seconds ÷ 60, rounded half "
    "up to the paisa. The rest of what was held comes back."
)
NO_SHOW = (
    "The consultant was there and the user did not come: the platform's share of the price is charged, without the "
    "whole minutes that the consultant missed too."
)
NOTHING = "It has not taken place: everything that was held comes back."


def consult(found: Doc, *, birth: dict[str, Any] | None = None) -> dict[str, Any]:
    """Its state and its two. `birth`: the user's, where the reader may know it."""
    return {
        **{name: found[name] for name in _SHOWN},
        "user": {"id": found["userId"], "name": found["userName"], "joined": found["userJoined"]},
        "consultant": {
            "id": found["expertId"],
            "userId": found["expertUid"],
            "name": found["expertName"],
            "joined": found["expertJoined"],
        },
        "birth": birth,
    }


_SHOWN = (
    *("id", "type", "status", "durationMinutes", "price", "pricePaise", "pricePerMin", "acceptedAt", "expiresAt"),
    *("startedAt", "endsAt", "endedAt", "endReason", "endedBy", "seconds", "amount", "refundedAmount", "createdAt"),
)


def receipt(found: Doc, terms: Doc, *, side: str) -> dict[str, Any]:
    """`side`: "user", "expert" or "admin". Fee and earning are not for the user."""
    sees_fee = side != "user"
    fee_paise, earning_paise = terms.get("platformFeePaise", 0), terms.get("earningPaise", 0)
    entry = {"user": f"{found['id']}-payment", "expert": f"{found['id']}-earning" if earning_paise else None}
    return {
        "number": f"C-{clock.business_day(found['endedAt']):%Y%m%d}-{found['id']}",
        "consultId": found["id"],
        "status": found["status"],
        "endReason": found["endReason"],
        "endedBy": found["endedBy"],
        "userName": found["userName"],
        "consultantName": found["expertName"],
        "startedAt": found["startedAt"],
        "endedAt": found["endedAt"],
        "durationMinutes": found["durationMinutes"],
        "attendance": {
            "user": [_interval(one) for one in found["intervals"]["user"]],
            "consultant": [_interval(one) for one in found["intervals"]["expert"]],
        },
        "seconds": found["seconds"],
        "pricePerMin": found["pricePerMin"],
        "rule": PRO_RATA if found["startedAt"] else NO_SHOW if found["status"] == "completed" else NOTHING,
        "currency": CURRENCY,
        **_amount("held", found["pricePaise"]),
        **_amount("amount", found["amountPaise"]),
        **_amount("released", found["refundedAmountPaise"]),
        **_amount("platformFee", fee_paise if sees_fee else None),
        **_amount("earning", earning_paise if sees_fee else None),
        "transactionId": entry.get(side),
    }


def _interval(one: Doc) -> dict[str, Any]:
    return {"joinedAt": one["from"], "leftAt": one["to"]}


def _amount(name: str, paise: int | None) -> dict[str, Any]:
    return {name: None if paise is None else rupees(paise), f"{name}Paise": paise}
