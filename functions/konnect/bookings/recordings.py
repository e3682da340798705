"""recordings/{id}: a recording of a booking's call, which only its two participants may fetch, until it is deleted.

{bookingId, provider, sourceUrl, path, status, recordedAt, durationSeconds, contentType, size, receivedAt,
availableUntil, nextActionAt, failure}. No client reads it. `pending`: the provider has it, and a task copies it into
our bucket, where its end is ours (its own link ends after a day); `ready`; `failed`: it could not be had; `expired`:
deleted. What a server of one's own puts into recordings/ of our bucket stays where it is. `nextActionAt` is when the
sweep looks at it: to copy it again, or to delete it.

A booking's `recording` says how far it is: processing, available, failed, expired; None without one.
"""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from konnect import clock, ids, overdue
from konnect.context import Context
from konnect.errors import Conflict, Gone, NotFound, Unavailable
from konnect.integrations.jitsi.webhook import Recording
from konnect.sessions.metering import Pace
from konnect.store import Database, Doc, Page, Query, Tx, page
from konnect.tasks import Task
from konnect.uploads import files

from . import repository

if TYPE_CHECKING:
    from konnect.integrations.storage.client import Storage

log = logging.getLogger(__name__)

FETCH = "/bookings/fetch-recording"
FOLDER = "recordings/"
RETRY_S = 3600
"""So long after a task has been made, the sweep makes another."""
GIVEN_UP_AFTER = timedelta(hours=24)
"""The provider's link is good for so long."""
READABLE = timedelta(hours=1)
MOST = 20
"""Of one booking: a call of an hour is not cut into more."""
SWEPT_AT_ONCE = 50


def heard(tx: Tx, booking: Doc, made: Recording, *, keep_days: int, pace: Pace, now: datetime) -> None:
    """The provider has a recording of the booking's call. A repeat changes nothing."""
    recorded_at = min(made.recorded_at, now)
    recording_id = ids.digest("recording", booking["id"], made.id)
    if tx.get("recordings", recording_id) is not None:
        return
    recording = {
        "bookingId": booking["id"],
        "provider": "jitsi",
        "sourceUrl": made.url,
        "path": None,
        "status": "pending",
        "recordedAt": recorded_at,
        "durationSeconds": made.duration_s,
        "contentType": None,
        "size": None,
        "receivedAt": now,
        "availableUntil": clock.after(recorded_at, keep_days * 24 * 60 * pace.minute_s),
        "nextActionAt": clock.after(now, pace.seconds(RETRY_S)),
        "failure": None,
    }
    tx.create(("recordings", recording_id), recording)
    _enqueue(tx, recording_id, now)
    if booking["recording"] != "available":
        repository.update(tx, booking["id"], now=now, recording="processing")


def fetch(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"recordingId"}: copy a recording into our bucket. Raises Unavailable, to be tried again."""
    recording_id = payload["recordingId"]
    recording = ctx.db.get("recordings", recording_id)
    if recording is None or recording["status"] != "pending" or recording["availableUntil"] <= now:
        return
    from konnect.integrations.jitsi import download

    try:
        stored = _copy(ctx, recording_id, recording)
    except download.Refused as refused:
        log.error("a recording is lost", extra={"recording": recording_id, "problem": refused.message})
        ctx.run(partial(_end, recording_id=recording_id, status="failed", failure=refused.message, now=now))
        return
    if not ctx.run(partial(_ready, recording_id=recording_id, stored=stored, now=now)):
        # Ended meanwhile: nothing would name it, so nothing would delete it.
        storage(ctx).delete(stored["path"])


def shown(tx: Tx, booking_id: str, uid: str, *, now: datetime) -> list[Doc]:
    """The recordings of a booking that can be fetched, in their order, for a participant.

    Raises NotFound (BOOKING_NOT_FOUND, NO_RECORDING), Forbidden (NOT_A_PARTICIPANT), Conflict (RECORDING_NOT_READY),
    Gone (RECORDING_EXPIRED).
    """
    repository.of_participant(tx, booking_id, uid)
    found = sorted(tx.query(of_booking(booking_id)), key=lambda one: one["recordedAt"])
    ready = [one for one in found if one["status"] == "ready" and one["availableUntil"] > now]
    if ready:
        return ready
    if any(one["status"] == "pending" for one in found):
        raise Conflict("the recording is being stored; try again in a while", code="RECORDING_NOT_READY")
    if any(one["status"] in {"ready", "expired"} for one in found):
        raise Gone("the recording has been deleted", code="RECORDING_EXPIRED")
    raise NotFound("there is no recording", code="NO_RECORDING")


def links(ctx: Context, found: list[Doc], *, now: datetime) -> dict[str, Any]:
    """Signed URLs of what `shown` has given, as RecordingLinks has it. Raises Unavailable."""
    until = min(now + READABLE, *(one["availableUntil"] for one in found))
    items = [
        {
            "url": storage(ctx).download_url(one["path"], file_name=_file_name(one, number), expires_in=until - now),
            "recordedAt": one["recordedAt"],
            "durationSeconds": one["durationSeconds"],
            "contentType": one["contentType"],
            "size": one["size"],
            "availableUntil": one["availableUntil"],
        }
        for number, one in enumerate(found, start=1)
    ]
    return {"url": items[0]["url"], "expiresAt": until, "items": items}


def sweep(ctx: Context, *, now: datetime) -> int:
    """Copy again what a lost task has left, and delete what has had its time. Returns how many failed."""
    return overdue.each("recording", partial(due, ctx.db, now), lambda one: _look(ctx, one, now), clock=clock.now)[1]


def drop(ctx: Context, booking_id: str, *, now: datetime) -> None:
    """Let the sweep delete what there is of a booking: one side's account is closed."""

    def work(tx: Tx) -> None:
        for one in tx.query(of_booking(booking_id)):
            if one["status"] in {"pending", "ready"}:
                tx.update(("recordings", one["id"]), {"availableUntil": now, "nextActionAt": now})

    ctx.run(work)


