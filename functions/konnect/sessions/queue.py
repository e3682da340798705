"""Waiting for an expert: join, leave, positions, and who is next."""

from datetime import datetime
from typing import Any

from konnect import clock, ids
from konnect.errors import Conflict, PaymentRequired
from konnect.experts import preferences
from konnect.identity import service as identity
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.realtime import user_room
from konnect.store import Database, Doc, Emit, Query, Tx

from . import intro, repository, requests, room, schedule, service, waits
from .metering import Pace

LONGEST = 200
WAIT_S = 2 * 3600
"""Who has waited this long is taken out: an entry is a state that waits, so it has an expiry."""


def join(tx: Tx, expert_id: str, uid: str, name: str, type: str, *, now: datetime) -> None:
    """Wait for an expert. Raises Conflict (QUEUE_FULL); the limit is counted without a lock, so it is approximate."""
    if repository.queue_length(tx.db, expert_id) >= LONGEST:
        raise Conflict("too many are waiting for this expert; please try later", code="QUEUE_FULL")
    repository.add_entry(tx, expert_id, uid, {"userName": name, "type": type, "expiresAt": clock.after(now, WAIT_S)})


def leave(tx: Tx, expert_id: str, uid: str, *, now: datetime) -> bool:
    """Leave the queue, or withdraw what the expert is asked to accept; False if one was not waiting."""
    if repository.entry(tx, expert_id, uid) is not None:
        repository.remove_entry(tx, expert_id, uid)
        return True
    claimed = repository.user_claim(tx, uid)
    session = repository.find(tx, claimed) if claimed else None
    if session is None or session["expertId"] != expert_id or not repository.is_offer(session):
        return False
    service.cancel(tx, session, "user-cancelled", now)
    return True


def expire(tx: Tx, *, entry: Doc, now: datetime) -> bool:
    """Take out somebody who has waited too long, as `entry` was found. Returns whether the queue changed."""
    found = repository.entry(tx, entry["expertId"], entry["id"])
    if found is None or found["expiresAt"] > now:
        return False
    repository.remove_entry(tx, entry["expertId"], entry["id"])
    _tell_removed(tx, entry["expertId"], entry["id"], "expired")
    return True


def _tell_removed(tx: Tx, expert_id: str, uid: str, reason: str) -> None:
    removed: dict[str, Any] = {"expertId": expert_id, "position": 0, "reason": reason}
    tx.emit(user_room(uid), "queue-status", removed)


def waiting(db: Database, expert_id: str) -> list[Doc]:
    """The queue in order."""
    return repository.queue_query(expert_id, LONGEST).run(db)


def position(db: Database, expert_id: str, uid: str) -> int | None:
    """One's place in the queue, from 1; None if one is not in it."""
    entries = [entry["id"] for entry in waiting(db, expert_id)]
    return entries.index(uid) + 1 if uid in entries else None


def place(db: Database, expert_id: str, uid: str, *, config: PlatformConfig, now: datetime) -> dict[str, Any] | None:
    """One's place as the events carry it: {expertId, position, estimatedWaitS}; None if one is not in the queue."""
    found = position(db, expert_id, uid)
    if found is None:
        return None
    return _place(expert_id, found, waits.outlook(db, expert_id, config=config, now=now))


def positions(db: Database, expert_id: str, *, config: PlatformConfig, now: datetime) -> list[Emit]:
    """The events that tell everybody who waits their place."""
    entries = waiting(db, expert_id)
    if not entries:
        return []
    outlook = waits.outlook(db, expert_id, config=config, now=now)
    return [
        Emit(user_room(entry["id"]), "queue-status", _place(expert_id, number, outlook))
        for number, entry in enumerate(entries, start=1)
    ]


def _place(expert_id: str, number: int, outlook: waits.Outlook) -> dict[str, Any]:
    return {"expertId": expert_id, "position": number, "estimatedWaitS": outlook.wait_s(number)}


def start_next(tx: Tx, expert_id: str, *, config: PlatformConfig, pace: Pace, now: datetime) -> bool:
    """Start the first who can be started (or offer them, to an expert who accepts by hand); those before who can't
    (gone, busy elsewhere, wallet empty, waited too long) lose their place and are told why. Returns whether the queue
    changed."""
    found = tx.get("experts", expert_id)
    if found is None or not found["available"] or preferences.of(found)["onBreak"]:
        return False
    if len(repository.expert_claims(tx, expert_id)) >= config.maxSessionsPerMentor:
        return False
    expert = {**found, "id": expert_id}
    minutes, _ = room.of(tx, expert["firebaseUid"], config=config, pace=pace, now=now)
    if minutes < 1:
        return False
    changed = False
    for entry in tx.query(repository.queue_query(expert_id, 10)):
        uid = entry["id"]
        repository.remove_entry(tx, expert_id, uid)
        changed = True
        own_minutes, _ = room.of(tx, uid, config=config, pace=pace, now=now)
        reason = _obstacle(tx, entry, expert, config, now) or ("booked" if own_minutes < 1 else None)
        if reason is not None:
            _tell_removed(tx, expert_id, uid, reason)
            continue
        requests.take(
            tx,
            expert,
            uid=uid,
            name=entry["userName"],
            type=entry["type"],
            # Who is offered again has the same place and another session.
            session_id=ids.digest("queued", expert_id, uid, entry["joinedAt"].isoformat(), entry.get("offers", 0)),
            entry=entry,
            config=room.capped(config, min(minutes, own_minutes)),
            pace=pace,
            now=now,
        )
        break
    if changed:
        # There may be more to take, or (with several sessions at a time) another place to fill.
        schedule.advance(tx, expert_id, f"more:{now.isoformat()}")
    return changed


def _obstacle(tx: Tx, entry: Doc, expert: Doc, config: PlatformConfig, now: datetime) -> str | None:
    uid = entry["id"]
    if entry["expiresAt"] <= now:
        return "expired"
    tx.prefetch(("claims", f"user:{uid}"), ("presence", uid), ("wallets", uid), ("users", uid))
    if repository.user_claim(tx, uid) is not None:
        return "in-session"
    if not presence.is_present(tx, uid) or identity.is_closed(tx, uid):
        return "absent"
    try:
        requests.check_covered(tx, uid, intro.tariff(tx, uid, expert, config))
    except PaymentRequired:
        return "insufficient-balance"
    return None


def experts_with_queues(db: Database) -> list[str]:
    """Experts with people waiting, for the sweep: of the oldest entries, which expire, so that all get their turn."""
    query = Query(("entries",), order=(("joinedAt", "asc"),), limit=2_000, group=True, fields=("expertId", "joinedAt"))
    return sorted({entry["expertId"] for entry in query.run(db)})
