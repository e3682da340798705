"""An exchange, for its two, and what it is refused by."""

from konnect.errors import Conflict, Forbidden
from konnect.members import service as members
from konnect.store import Doc, Tx

from . import repository


def of_participant(tx: Tx, exchange_id: str, uid: str) -> Doc:
    """Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    exchange = repository.find(tx, exchange_id)
    if uid not in exchange["participants"]:
        raise not_a_participant()
    return exchange


def going_on(tx: Tx, exchange_id: str, uid: str) -> Doc:
    """The same of one that both have agreed to, and that has not ended. Raises also Conflict (EXCHANGE_NOT_ACCEPTED,
    EXCHANGE_CLOSED)."""
    exchange = of_participant(tx, exchange_id, uid)
    if exchange["acceptedAt"] is None and exchange["status"] in ("open", "pending"):
        raise not_accepted()
    if exchange["status"] != "accepted":
        raise closed(exchange)
    return exchange


def readable(tx: Tx, exchange_id: str, uid: str, *, is_admin: bool) -> Doc:
    """What `uid` may see: their own, and open offers, which are everybody's, unless of somebody who was suspended;
    admins see all. Raises as `of_participant`."""
    exchange = repository.find(tx, exchange_id)
    if is_admin or uid in exchange["participants"]:
        return exchange
    if exchange["status"] != "open":
        raise not_a_participant()
    if (members.get(tx, exchange["requesterId"]) or {}).get("status") != "active":
        raise repository.not_found()
    return exchange


def other(exchange: Doc, uid: str) -> str:
    """The participant who is not `uid`."""
    return next(one for one in exchange["participants"] if one != uid)


def taught_by(exchange: Doc, uid: str) -> str:
    """The skill that `uid` brings into it."""
    return str(exchange["offeredSkill"] if uid == exchange["requesterId"] else exchange["requestedSkill"])


def not_a_participant() -> Forbidden:
    return Forbidden("you are not in this exchange", code="NOT_A_PARTICIPANT")


def not_accepted() -> Conflict:
    return Conflict("the exchange is not accepted", code="EXCHANGE_NOT_ACCEPTED")


def closed(exchange: Doc) -> Conflict:
    details = [{"status": exchange["status"], "endReason": exchange["endReason"]}]
    return Conflict(f"the exchange is {exchange['status']}", code="EXCHANGE_CLOSED", details=details)
