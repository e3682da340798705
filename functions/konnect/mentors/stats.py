"""What a mentor's bookings and answers add up to. No client reads these documents.

mentorStats/{expertId}: {completed, ended, cancelledByMentor, students, repeatStudents, earnedPaise, replies, replyS}:
`ended` are bookings that had been paid, `students` those with a completed one, `replyS` the seconds until the first
answer to a student, of `replies` conversations. Beneath it …/bookings/{id} and …/replies/{id} record what was counted
of each, so that events that repeat, or come late, count once; …/students/{uid}: {completed}; …/months/{YYYY-MM} of the
mentor's time zone: {completed, earnedPaise}.
"""

from datetime import datetime
from typing import Any, Literal

from google.cloud import firestore

from konnect import clock
from konnect.experts import standing
from konnect.experts.service import TIME_ZONE
from konnect.money import CURRENCY, rupees
from konnect.platform import PlatformConfig
from konnect.store import Database, Doc, Query, Tx

from . import stopping
from .standing_policy import Measure

COLLECTION = "mentorStats"
PARTS = ("bookings", "replies", "students", "months")
Outcome = Literal["completed", "mentor", "other"]


def outcome(booking: Doc | None) -> Outcome | None:
    """How a booking has ended: held, called off by the mentor, or otherwise. None: not yet, or it was never paid."""
    if booking is None or booking["isOpen"] or booking["confirmedAt"] is None:
        return None
    if booking["status"] == "completed":
        return "completed"
    by_mentor = booking["cancelledBy"] == "mentor" or booking["statusReason"] == "mentor-no-show"
    return "mentor" if by_mentor else "other"


def count(tx: Tx, booking_id: str, expert_id: str, config: PlatformConfig, *, now: datetime) -> None:
    """Bring the sums in line with what a booking is now, and see whether the mentor calls off too many (stopping.py).
    Repeats change nothing."""
    stats, counted_path = (COLLECTION, expert_id), (COLLECTION, expert_id, "bookings", booking_id)
    booking_path, terms_path = ("bookings", booking_id), ("bookings", booking_id, "private", "terms")
    tx.prefetch(booking_path, terms_path, ("experts", expert_id), stats, counted_path)
    booking = tx.get("bookings", booking_id)
    if booking is None:
        return
    counted = tx.get(*counted_path) or {"outcome": None, "earnedPaise": 0, "month": None}
    wanted = _worth(tx, booking_id, booking, counted)
    if all(wanted[name] == counted[name] for name in ("outcome", "earnedPaise")):
        return
    before, after = _sums(counted), _sums(wanted)
    added = {name: after[name] - before[name] for name in after}
    students = _students(tx, expert_id, booking["studentId"], added["completed"])
    _add(tx, expert_id, {**added, **students}, now)
    tx.merge(
        (COLLECTION, expert_id, "months", wanted["month"]),
        {name: firestore.Increment(added[name]) for name in ("completed", "earnedPaise")},
    )
    tx.set(counted_path, {**wanted, "countedAt": now})
    if added["ended"] or added["cancelledByMentor"]:
        sums = tx.get(*stats) or {}
        measure = Measure("cancellations", cancellation_rate(sums), sums["ended"])
        stopping.review(tx, expert_id, measure, config, now=now)
    if added["completed"]:
        standing.add(tx, expert_id, orders=added["completed"], now=now)


def replied(tx: Tx, expert_id: str, conversation_id: str, seconds: float, *, now: datetime) -> None:
    """Count how long a student has waited for the first answer; once a conversation."""
    path = (COLLECTION, expert_id, "replies", conversation_id)
    tx.prefetch((COLLECTION, expert_id), path, ("experts", expert_id))
    if tx.get(*path) is None:
        tx.create(path, {"seconds": round(seconds), "countedAt": now})
        _add(tx, expert_id, {"replies": 1, "replyS": round(seconds)}, now)


def has_replied(db: Database, expert_id: str, conversation_id: str) -> bool:
    return db.get(COLLECTION, expert_id, "replies", conversation_id) is not None


