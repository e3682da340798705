"""An expert's dashboard: what was earned, done and booked, and who waits. Days, weeks and months are those of the
expert's own time zone; a week begins on Monday.

Sums and counts are Firestore's aggregations over the expert's own documents, so no counter has to be kept for them: 19
queries, and one read more for each thousand sessions in a sum.
"""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.experts.service import TIME_ZONE
from konnect.ledger import service as ledger
from konnect.money import CURRENCY, rupees
from konnect.store import Database, Doc, Query
from konnect.wallet import transactions

from . import repository

RECENT = 5
UPCOMING = 5
PENDING = 20
_NOT_TAKEN = ["declined", "not-accepted"]
_CALLED_OFF = ["expert-cancelled", "expert-no-show"]


def of(db: Database, expert: Doc, *, now: datetime) -> dict[str, Any]:
    """The dashboard of `expert`, a profile with its id. Read piece by piece: what happens meanwhile may show in one
    and not yet in another."""
    uid = expert["firebaseUid"]
    zone = expert.get("timeZone") or TIME_ZONE
    begins = periods(now, zone)
    return {
        "timeZone": zone,
        "currency": CURRENCY,
        "earnings": _earnings(db, uid, begins),
        "recentSessions": _recent(db, uid),
        "pendingRequests": _pending(db, uid, expert["id"]),
        "upcomingSessions": repository.upcoming(db, "expertUid", uid, type=None, limit=UPCOMING, cursor=None).items,
        "quickStats": {
            **_sessions(db, uid, begins["month"]),
            **money_of(db, uid),
            "rating": expert.get("rating") or 0,
            "reviewCount": expert.get("reviewCount") or 0,
        },
    }


def periods(now: datetime, zone: str) -> dict[str, datetime]:
    """When the day, the week and the month that `now` is in began, in UTC. Pure."""
    place = clock.zone(zone)
    today = now.astimezone(place).date()
    days = {"today": today, "week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}
    return {name: clock.day_begins(day, place) for name, day in days.items()}


def _earnings(db: Database, uid: str, begins: dict[str, datetime]) -> dict[str, Any]:
    found = {name: transactions.earned(db, uid, since) for name, since in begins.items()}
    found["total"] = transactions.earned(db, uid)
    return {**{name: rupees(paise) for name, paise in found.items()}, **_paise(found)}


def _recent(db: Database, uid: str) -> list[Doc]:
    """The sessions that ended last, with what each has brought, net of refunds."""
    found = _of(uid, "completed", order=(("endedAt", "desc"),), limit=RECENT).run(db)
    paths = {session["id"]: ("sessions", session["id"], "private", "terms") for session in found}
    terms = db.get_many(paths.values()) if paths else {}
    for session in found:
        agreed = terms[paths[session["id"]]] or {}
        earning_paise = agreed.get("earningPaise", 0) - agreed.get("refundedEarningPaise", 0)
        session |= {"earning": rupees(earning_paise), "earningPaise": earning_paise}
    return found


def _pending(db: Database, uid: str, expert_id: str) -> dict[str, Any]:
    """Requests that wait for the expert's word, then the queue."""
    offers = [one for one in _of(uid, "pending", limit=PENDING).run(db) if repository.is_offer(one)]
    entries = repository.queue_query(expert_id, PENDING).run(db)
    items = [
        {
            "kind": "request",
            "chatId": one["id"],
            "userId": one["userId"],
            "userName": one["userName"],
            "type": one["type"],
            "position": None,
            "since": one.get("queuedAt") or one["createdAt"],
            "expiresAt": one["acceptUntil"],
        }
        for one in offers
    ]
    items += [
        {
            "kind": "queue",
            "chatId": None,
            "userId": entry["id"],
            "userName": entry["userName"],
            "type": entry["type"],
            "position": place,
            "since": entry["joinedAt"],
            "expiresAt": entry["expiresAt"],
        }
        for place, entry in enumerate(entries, start=1)
    ]
    waiting = len(entries) if len(entries) < PENDING else repository.queue_length(db, expert_id)
    return {"count": len(offers) + waiting, "items": items}


def _sessions(db: Database, uid: str, month: datetime) -> dict[str, Any]:
    completed = _of(uid, "completed")
    total = completed.count(db)
    seconds = completed.sum(db, "durationSeconds")
    this_month = _of(uid, "completed", order=(("endedAt", "desc"),)).filter("endedAt", ">=", month).count(db)
    not_taken = _of(uid, "cancelled").filter("endReason", "in", _NOT_TAKEN).count(db)
    called_off = _of(uid, "cancelled").filter("endReason", "in", _CALLED_OFF).count(db)
    left = completed.filter("endReason", "==", "expert-absent").count(db)
    return {
        "sessions": total,
        "sessionsThisMonth": this_month,
        "minutes": seconds // 60,
        "averageSessionMinutes": round(seconds / total / 60, 1) if total else 0,
        "acceptanceRate": _percent(total, total + not_taken),
        "completionRate": _percent(total - left, total + called_off),
    }


def money_of(db: Database, uid: str) -> dict[str, Any]:
    """What somebody has earned and can have paid out, and what is on its way to their bank."""
    wallet = db.get_many([("wallets", uid), ("receivables", uid)])
    earned_paise = int((wallet["wallets", uid] or {}).get("withdrawablePaise", 0))
    withdrawable_paise = max(0, earned_paise - ledger.debt_of(wallet["receivables", uid]))
    pending_paise = transactions.pending_withdrawals(db, uid)
    return {
        "withdrawable": rupees(withdrawable_paise),
        "withdrawablePaise": withdrawable_paise,
        "pendingWithdrawals": rupees(pending_paise),
        "pendingWithdrawalsPaise": pending_paise,
    }


def _of(uid: str, status: str, *, order: tuple[tuple[str, str], ...] = (), limit: int | None = None) -> Query:
    query = Query(("sessions",), order=order, limit=limit)
    return query.filter("expertUid", "==", uid).filter("status", "==", status)


def _percent(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def _paise(amounts: dict[str, int]) -> dict[str, int]:
    return {f"{name}Paise": paise for name, paise in amounts.items()}
