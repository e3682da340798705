"""What both are notified of; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.money import inr, rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.sessions.metering import Side
from konnect.store import Doc, Tx

# Why it has not taken place: to the user, to the consultant.
_REASONS = {
    "not-accepted": ("it was not accepted in time", "you have not accepted it in time"),
    "user-cancelled": ("you have withdrawn it", "it was withdrawn"),
    "declined": ("it was declined", "you have declined it"),
    "admin-ended": ("the platform has ended it", "the platform has ended it"),
    "expert-no-show": ("the consultant did not come", "you were not there"),
    "user-no-show": ("you were not there", "the user did not come"),
    "not-started": ("you have missed each other", "you have missed each other"),
}


def requested(tx: Tx, consult: Doc, *, now: datetime) -> None:
    until = clock.in_india(consult["expiresAt"])
    text = f"{consult['userName']} asks for a consult of {consult['durationMinutes']} minutes. Accept it until {until}."
    _tell(tx, consult, "expert", "consult_requested", "You are asked for a consult", text, {}, now)


def accepted(tx: Tx, consult: Doc, *, now: datetime) -> None:
    text = f"{consult['expertName']} has accepted your consult. Please join it now."
    _tell(tx, consult, "user", "consult_accepted", "Your consult is accepted", text, {}, now)


def ended(tx: Tx, consult: Doc, share_paise: int, *, now: datetime) -> None:
    """Of a consult that has taken place its receipt in short; of another why not, and what became of the money."""
    paid_paise, back_paise = consult["amountPaise"], consult["refundedAmountPaise"]
    charged = f" {inr(paid_paise)} was charged." if paid_paise else ""
    returned = f" {inr(back_paise)} is back in your wallet." if back_paise else ""
    earning = f" You have earned {inr(share_paise)}." if share_paise else ""
    data = {"reason": consult["endReason"], "seconds": consult["seconds"]}
    type: Type
    if consult["startedAt"] is not None:
        type, title = "consult_completed", "Your consult has ended"
        minutes, seconds = divmod(consult["seconds"], 60)
        said = dict.fromkeys(("user", "expert"), f"You were together for {minutes} min {seconds} s.")
    else:
        type, title = "consult_cancelled", "A consult has not taken place"
        to_user, to_expert = _REASONS[consult["endReason"]]
        said = {
            "user": f"Your consult with {consult['expertName']}: {to_user}.",
            "expert": f"The consult with {consult['userName']}: {to_expert}.",
        }
    for_user, for_expert = {**data, "refundAmount": rupees(back_paise)}, {**data, "earning": rupees(share_paise)}
    _tell(tx, consult, "user", type, title, said["user"] + charged + returned, for_user, now)
    _tell(tx, consult, "expert", type, title, said["expert"] + earning, for_expert, now)


def _tell(
    tx: Tx, consult: Doc, side: Side, type: Type, title: str, body: str, data: dict[str, Any], now: datetime
) -> None:
    about: dict[str, Any] = {
        "consultId": consult["id"],
        "side": side,
        "with": consult["expertName"] if side == "user" else consult["userName"],
        "duration": consult["durationMinutes"],
        "price": consult["price"],
        "expiresAt": clock.iso(consult["expiresAt"]),
        **data,
    }
    uid = consult["userId"] if side == "user" else consult["expertUid"]
    notifications.notify(tx, uid, type, about=(consult["id"],), title=title, body=body, data=about, now=now)
