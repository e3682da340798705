"""The end that both say it has come to, what they have earned by it, and what each says of the other."""

from datetime import datetime

from konnect.errors import Conflict
from konnect.gamification import service as gamification
from konnect.gamification.policy import is_top_rated
from konnect.members import service as members
from konnect.store import Doc, Tx

from . import access, events, messages, policy, repository, service


def complete(tx: Tx, exchange_id: str, uid: str, *, now: datetime) -> Doc:
    """Say that it is complete, each side once; when both have, it is. Both then get points, and it counts for their
    badges. Again: the same.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (EXCHANGE_NOT_ACCEPTED,
    EXCHANGE_CLOSED).
    """
    # Both may say so at the same moment.
    tx.peek(("exchanges", exchange_id))
    exchange = access.of_participant(tx, exchange_id, uid)
    if uid in exchange["completedBy"] and exchange["status"] in policy.MET:
        return exchange
    exchange = access.going_on(tx, exchange_id, uid)
    said = {"completedBy": [*exchange["completedBy"], uid]}
    if len(said["completedBy"]) < 2:
        exchange = repository.update(tx, exchange, said, now=now)
        messages.to_confirm(tx, exchange, uid, now=now)
        events.updated(tx, exchange)
        return exchange
    tx.update(("exchanges", exchange_id), said)
    exchange = service.end(tx, {**exchange, **said}, "completed", "completed", by=uid, now=now)
    for one in sorted(exchange["participants"]):
        members.exchanged(tx, one, now)
        gamification.award(tx, one, "exchange_completed", exchange_id, is_here=one == uid, now=now)
        gamification.count(tx, one, "completedExchanges", now=now)
    messages.completed(tx, exchange, now=now)
    return exchange


def give_feedback(
    tx: Tx, exchange_id: str, uid: str, *, rating: int, comment: str, endorse: bool, now: datetime
) -> Doc:
    """Rate the other side of a completed exchange (1 to 5), once; `endorse` also says that they have the skill that
    they have taught. Who is rated well by enough people is top rated.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (EXCHANGE_NOT_COMPLETED,
    FEEDBACK_GIVEN).
    """
    exchange = access.of_participant(tx, exchange_id, uid)
    if exchange["status"] != "completed":
        raise Conflict("feedback is for a completed exchange", code="EXCHANGE_NOT_COMPLETED")
    if uid in exchange["feedback"]:
        raise Conflict("you have given your feedback", code="FEEDBACK_GIVEN")
    given = {"rating": rating, "comment": comment, "endorsed": endorse, "createdAt": now}
    exchange = repository.update(tx, exchange, {"feedback": {**exchange["feedback"], uid: given}}, now=now)
    rated = access.other(exchange, uid)
    member = members.rated(tx, rated, rating, now)
    of_all = member["exchangeRating"] if member is not None else {"count": 0, "average": 0}
    if is_top_rated(of_all["average"], of_all["count"]):
        gamification.earn_badge(tx, rated, "top_rated", now=now)
    if endorse:
        members.endorse(tx, rated, access.taught_by(exchange, rated), uid, now)
    messages.rated(tx, exchange, uid, now=now)
    events.updated(tx, exchange)
    return exchange