def of_booking(booking_id: str) -> Query:
    return Query(("recordings",), limit=MOST).filter("bookingId", "==", booking_id)


def due(db: Database, now: datetime, cursor: str | None = None) -> Page:
    query = Query(("recordings",), (("nextActionAt", "<=", now),), (("nextActionAt", "asc"),))
    return page(db, query, limit=SWEPT_AT_ONCE, cursor=cursor)


def storage(ctx: Context) -> "Storage":
    from konnect.integrations.storage.client import storage_of

    return storage_of(ctx.settings)


def _look(ctx: Context, recording: Doc, now: datetime) -> None:
    end = partial(_end, recording_id=recording["id"], now=now)
    if recording["availableUntil"] <= now:
        if recording["path"] is not None:
            storage(ctx).delete(recording["path"])
        ctx.run(partial(end, status="expired", failure=None))
    elif recording["status"] == "pending" and now < recording["receivedAt"] + GIVEN_UP_AFTER:
        ctx.run(partial(_again, recording_id=recording["id"], pace=Pace.of(ctx.settings), now=now))
    else:
        log.error("a recording is lost", extra={"recording": recording["id"], "problem": "never to be had"})
        ctx.run(partial(end, status="failed", failure="never to be had"))


def _copy(ctx: Context, recording_id: str, recording: Doc) -> Doc:
    """{path, contentType, size} of what is in our bucket then. Raises Refused, Unavailable."""
    from konnect.integrations.jitsi import download

    own = files.path_of(ctx.settings, recording["sourceUrl"])
    if own is not None and own.startswith(FOLDER):
        stat = storage(ctx).stat(own)
        if stat is None:
            # Told before it was uploaded.
            raise Unavailable("the recording is not in the bucket yet")
        return {"path": own, "contentType": stat.content_type, "size": stat.size}
    path = f"{FOLDER}{recording['bookingId']}/{recording_id}.mp4"
    with download.opened(ctx.settings, recording["sourceUrl"]) as found:
        size = storage(ctx).write(path, found.content_type, found.pieces)
    return {"path": path, "contentType": found.content_type, "size": size}


def _ready(tx: Tx, *, recording_id: str, stored: Doc, now: datetime) -> bool:
    """Whether it still was to be had; a repeat after a commit that was in doubt, too."""
    recording = tx.get("recordings", recording_id)
    if recording is None or recording["status"] not in {"pending", "ready"} or recording["availableUntil"] <= now:
        return False
    fields = {**stored, "status": "ready", "sourceUrl": None, "nextActionAt": recording["availableUntil"]}
    tx.update(("recordings", recording_id), fields)
    repository.update(tx, recording["bookingId"], now=now, recording="available")
    return True


def _again(tx: Tx, *, recording_id: str, pace: Pace, now: datetime) -> None:
    recording = tx.get("recordings", recording_id)
    if recording is None or recording["status"] != "pending":
        return
    tx.update(("recordings", recording_id), {"nextActionAt": clock.after(now, pace.seconds(RETRY_S))})
    _enqueue(tx, recording_id, now)


def _end(tx: Tx, *, recording_id: str, status: str, failure: str | None, now: datetime) -> None:
    recording = tx.get("recordings", recording_id)
    if recording is None or recording["status"] not in {"pending", "ready"}:
        return
    others = [one["status"] for one in tx.query(of_booking(recording["bookingId"])) if one["id"] != recording_id]
    fields = {"status": status, "failure": failure, "path": None, "sourceUrl": None, "nextActionAt": None}
    tx.update(("recordings", recording_id), fields)
    state = "available" if "ready" in others else "processing" if "pending" in others else status
    repository.update(tx, recording["bookingId"], now=now, recording=state)


def _enqueue(tx: Tx, recording_id: str, now: datetime) -> None:
    tx.enqueue(Task(FETCH, ("recording", recording_id, now.isoformat()), {"recordingId": recording_id}))


def _file_name(recording: Doc, number: int) -> str:
    return f"{recording['bookingId']}-{number}.mp4"
