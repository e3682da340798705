"""What both sides of a sale are notified of; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any

from konnect.money import inr, rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.store import Doc, Tx


def peek(tx: Tx, purchase: Doc, *about: str, types: tuple[Type, Type]) -> None:
    """Read without locks what telling both sides reads: those who come at once would wait for each other."""
    for uid, type in zip((purchase["userId"], purchase["educatorUid"]), types, strict=True):
        tx.peek(*notifications.paths(uid, type, (purchase["id"], *about)))


def sold(tx: Tx, purchase: Doc, *, now: datetime) -> None:
    """To the learner what was paid, to the educator what was earned."""
    price, title = inr(purchase["pricePaise"]), purchase["courseTitle"]
    text = f"“{title}” is yours: {price} paid. You can begin at once."
    _tell(tx, purchase, purchase["userId"], "course_purchased", "Your course is ready", text, {}, now)
    text = f"Somebody has bought “{title}”. You have earned {inr(purchase['educatorPaise'])}."
    earned = {"earning": rupees(purchase["educatorPaise"])}
    _tell(tx, purchase, purchase["educatorUid"], "course_sold", "You have sold a course", text, earned, now)


def refunded(
    tx: Tx, purchase: Doc, refund_id: str, amount_paise: int, educator_paise: int, *, closed: bool, now: datetime
) -> None:
    """`closed`: all of it is back, and the course with it."""
    title = purchase["courseTitle"]
    where = "in your wallet" if purchase["source"] == "wallet" else "on the way to where you paid from"
    text = f"{inr(amount_paise)} for “{title}” are {where}."
    if closed:
        text += " The course is closed for you."
    back = {"refundAmount": rupees(amount_paise), "refundId": refund_id}
    _tell(tx, purchase, purchase["userId"], "course_refunded", "A course was refunded", text, back, now, refund_id)
    text = f"A purchase of “{title}” was refunded: {inr(educator_paise)} are taken back from your earnings."
    _tell(tx, purchase, purchase["educatorUid"], "course_refunded", "A course was refunded", text, back, now, refund_id)


def paid_back(tx: Tx, purchase: Doc, payment_id: str, amount_paise: int, *, now: datetime) -> None:
    """To the learner alone: nothing was sold."""
    text = f"Your {inr(amount_paise)} for “{purchase['courseTitle']}” could not be used, and are on their way back."
    back = {"refundAmount": rupees(amount_paise)}
    _tell(tx, purchase, purchase["userId"], "course_refunded", "A payment goes back", text, back, now, payment_id)


def _tell(
    tx: Tx,
    purchase: Doc,
    uid: str,
    type: Type,
    title: str,
    body: str,
    data: dict[str, Any],
    now: datetime,
    *about: str,
) -> None:
    side = "user" if uid == purchase["userId"] else "expert"
    shown: dict[str, Any] = {
        "courseId": purchase["courseId"],
        "course": purchase["courseTitle"],
        "purchaseId": purchase["id"],
        "side": side,
        "price": purchase["price"],
        **data,
    }
    notifications.notify(tx, uid, type, about=(purchase["id"], *about), title=title, body=body, data=shown, now=now)
