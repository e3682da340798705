"""Asking for a session and its start (design, "A per-minute session")."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect import clock
from konnect.errors import BadRequest, Conflict
from konnect.experts import preferences
from konnect.experts import service as experts
from konnect.identity import service as identity
from konnect.ledger import service as ledger
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.realtime import user_room
from konnect.store import Doc, Tx

from . import billing, intro, offers, queue, repository, room, schedule, service
from .metering import Meter, Pace, Tariff

SessionType = Literal["chat", "call", "video"]


@dataclass(frozen=True)
class Requested:
    """Exactly one of: the session (started now, or running already), or waiting: in the queue, or with `offer`, for the
    expert to accept it."""

    session: Doc | None
    waiting: bool
    offer: Doc | None = None


def request(
    tx: Tx,
    *,
    uid: str,
    name: str,
    expert_id: str,
    type: SessionType,
    session_id: str,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Requested:
    """Start a session if the expert is free and nobody waits (or offer it, to an expert who accepts by hand), else join
    the queue. One may wait for several experts; the first turn that comes while one is in a session elsewhere is lost.
    Asking again changes nothing.

    Who is booked soon counts as busy, and a session ends before either side is booked. Raises NotFound
    (EXPERT_NOT_FOUND), BadRequest (oneself), Conflict (EXPERT_OFFLINE, ALREADY_IN_SESSION, BOOKED_SOON, QUEUE_FULL),
    Forbidden (ACCOUNT_DISABLED), PaymentRequired when the wallet does not cover the first minute.
    """
    tx.prefetch(("experts", expert_id), ("users", uid), ("wallets", uid), *repository.claim_paths(expert_id, uid))
    identity.require_open(tx, uid)
    expert = experts.get(tx, expert_id)
    if expert["firebaseUid"] == uid:
        raise BadRequest.field("expertId", "you can't start a session with yourself")
    claimed = repository.user_claim(tx, uid)
    if claimed is not None:
        return _again(tx, claimed, expert_id, pace)
    if not expert["available"]:
        raise Conflict("the expert is offline", code="EXPERT_OFFLINE")
    own_minutes = check_room(tx, uid, config, pace, now)
    minutes, _ = room.of(tx, expert["firebaseUid"], config=config, pace=pace, now=now)
    is_busy = minutes < 1 or _is_busy(tx, expert, config)
    config = room.capped(config, min(minutes, own_minutes))
    check_covered(tx, uid, intro.tariff(tx, uid, expert, config))
    if repository.entry(tx, expert_id, uid) is not None:
        if not is_busy:
            schedule.advance(tx, expert_id, f"asked:{session_id}")
        return Requested(None, waiting=True)
    if is_busy:
        queue.join(tx, expert_id, uid, name, type, now=now)
        return Requested(None, waiting=True)
    if tx.query(repository.queue_query(expert_id, 1)):
        # Free, but others wait: behind them, and make sure that somebody looks after the queue.
        queue.join(tx, expert_id, uid, name, type, now=now)
        schedule.advance(tx, expert_id, session_id)
        return Requested(None, waiting=True)
    made = take(tx, expert, uid=uid, name=name, type=type, session_id=session_id, config=config, pace=pace, now=now)
    if repository.is_offer(made):
        return Requested(None, waiting=True, offer=made)
    return Requested(made, waiting=False)


def take(
    tx: Tx,
    expert: Doc,
    *,
    uid: str,
    name: str,
    type: SessionType,
    session_id: str,
    entry: Doc | None = None,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """It is this user's turn: start a session, or offer it to an expert who accepts by hand. `entry`: the place in the
    queue that the user had. The caller has checked that the wallet covers the first minute."""
    if not preferences.of(expert)["acceptsByHand"]:
        return start(
            tx, expert, uid=uid, name=name, type=type, session_id=session_id, config=config, pace=pace, now=now
        )
    session = _new(tx, session_id, expert, uid, name, type, config, pace, now)
    return offers.make(tx, session_id, session, entry=entry, config=config, pace=pace, now=now)


def start(
    tx: Tx,
    expert: Doc,
    *,
    uid: str,
    name: str,
    type: SessionType,
    session_id: str,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """Claim both sides, charge minute 0 and schedule minute 1, in one transaction. Price and fee are frozen here."""
    session = {
        **_new(tx, session_id, expert, uid, name, type, config, pace, now),
        "status": "in_progress",
        "startedAt": now,
    }
    tx.create(("sessions", session_id), session)
    tx.create(("sessions", session_id, "private", "terms"), {"platformFeePercent": config.platformFeePercent})
    repository.claim(tx, expert["id"], uid, session_id)
    return begin(tx, {**session, "id": session_id}, pace=pace, now=now)


def begin(tx: Tx, session: Doc, *, pace: Pace, now: datetime) -> Doc:
    """The session begins now: its first minute is charged, the second scheduled, both are told."""
    session_id, uid, expert_uid = session["id"], session["userId"], session["expertUid"]
    tx.prefetch(("presence", uid), ("presence", expert_uid), ("experts", session["expertId"]), (intro.COLLECTION, uid))
    meter = repository.meter_of(session, pace)
    intro.use(tx, uid, session_id, now=now)
    billing.catch_up(tx, session, meter, now)
    assert meter.charged == 1, "the caller has checked that the wallet covers the first minute"
    # Somebody may have left between asking and now: absent from the start, and not for ever.
    meter.user_absent_since = None if presence.is_present(tx, uid) else now
    meter.expert_absent_since = None if presence.is_present(tx, expert_uid) else now
    schedule.pending(tx, session, meter)
    expert = {**(tx.get("experts", session["expertId"]) or {}), "id": session["expertId"]}
    started = {
        "chatId": session_id,
        "type": session["type"],
        **prices(session),
        "startedAt": clock.iso(now),
    }
    tx.emit(user_room(uid), "chat-started", {**started, "expert": experts.public_view(expert)})
    tx.emit(user_room(expert_uid), "chat-started", {**started, "user": {"id": uid, "name": session["userName"]}})
    service.save(tx, session, meter, now)
    return {**session, **(tx.get("sessions", session_id) or {})}


def check_covered(tx: Tx, uid: str, tariff: Tariff) -> None:
    """Raises PaymentRequired unless the wallet covers the first minute."""
    price_paise, available_paise = tariff.price_of(0), ledger.available(tx, uid)
    if available_paise < price_paise:
        raise ledger.insufficient(price_paise, available_paise)


def check_room(tx: Tx, uid: str, config: PlatformConfig, pace: Pace, now: datetime) -> int:
    """The minutes that a user has until the next booking. Raises Conflict (BOOKED_SOON) for less than one."""
    minutes, booking = room.of(tx, uid, config=config, pace=pace, now=now)
    if minutes < 1 and booking is not None:
        at = clock.iso(booking.begins)
        raise Conflict(f"you are booked at {at}", code="BOOKED_SOON", details=[{"scheduledAt": at}])
    return minutes


def prices(session: Doc) -> dict[str, Any]:
    """What a session costs, for the events that announce it; an introductory price only where there is one."""
    shown: dict[str, Any] = {"pricePerMin": session["pricePerMin"]}
    if session["freeMinutes"] or session["promotionalMinutes"]:
        shown |= {name: session[name] for name in ("freeMinutes", "promotionalMinutes", "promotionalPricePerMin")}
    return shown


def _again(tx: Tx, claimed: str, expert_id: str, pace: Pace) -> Requested:
    """A request by somebody who is claimed by `claimed`. A repeat schedules again what a crash may have left out."""
    session = repository.find(tx, claimed)
    if session is None or session["expertId"] != expert_id or repository.is_booked(session):
        raise Conflict("you are in a session already, or have asked for one", code="ALREADY_IN_SESSION")
    if repository.is_offer(session):
        schedule.acceptance(tx, session)
        return Requested(None, waiting=True, offer=session)
    schedule.pending(tx, session, repository.meter_of(session, pace))
    return Requested(session, waiting=False)


def _new(
    tx: Tx,
    session_id: str,
    expert: Doc,
    uid: str,
    name: str,
    type: SessionType,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """A session that has not begun. Its price is what it is now."""
    tariff = intro.tariff(tx, uid, expert, config)
    meter = Meter(now, pace, config.maxSessionDurationMins, tariff)
    return {
        "userId": uid,
        "userName": name,
        "expertId": expert["id"],
        "expertUid": expert["firebaseUid"],
        "expertName": expert["name"],
        "type": type,
        "mode": "perMinute",
        "maxMinutes": config.maxSessionDurationMins,
        "bufferMins": config.bookingBufferMins,
        "startedAt": None,
        "createdAt": now,
        "updatedAt": now,
        "endedAt": None,
        "endReason": None,
        "warning": None,
        "heldPaise": 0,
        "shard": int(ledger.shard_of(session_id)),
        **tariff.fields(),
        **repository.meter_fields(meter),
    }


def _is_busy(tx: Tx, expert: Doc, config: PlatformConfig) -> bool:
    """With as many as the platform allows, or on a break."""
    busy = len(repository.expert_claims(tx, expert["id"])) >= config.maxSessionsPerMentor
    return busy or preferences.of(expert)["onBreak"]
