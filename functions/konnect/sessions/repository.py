"""sessions/{id}, the claims on an expert and a user, and an expert's queue."""

from datetime import datetime
from typing import Any

from konnect.errors import Forbidden, NotFound
from konnect.money import rupees
from konnect.store import Database, Doc, Page, Query, Tx, page
from konnect.store.database import SERVER_TIME

from .metering import Meter, Pace, Tariff

SWEEP_SHARDS = 16
SWEEP_LIMIT = 200


def find(tx: Tx, session_id: str) -> Doc | None:
    session = tx.get("sessions", session_id)
    return None if session is None else {**session, "id": session_id}


def of_participant(db: Database, session_id: str, uid: str) -> Doc:
    """Raises NotFound for a session that is not there, Forbidden for one of others."""
    session = db.get("sessions", session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    if uid not in {session["userId"], session["expertUid"]}:
        raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
    return {**session, "id": session_id}


def listed(
    db: Database, field: str, uid: str, *, status: str | None, type: str | None, limit: int, cursor: str | None
) -> Page:
    """Sessions whose `field` (userId or expertUid) is `uid`, newest first."""
    query = Query(("sessions",), order=(("createdAt", "desc"),)).filter(field, "==", uid)
    if status:
        query = query.filter("status", "==", status)
    if type:
        query = query.filter("type", "==", type)
    return page(db, query, limit=limit, cursor=cursor)


def upcoming(db: Database, field: str, uid: str, *, type: str | None, limit: int, cursor: str | None) -> Page:
    """Booked sessions that have not begun, the next one first."""
    query = Query(("sessions",), order=(("scheduledAt", "asc"),)).filter(field, "==", uid)
    query = query.filter("status", "==", "confirmed")
    if type:
        query = query.filter("type", "==", type)
    return page(db, query, limit=limit, cursor=cursor)


def overdue(db: Database, before: datetime, cursor: str | None = None) -> Page:
    """Sessions whose next action should have happened, the longest overdue first."""
    query = Query(("sessions",), order=(("nextTickAt", "asc"),)).filter("shard", "in", list(range(SWEEP_SHARDS)))
    return page(db, query.filter("nextTickAt", "<", before), limit=SWEEP_LIMIT, cursor=cursor)


def is_booked(session: Doc) -> bool:
    """Whether this was booked for a time; the others are by the minute, also those that say nothing of it."""
    return session.get("mode") == "booked"


def is_offer(session: Doc) -> bool:
    """Whether this is a request by the minute that waits for the expert's acceptance."""
    return session["status"] == "pending" and not is_booked(session)


# The meter, as fields of the session


def meter_of(session: Doc, pace: Pace) -> Meter:
    return Meter(
        started_at=session["startedAt"],
        pace=pace,
        max_minutes=session["maxMinutes"],
        tariff=Tariff.of(session),
        next_minute=session["nextMinute"],
        charged=session["minutesCharged"],
        deferred=list(session["deferredMinutes"]),
        grace=list(session["graceMinutes"]),
        written_off=list(session["writtenOffMinutes"]),
        given_back=list(session["givenBackMinutes"]),
        grace_until=session["graceUntil"],
        user_absent_since=session["userAbsentSince"],
        expert_absent_since=session["expertAbsentSince"],
    )


def meter_fields(meter: Meter) -> Doc:
    charged_paise = meter.total_paise
    return {
        "nextMinute": meter.next_minute,
        "minutesCharged": meter.charged,
        "duration": meter.charged,
        "deferredMinutes": meter.deferred,
        "graceMinutes": meter.grace,
        "writtenOffMinutes": meter.written_off,
        "givenBackMinutes": meter.given_back,
        "graceUntil": meter.grace_until,
        "userAbsentSince": meter.user_absent_since,
        "expertAbsentSince": meter.expert_absent_since,
        "totalAmount": rupees(charged_paise),
        "totalAmountPaise": charged_paise,
    }


# Claims: what an expert or a user is busy with


def expert_claims(tx: Tx, expert_id: str) -> list[str]:
    return list((tx.get("claims", f"expert:{expert_id}") or {}).get("sessions", []))


def user_claim(tx: Tx, uid: str) -> str | None:
    return (tx.get("claims", f"user:{uid}") or {}).get("session")


def claim(tx: Tx, expert_id: str, uid: str, session_id: str) -> None:
    tx.set(("claims", f"expert:{expert_id}"), {"sessions": [*expert_claims(tx, expert_id), session_id]})
    tx.set(("claims", f"user:{uid}"), {"session": session_id})


def release(tx: Tx, expert_id: str, uid: str, session_id: str) -> None:
    left = [claimed for claimed in expert_claims(tx, expert_id) if claimed != session_id]
    if left:
        tx.set(("claims", f"expert:{expert_id}"), {"sessions": left})
    else:
        tx.delete(("claims", f"expert:{expert_id}"))
    tx.delete(("claims", f"user:{uid}"))


def claim_paths(expert_id: str, uid: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ("claims", f"expert:{expert_id}"), ("claims", f"user:{uid}")


# The queue: queues/{expert}/entries/{user}, ordered by commit time, then id


def queue_query(expert_id: str, limit: int) -> Query:
    return Query(("queues", expert_id, "entries"), order=(("joinedAt", "asc"), ("__name__", "asc")), limit=limit)


def entry(tx: Tx, expert_id: str, uid: str) -> Doc | None:
    return tx.get("queues", expert_id, "entries", uid)


def expired_entries(db: Database, now: datetime) -> list[Doc]:
    """Entries, of any queue, that have waited too long: {id: the user, expertId, …}."""
    return Query(("entries",), limit=SWEEP_LIMIT, group=True).filter("expiresAt", "<", now).run(db)


def queue_length(db: Database, expert_id: str) -> int:
    return Query(("queues", expert_id, "entries")).count(db)


def add_entry(tx: Tx, expert_id: str, uid: str, fields: dict[str, Any]) -> None:
    """At the end, or at the place that `fields` has as joinedAt."""
    tx.create(
        ("queues", expert_id, "entries", uid), {"joinedAt": SERVER_TIME, **fields, "userId": uid, "expertId": expert_id}
    )


def remove_entry(tx: Tx, expert_id: str, uid: str) -> None:
    tx.delete(("queues", expert_id, "entries", uid))
