"""What a deleted account leaves behind here: classes and places that name nobody, and no place in what is to come."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.sessions.metering import Pace
from konnect.store import Doc, Query, Tx

from . import attendance, policy, repository

MAX_NAMED = 5
BATCH = 100


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """Classes that somebody hosts and that are not over: [{code, message, way, liveSessionId}]."""
    return [
        {
            "code": "LIVE_SESSION_OPEN",
            "message": f"a live session is {session['status']}",
            "way": "end it" if session["status"] == "live" else "cancel it",
            "liveSessionId": session["id"],
        }
        for session in tx.query(repository.open_of(uid, limit=MAX_NAMED))
    ]


def erase(ctx: Context, uid: str, name: str, *, now: datetime) -> None:
    """Put `name` in the place of the user's own, in what they hosted, took part in and said there; give back places
    that are not used. Can be repeated."""
    cursor = None
    while True:
        hosted = repository.hosted(ctx.db, uid, limit=BATCH, cursor=cursor)
        for session in hosted.items:
            ctx.run(partial(_rename_host, session_id=session["id"], name=name, now=now))
            _rename_in(ctx, session["id"], uid, name)
        cursor = hosted.next_cursor
        if cursor is None:
            break
    pace = Pace.of(ctx.settings)
    while True:
        # Those that are given back are gone from the list: they don't matter to the cursor, which is a time.
        places = repository.places_of(ctx.db, uid, limit=BATCH, cursor=cursor)
        for place in places.items:
            ctx.run(partial(_give_up, session_id=place["sessionId"], uid=uid, pace=pace, now=now))
            _rename_in(ctx, place["sessionId"], uid, name)
        cursor = places.next_cursor
        if cursor is None:
            break


def _rename_host(tx: Tx, *, session_id: str, name: str, now: datetime) -> None:
    session = repository.get(tx, session_id)
    host: Doc = {**session["host"], "name": name, "imageUrl": None}
    if session["host"] != host:
        repository.update(tx, session_id, now=now, host=host)


def _give_up(tx: Tx, *, session_id: str, uid: str, pace: Pace, now: datetime) -> None:
    session = repository.find(tx, session_id)
    if session is not None and session["status"] in policy.OPEN:
        attendance.leave(tx, session_id, uid, pace=pace, now=now)


def _rename_in(ctx: Context, session_id: str, uid: str, name: str) -> None:
    def rename(tx: Tx) -> None:
        participant = repository.participant(tx, session_id, uid)
        if participant is not None and participant["name"] != name:
            tx.update(repository.participant_path(session_id, uid), {"name": name})

    ctx.run(rename)
    for message in Query(repository.messages(session_id)).filter("senderId", "==", uid).run(ctx.db):
        if message["senderName"] != name:
            ctx.db.set((*repository.messages(session_id), message["id"]), {"senderName": name}, merge=True)
