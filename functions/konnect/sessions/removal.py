"""Removing an expert: only once nothing is open with them. Ledger, sessions and reviews stay."""

from datetime import datetime
from typing import Any

from konnect import audit
from konnect.errors import Conflict, NotFound
from konnect.experts import roles, standing
from konnect.experts import service as experts
from konnect.platform import PlatformConfig
from konnect.realtime import user_room
from konnect.store import Doc, Query, Tx
from konnect.tasks import Task
from konnect.wallet import deletion as wallet

from . import queue, repository, waits

OPEN = ("pending", "confirmed", "in_progress")
OPEN_MONEY = {"WITHDRAWAL_PENDING", "EARNINGS_DUE", "DEBT_OPEN"}


def remove(tx: Tx, expert_id: str, *, by: str, config: PlatformConfig, now: datetime) -> str | None:
    """Take an expert off every list, and their profile away; who waits for them is told. What their reviews and
    sessions have come to is kept, for when they come back (standing.restore).

    Returns the account's uid, if there is one. Raises NotFound (EXPERT_NOT_FOUND), Conflict (EXPERT_BUSY: a session or
    a booking is open; MONEY_OPEN: a withdrawal is on its way, a payout is due, or they owe something).
    """
    tx.prefetch(("experts", expert_id), ("claims", f"expert:{expert_id}"))
    expert = tx.get("experts", expert_id)
    if expert is None:
        raise NotFound("there is no such expert", code="EXPERT_NOT_FOUND")
    uid: str | None = expert["firebaseUid"]
    open_sessions = _open_sessions(tx, expert_id) or _open_bookings(tx, expert_id) or _open_classes(tx, expert_id)
    if open_sessions:
        raise Conflict("a session with this expert is open", code="EXPERT_BUSY", details=open_sessions)
    if uid is not None:
        open_money = _open_money(tx, uid, now)
        if open_money:
            raise Conflict("money of this expert is on its way", code="MONEY_OPEN", details=open_money)
    waiting = tx.query(repository.queue_query(expert_id, queue.LONGEST))
    experts.set_available(tx, expert_id, False, config, now=now)
    for entry in waiting:
        repository.remove_entry(tx, expert_id, entry["id"])
        left: dict[str, Any] = {"expertId": expert_id, "position": 0, "reason": "absent"}
        tx.emit(user_room(entry["id"]), "queue-status", left)
    tx.set(("removedExperts", expert_id), {**standing.keep(expert), "removedAt": now, "removedBy": by})
    tx.delete(("experts", expert_id))
    tx.delete(("experts", expert_id, "private", "onboarding"))
    waits.forget(tx, expert_id)
    # What students have paid for and can't book any more goes back.
    tx.enqueue(Task("/packages/close-sold", ("close-packages", expert_id, now.isoformat()), {"mentorId": expert_id}))
    if uid is not None:
        tx.delete(("expertsByUid", uid))
        roles.schedule_taking(tx, expert_id, uid, now=now)
    before = {"name": expert["name"], "mentorStatus": expert["mentorStatus"], "firebaseUid": uid}
    audit.write(tx, actor=by, action="expert.delete", target=f"experts/{expert_id}", before=before, now=now)
    return uid


def _open_sessions(tx: Tx, expert_id: str) -> list[Doc]:
    claimed = repository.expert_claims(tx, expert_id)
    if not claimed:
        query = Query(("sessions",), limit=1).filter("expertId", "==", expert_id).filter("status", "in", list(OPEN))
        claimed = [session["id"] for session in tx.query(query)]
    return [{"sessionId": session_id, "message": "end or cancel it first"} for session_id in claimed]


def _open_bookings(tx: Tx, expert_id: str) -> list[Doc]:
    """Of the bookings that mentors have beside sessions, whose domain stands above this one."""
    query = Query(("bookings",), limit=1).filter("mentorId", "==", expert_id).filter("isOpen", "==", True)
    return [{"bookingId": booking["id"], "message": "end or cancel it first"} for booking in tx.query(query)]


def _open_classes(tx: Tx, expert_id: str) -> list[Doc]:
    """Of the live classes that educators host, whose domain stands above this one too."""
    query = Query(("liveSessions",), limit=1).filter("host.id", "==", expert_id).filter("isOpen", "==", True)
    return [{"liveSessionId": found["id"], "message": "end or cancel it first"} for found in tx.query(query)]


def _open_money(tx: Tx, uid: str, now: datetime) -> list[Doc]:
    """What the wallet itself holds is no obstacle: it belongs to the account, which stays."""
    return [matter for matter in wallet.open_matters(tx, uid, now=now) if matter["code"] in OPEN_MONEY]
