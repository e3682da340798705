"""Cloud Tasks handlers of live classes."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.learning import enrollments
from konnect.sessions.metering import Pace
from konnect.store import Doc, Page, Tx

from . import attendance, course, messages, policy, repository, schedule

BATCH = 50


def progress(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId", "due"}: a reminder, the time for its host to have come, its end, the host's absence."""
    pace, due = Pace.of(ctx.settings), datetime.fromisoformat(payload["due"])
    ctx.run(partial(course.progress, session_id=payload["sessionId"], pace=pace, now=now, due=due))


def tell(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId", "moves", "what", "to", "about", "cursor"}: a page of those who are to be told, each once, and then
    the next page. What is not so any more (it was moved again, or called off) is told to nobody."""
    session_id, what, to, about = (payload[name] for name in ("sessionId", "what", "to", "about"))
    session = ctx.run(lambda tx: repository.find(tx, session_id))
    if session is None or not _is_so(session, what, payload["moves"]):
        return
    found = _audience(ctx, session, to, payload["cursor"])
    if found.next_cursor is not None:
        ctx.flush([schedule.page(session, what, to, about, found.next_cursor)], [])
    people = [one["uid"] for one in found.items]
    if to == "participants" and payload["cursor"] is None:
        # What the host has not done, the host is told too.
        people += [session["host"]["uid"]] if what != "moved" and session["endReason"] != "host-cancelled" else []
    pace = Pace.of(ctx.settings)
    for uid in dict.fromkeys(people):
        ctx.run(partial(_tell, session_id=session_id, uid=uid, payload=payload, pace=pace, now=now))


def close(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId"}: it has ended; until when each was there, and how many have come. A repeat changes nothing."""
    session_id = payload["sessionId"]
    session = ctx.run(lambda tx: repository.find(tx, session_id))
    if session is None or session["status"] != "ended":
        return
    while there := repository.present(ctx.db, session_id, limit=BATCH):
        ctx.run(partial(_close, session=session, uids=[one["uid"] for one in there]))
    count = repository.count_attended(ctx.db, session_id)

    def write(tx: Tx) -> None:
        found = repository.get(tx, session_id)
        if found["attendedCount"] is None:
            course.save(tx, found, {"attendedCount": count}, pace=Pace.of(ctx.settings), now=now)

    ctx.run(write)


def expel(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"courseId", "uid"}: an enrolment was taken back, and with it the places in the course's classes."""
    cursor = None
    while True:
        found = repository.open_of_course(ctx.db, payload["courseId"], limit=BATCH, cursor=cursor)
        for session in found.items:
            work = partial(attendance.expel, session_id=session["id"], uid=payload["uid"])
            ctx.run(partial(work, pace=Pace.of(ctx.settings), now=now))
        cursor = found.next_cursor
        if cursor is None:
            return


def cancel_all(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: an account is closed; what it hosts is called off or ended, each in a transaction of its own."""
    pace, uid = Pace.of(ctx.settings), payload["uid"]

    def stop(tx: Tx, session_id: str) -> None:
        session = course.look(tx, repository.get(tx, session_id), pace=pace, now=now)
        if session["status"] == "scheduled":
            course.cancel(tx, session, "host-closed", reason=None, pace=pace, now=now)
        elif session["status"] == "live":
            course.end(tx, session, "admin-ended", pace=pace, now=now)

    while found := repository.open_of(uid, limit=BATCH).run(ctx.db):
        for session in found:
            ctx.run(partial(stop, session_id=session["id"]))


def _is_so(session: Doc, what: str, moves: int) -> bool:
    if what == "cancelled":
        return bool(session["status"] == "cancelled")
    return bool(session["status"] == "scheduled" and session["moves"] == moves)


def _audience(ctx: Context, session: Doc, to: str, cursor: str | None) -> Page:
    if to == "students":
        return enrollments.of_course(ctx.db, session["courseId"], limit=BATCH, cursor=cursor)
    return repository.participants(ctx.db, session["id"], limit=BATCH, cursor=cursor)


def _tell(tx: Tx, *, session_id: str, uid: str, payload: dict[str, Any], pace: Pace, now: datetime) -> None:
    session = repository.get(tx, session_id)
    what = payload["what"]
    if what == "scheduled":
        messages.scheduled(tx, session, uid, now=now)
    elif what == "moved":
        if payload["to"] == "participants":
            attendance.moved(tx, session, uid, pace=pace, now=now)
        messages.moved(tx, session, uid, now=now)
    elif what == "cancelled":
        messages.cancelled(tx, session, uid, now=now)
    else:
        lead_mins = policy.lead_mins(session, datetime.fromisoformat(payload["about"]), pace)
        messages.reminder(tx, session, uid, lead_mins, now=now)


def _close(tx: Tx, *, session: Doc, uids: list[str]) -> None:
    tx.prefetch(*(repository.participant_path(session["id"], uid) for uid in uids))
    for uid in uids:
        attendance.close(tx, session, uid)