def of(db: Database, expert: Doc, *, now: datetime) -> dict[str, Any]:
    """The dashboard's numbers of a mentor, a profile with its id and its private part. 4 reads."""
    zone = expert.get("timeZone") or TIME_ZONE
    path, month_path = (COLLECTION, expert["id"]), (COLLECTION, expert["id"], "months", month_of(now, zone))
    found = db.get_many([path, month_path])
    sums, month = found[path] or {}, found[month_path] or {}
    earned_paise = {"thisMonth": month.get("earnedPaise", 0), "total": sums.get("earnedPaise", 0)}
    upcoming = Query(("bookings",)).filter("mentorUid", "==", expert["firebaseUid"]).filter("status", "==", "confirmed")
    return {
        "timeZone": zone,
        "currency": CURRENCY,
        "earnings": {
            **{name: rupees(paise) for name, paise in earned_paise.items()},
            **{f"{name}Paise": paise for name, paise in earned_paise.items()},
        },
        "totalSessions": expert.get("orders") or 0,
        "sessionsThisMonth": month.get("completed", 0),
        "completedBookings": sums.get("completed", 0),
        "upcomingBookings": upcoming.count(db),
        "rating": expert.get("rating") or 0,
        "reviewCount": expert.get("reviewCount") or 0,
        "responseMins": response_mins(sums),
        "students": sums.get("students", 0),
        "repeatStudentRate": repeat_rate(sums),
        "cancellationRate": cancellation_rate(sums),
        **stopping.view(expert.get("onboardingData") or {}),
    }


def repeat_rate(sums: Doc) -> float:
    """Percent of the students with a completed booking who have had another."""
    return _percent(sums.get("repeatStudents", 0), sums.get("students", 0))


def cancellation_rate(sums: Doc) -> float:
    """Percent of the bookings that have ended which the mentor has called off."""
    return _percent(sums.get("cancelledByMentor", 0), sums.get("ended", 0))


def response_mins(sums: Doc) -> float | None:
    """The average wait for a first answer; None before there was one."""
    replies = sums.get("replies", 0)
    return round(sums["replyS"] / replies / 60, 1) if replies else None


def month_of(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(clock.zone(zone)):%Y-%m}"


def _worth(tx: Tx, booking_id: str, booking: Doc, counted: Doc) -> Doc:
    """What is to be counted of a booking as it is now. It stays in the month that it was first counted in."""
    terms = tx.get("bookings", booking_id, "private", "terms") or {}
    settled_at = terms.get("settledAt")
    expert = tx.get("experts", booking["mentorId"]) or {}
    ended_at = settled_at or booking["completedAt"] or booking["cancelledAt"] or booking["updatedAt"]
    return {
        "outcome": outcome(booking),
        "earnedPaise": terms["mentorPaise"] if settled_at is not None else 0,
        "month": counted["month"] or month_of(ended_at, expert.get("timeZone") or TIME_ZONE),
    }


def _sums(worth: Doc) -> dict[str, int]:
    return {
        "completed": int(worth["outcome"] == "completed"),
        "cancelledByMentor": int(worth["outcome"] == "mentor"),
        "ended": int(worth["outcome"] is not None),
        "earnedPaise": worth["earnedPaise"],
    }


def _students(tx: Tx, expert_id: str, uid: str, completed: int) -> dict[str, int]:
    """How many more students, and students who came again, there are after a change of one's completed bookings."""
    if not completed:
        return {}
    path = (COLLECTION, expert_id, "students", uid)
    before = (tx.get(*path) or {"completed": 0})["completed"]
    after = before + completed
    tx.set(path, {"completed": after})
    return {"students": (after > 0) - (before > 0), "repeatStudents": (after > 1) - (before > 1)}


def _add(tx: Tx, expert_id: str, added: dict[str, int], now: datetime) -> None:
    """Add to the sums; the profile shows what students may see of them."""
    path = (COLLECTION, expert_id)
    sums: Doc = dict(tx.get(*path) or {})
    sums |= {name: sums.get(name, 0) + value for name, value in added.items()}
    tx.set(path, sums)
    expert = tx.get("experts", expert_id)
    shown = {"repeatStudentRate": repeat_rate(sums), "responseMins": response_mins(sums)}
    if expert is not None and any(expert.get(name) != value for name, value in shown.items()):
        tx.update(("experts", expert_id), {**shown, "updatedAt": now})


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0
