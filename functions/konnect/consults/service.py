"""Asking for a consult, and making one longer: each holds its price and takes the consultant's time at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from konnect import clock, idempotency
from konnect.calendar import service as calendar
from konnect.calendar.service import SlotTaken
from konnect.errors import BadRequest, Conflict, Forbidden
from konnect.experts import preferences
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.ledger import service as ledger
from konnect.money import inr, rupees
from konnect.platform import PlatformConfig
from konnect.sessions import claims
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import access, attendance, course, events, messages, policy, repository, schedule, settlement


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `price_paise`: the price that the client showed, None if it sent none. `consult_id`: of the
    consult, if it is a new one."""

    uid: str
    consultant_id: str
    type: Literal["chat", "call", "video"]
    minutes: int
    price_paise: int | None
    consult_id: str


def start(
    tx: Tx, wanted: Wanted, *, key: idempotency.Key | None, config: PlatformConfig, pace: Pace, now: datetime
) -> Doc:
    """Reserve the consultant and hold the price. The same again, while the consult is pending, answers that one.

    Raises NotFound (EXPERT_NOT_FOUND), BadRequest (consultantId: oneself; durationMinutes), Forbidden
    (ACCOUNT_DISABLED), Conflict (ALREADY_IN_SESSION, EXPERT_BUSY, BOOKED_SOON, NOT_ACCEPTING_CONSULTS, PRICE_CHANGED),
    PaymentRequired.
    """
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return access.find(tx, answered["consultId"])
    tx.prefetch(
        ("experts", wanted.consultant_id),
        ("expertsByUid", wanted.uid),
        ("users", wanted.uid),
        *claims.paths(wanted.consultant_id, wanted.uid),
    )
    identity.require_open(tx, wanted.uid)
    consult = _same(tx, wanted) or _create(tx, wanted, config, pace, now)
    idempotency.record(tx, key, {"consultId": consult["id"]}, now=now)
    return consult


def _same(tx: Tx, wanted: Wanted) -> Doc | None:
    """The consult that this very request has made before, while nobody has accepted it or it has not begun."""
    claimed = claims.of_user(tx, wanted.uid)
    consult = repository.find(tx, claimed) if claimed else None
    if consult is None or consult["status"] != "pending":
        return None
    asked = {"expertId": wanted.consultant_id, "durationMinutes": wanted.minutes, "type": wanted.type}
    if not asked.items() <= consult.items():
        return None
    # Its price was frozen; whoever has been shown another must hear of it.
    _price(consult["pricePerMinPaise"], wanted.minutes, wanted.price_paise)
    schedule.pending(tx, consult)
    return consult


def _create(tx: Tx, wanted: Wanted, config: PlatformConfig, pace: Pace, now: datetime) -> Doc:
    expert = experts.get(tx, wanted.consultant_id)
    if expert["firebaseUid"] == wanted.uid:
        raise BadRequest.field("consultantId", "you can't consult yourself")
    expert_uid = _open_to_consults(tx, expert)
    _check_length("durationMinutes", wanted.minutes, config)
    price_paise = _price(expert["pricePerMinPaise"], wanted.minutes, wanted.price_paise)
    claims.take(tx, expert["id"], expert_uid, wanted.uid, wanted.consult_id, config=config)
    wait_mins = min(config.noShowMins, wanted.minutes)
    expires_at = now + schedule.length(policy.ACCEPT_MINS, pace)
    # As long as it may last, should the consultant accept in the last moment, and one of them come in the last moment.
    latest = expires_at + schedule.length(wait_mins + wanted.minutes, pace)
    consult: Doc = {
        "userId": wanted.uid,
        "userName": (tx.get("users", wanted.uid) or {}).get("name") or "User",
        "expertId": expert["id"],
        "expertUid": expert_uid,
        "expertName": expert["name"],
        "type": wanted.type,
        "status": "pending",
        "pricePerMin": rupees(expert["pricePerMinPaise"]),
        "pricePerMinPaise": expert["pricePerMinPaise"],
        "durationMinutes": wanted.minutes,
        "price": rupees(price_paise),
        "pricePaise": price_paise,
        "heldPaise": 0,
        "extensions": 0,
        "waitMins": wait_mins,
        "bufferMins": config.bookingBufferMins,
        "userJoined": False,
        "expertJoined": False,
        **attendance.NOTHING,
        **dict.fromkeys(("acceptedAt", "startedAt", "endsAt", "endedAt", "endReason", "endedBy", "seconds")),
        **dict.fromkeys(("amount", "amountPaise", "refundedAmount", "refundedAmountPaise")),
        "warnAt": [],
        "expiresAt": expires_at,
        "reservedFrom": now,
        "reservedUntil": None,
        "shard": int(ledger.shard_of(wanted.consult_id)),
        "nextTickAt": expires_at,
        "createdAt": now,
        "updatedAt": now,
    }
    consult |= _reserved(tx, {**consult, "id": wanted.consult_id}, latest, pace, now)
    tx.create(("consults", wanted.consult_id), consult)
    terms = {
        "platformFeePercent": config.platformFeePercent,
        "userNoShowChargePercent": config.userNoShowChargePercent,
    }
    tx.create(repository.terms_path(wanted.consult_id), terms)
    consult = {**consult, "id": wanted.consult_id}
    tx.peek(("wallets", wanted.uid))
    settlement.hold(tx, consult, price_paise, 0, now=now)
    messages.requested(tx, consult, now=now)
    events.updated(tx, consult)
    schedule.pending(tx, consult)
    return {**consult, "heldPaise": price_paise}


def extend(
    tx: Tx,
    consult_id: str,
    uid: str,
    minutes: int,
    *,
    price_paise: int | None,
    key: idempotency.Key | None,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """The user makes an active consult longer, at its own rate. Without a key each call does.

    Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), BadRequest (minutes), Conflict
    (CONSULT_NOT_ACTIVE, CONSULT_ENDED, BOOKED_SOON, PRICE_CHANGED), PaymentRequired.
    """
    answered = idempotency.replay(tx, key, now=now)
    tx.peek(("consults", consult_id))
    consult = access.find(tx, consult_id)
    if consult["userId"] != uid:
        raise Forbidden("only the user makes a consult longer", code="NOT_A_PARTICIPANT")
    if answered is not None:
        if consult["status"] in repository.OPEN:
            schedule.pending(tx, consult)
        return consult
    if consult["status"] == "pending":
        raise access.not_active()
    if consult["status"] != "active" or schedule.over(consult, pace)[0] <= now:
        raise access.ended(consult)
    whole = consult["durationMinutes"] + minutes
    _check_length("minutes", whole, config)
    amount_paise = _price(consult["pricePerMinPaise"], minutes, price_paise)
    ends_at = consult["endsAt"] + schedule.length(minutes, pace)
    number = consult["extensions"] + 1
    total_paise = consult["pricePaise"] + amount_paise
    fields: Doc = {
        "durationMinutes": whole,
        "extensions": number,
        "price": rupees(total_paise),
        "pricePaise": total_paise,
        "endsAt": ends_at,
        "warnAt": schedule.warn_at(ends_at, pace, now),
        **_reserved(tx, consult, ends_at, pace, now),
    }
    tx.peek(("wallets", uid))
    settlement.hold(tx, consult, amount_paise, number, now=now)
    after = {**consult, **fields, "heldPaise": consult["heldPaise"] + amount_paise}
    fields["nextTickAt"] = after["nextTickAt"] = schedule.next_action_at(after, pace)
    tx.update(("consults", consult_id), {**fields, "updatedAt": now})
    schedule.pending(tx, after)
    events.updated(tx, after)
    idempotency.record(tx, key, {"consultId": consult_id}, now=now)
    return after


def _open_to_consults(tx: Tx, expert: Doc) -> str:
    """The uid of a consultant who can be asked."""
    uid: str | None = expert["firebaseUid"]
    # Read here too, so that an account that is being closed is not asked meanwhile.
    if uid is None or identity.is_closed(tx, uid):
        raise Conflict("the consultant takes no consults", code="NOT_ACCEPTING_CONSULTS")
    if preferences.of(expert)["onBreak"]:
        raise Conflict("the consultant is on a break", code="EXPERT_BUSY")
    return uid


def _check_length(field: str, minutes: int, config: PlatformConfig) -> None:
    longest = min(config.maxSessionDurationMins, policy.LONGEST_MINS)
    if not policy.SHORTEST_MINS <= minutes <= longest:
        whole = "" if field == "durationMinutes" else "must leave the consult "
        raise BadRequest.field(field, f"{whole or 'must be '}from {policy.SHORTEST_MINS} to {longest} minutes")


def _price(rate_paise: int, minutes: int, shown_paise: int | None) -> int:
    """In paise. Raises Conflict (PRICE_CHANGED) if the client has shown another."""
    price_paise = policy.price(rate_paise, minutes)
    if shown_paise is not None and shown_paise != price_paise:
        raise Conflict(
            f"the price is {inr(price_paise)}",
            code="PRICE_CHANGED",
            details=[{"price": rupees(price_paise), "pricePerMin": rupees(rate_paise)}],
        )
    return price_paise


def _reserved(tx: Tx, consult: Doc, ends_at: datetime, pace: Pace, now: datetime) -> Doc:
    people = (consult["userId"], consult["expertUid"])
    tx.peek(*calendar.paths(people, consult["reservedFrom"], ends_at))
    try:
        return course.reserve(tx, consult, ends_at, pace, now)
    except SlotTaken as taken:
        whose = "you have" if taken.uid == consult["userId"] else "the consultant has"
        details = [{"from": clock.iso(taken.by.begins), "to": clock.iso(taken.by.ends)}]
        raise Conflict(f"{whose} a booking too soon for that", code="BOOKED_SOON", details=details) from taken
