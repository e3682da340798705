"""Applications: an expert profile on its way through the pipeline (pipeline.py), and who moved it when.

experts/{id} has mentorStatus and appliedAt; experts/{id}/private/onboarding the form, adminNotes, rejectionReason,
callScheduledAt, decidedBy and decidedAt, roleGrantedAt, and `history`: [{from, to, kind, by, at, reason}], newest last.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import audit, auth, clock
from konnect.context import Context
from konnect.errors import NotFound
from konnect.identity import service as identity
from konnect.notifications import service as notifications
from konnect.platform import PlatformConfig
from konnect.store import Database, Doc, Page, Query, Tx, page
from konnect.tasks import Task

from . import application_index, messages, pipeline, service
from .search import words

log = logging.getLogger(__name__)

MAX_HISTORY = 50
"""Of one person's applications; the audit has the rest."""
ROLE = "expert"


@dataclass(frozen=True)
class Moved:
    """The application afterwards (with its private part), and what the move was."""

    application: Doc
    move: pipeline.Move


def apply(tx: Tx, uid: str, email: str | None, fields: dict[str, Any], config: PlatformConfig, *, now: datetime) -> Doc:
    """Register (service.register), note the application's beginning, and confirm it to the applicant."""
    expert_id = service.id_of(tx, uid)
    before = tx.get("experts", expert_id)
    history = _private(tx, expert_id).get("history", [])
    expert = service.register(tx, uid, email, fields, config, now=now)
    status = before["mentorStatus"] if before else None
    begun = _entry(status, "applied", "step", by=uid, reason=None, now=now)
    added = {"history": [*history, begun][-MAX_HISTORY:]}
    tx.update(("experts", expert_id), {"appliedAt": now})
    tx.update(("experts", expert_id, "private", "onboarding"), added)
    _tell(tx, {**expert, "appliedAt": now}, "applied", now=now)
    return {**expert, "appliedAt": now, "onboardingData": {**expert["onboardingData"], **added}}


def plan(
    tx: Tx, expert_id: str, status: pipeline.Status, *, reason: str | None, call_at: datetime | None, now: datetime
) -> Moved:
    """What a move would be; writes nothing. Raises NotFound, BadRequest, Conflict (pipeline.move)."""
    tx.prefetch(("experts", expert_id), ("experts", expert_id, "private", "onboarding"))
    expert = tx.get("experts", expert_id)
    if expert is None:
        raise NotFound("there is no such application")
    private = _private(tx, expert_id)
    planned = pipeline.move(
        expert["mentorStatus"],
        status,
        call_at=call_at,
        planned_call_at=private.get("callScheduledAt"),
        reason=reason,
        now=now,
    )
    return Moved({**expert, "id": expert_id, "onboardingData": private}, planned)


def move(
    tx: Tx,
    expert_id: str,
    status: pipeline.Status,
    *,
    by: str,
    reason: str | None = None,
    notes: str | None = None,
    call_at: datetime | None = None,
    now: datetime,
) -> Moved:
    """Move an application along the pipeline. Records who and when, audits it, and tells the applicant; an approval is
    told, and gives the role, in `give_role`, which a task of this transaction makes sure of. A repeat changes at most
    the notes. Raises as `plan` does.
    """
    planned = plan(tx, expert_id, status, reason=reason, call_at=call_at, now=now)
    expert, moved = planned.application, planned.move
    private = expert["onboardingData"]
    changed: Doc = {}
    if notes is not None and notes != private.get("adminNotes"):
        changed["adminNotes"] = notes
    if moved.kind == "repeat":
        if changed:
            _write(tx, expert, {}, changed)
            _audit(
                tx, "application.notes", expert_id, {"adminNotes": private.get("adminNotes")}, changed, by, None, now
            )
        return Moved({**expert, "onboardingData": {**private, **changed}}, moved)
    entry = _entry(moved.before, moved.after, moved.kind, by=by, reason=moved.reason, now=now)
    changed |= {"history": [*private.get("history", []), entry][-MAX_HISTORY:]}
    if moved.call_at is not None:
        changed["callScheduledAt"] = moved.call_at
    if moved.after in pipeline.FINAL:
        changed |= {"rejectionReason": moved.reason, "decidedBy": by, "decidedAt": now}
    public = {"mentorStatus": moved.after, "updatedAt": now}
    _write(tx, expert, public, changed)
    after: Doc = {"mentorStatus": moved.after, "kind": moved.kind}
    if moved.call_at is not None:
        after["callScheduledAt"] = clock.iso(moved.call_at)
    _audit(tx, "application.move", expert_id, {"mentorStatus": moved.before}, after, by, moved.reason, now)
    application = {**expert, **public, "onboardingData": {**private, **changed}}
    if moved.after == "approved":
        schedule_role(tx, application)
    else:
        _tell(tx, application, moved.after, call_at=moved.call_at, reason=moved.reason, now=now)
    return Moved(application, moved)


def decide(
    ctx: Context,
    expert_id: str,
    status: pipeline.Status,
    *,
    by: str,
    reason: str | None = None,
    notes: str | None = None,
    call_at: datetime | None = None,
    now: datetime,
) -> Moved:
    """`move` in a transaction of its own; an approved one has the role when this returns. Safe to repeat.

    Raises as `plan` does, and Unavailable.
    """
    moved = ctx.run(lambda tx: move(tx, expert_id, status, by=by, reason=reason, notes=notes, call_at=call_at, now=now))
    if moved.move.after == "approved":
        give_role(ctx, expert_id, now=now)
    return moved


def schedule_role(tx: Tx, expert: Doc) -> None:
    """Make sure that `give_role` is called for an expert who is approved in this transaction."""
    tx.enqueue(Task("/experts/give-role", ("give-role", expert["id"], _attempt(expert)), {"expertId": expert["id"]}))


def give_role(ctx: Context, expert_id: str, *, now: datetime) -> None:
    """Give an approved applicant the role `expert`, and tell them. Does it once, however often it is called.

    The role is a claim of the account, beyond Firestore: it is given between two looks at the documents.
    """
    expert = ctx.db.get("experts", expert_id)
    if expert is None or _role_is_given(expert, ctx.db.get("experts", expert_id, "private", "onboarding")):
        return
    uid = expert["firebaseUid"]
    # An admin who becomes an expert keeps the wider role, which includes this one.
    if (ctx.db.get("users", uid) or {}).get("role") != "admin":
        try:
            ctx.outside(f"set the role of {uid} to {ROLE}", auth.set_role, uid, ROLE, using=ctx.settings)
        except NotFound:
            log.warning("an approved expert has no account", extra={"expert": expert_id, "uid": uid})
            return
    given_at = clock.now()

    def record(tx: Tx) -> None:
        current = tx.get("experts", expert_id)
        if current is None or _role_is_given(current, _private(tx, expert_id)):
            return
        tx.merge(("experts", expert_id, "private", "onboarding"), {"roleGrantedAt": now})
        identity.role_changed(tx, uid, ROLE, at=given_at)
        _tell(tx, {**current, "id": expert_id}, "approved", now=now)

    ctx.run(record)


def listed(db: Database, *, status: pipeline.Status | None, search: str | None, limit: int, cursor: str | None) -> Page:
    """Applications with their private part, newest first: those of a status, or all that wait for a decision.

    `search`: words of name, title, company and e-mail address, or their beginnings (application_index.py).
    """
    wanted = [status] if status else list(pipeline.STEPS)
    if search and words(search):
        entries = application_index.find(db, wanted, search, limit=limit, cursor=cursor)
        found = Page(_read(db, [entry["id"] for entry in entries.items]), entries.next_cursor)
    else:
        query = Query(("experts",), order=(("appliedAt", "desc"),)).filter("mentorStatus", "in", wanted)
        found = page(db, query, limit=limit, cursor=cursor)
    return Page(_with_private(db, found.items), found.next_cursor)


def _read(db: Database, expert_ids: list[str]) -> list[Doc]:
    found = db.get_many([("experts", expert_id) for expert_id in expert_ids]) if expert_ids else {}
    # One that was deleted a moment ago is still in the index.
    return [{**expert, "id": path[1]} for path, expert in found.items() if expert is not None]


def _with_private(db: Database, experts: list[Doc]) -> list[Doc]:
    paths = {expert["id"]: ("experts", expert["id"], "private", "onboarding") for expert in experts}
    private = db.get_many(paths.values()) if paths else {}
    return [{**expert, "onboardingData": private[paths[expert["id"]]] or {}} for expert in experts]


def _private(tx: Tx, expert_id: str) -> Doc:
    return tx.get("experts", expert_id, "private", "onboarding") or {}


def _write(tx: Tx, expert: Doc, public: Doc, private: Doc) -> None:
    if public:
        tx.update(("experts", expert["id"]), public)
    tx.merge(("experts", expert["id"], "private", "onboarding"), private)


def _entry(before: str | None, after: str, kind: pipeline.Kind, *, by: str, reason: str | None, now: datetime) -> Doc:
    return {"from": before, "to": after, "kind": kind, "by": by, "at": now, "reason": reason}


def _attempt(application: Doc) -> str:
    """Tells one application of a person from the next."""
    return clock.iso(application.get("appliedAt") or application["createdAt"])


def _role_is_given(expert: Doc, private: Doc | None) -> bool:
    """Given already, or not to be given."""
    return (
        expert["mentorStatus"] != "approved" or not expert["firebaseUid"] or bool((private or {}).get("roleGrantedAt"))
    )


def _tell(
    tx: Tx,
    application: Doc,
    status: pipeline.Status,
    *,
    call_at: datetime | None = None,
    reason: str | None = None,
    now: datetime,
) -> None:
    """The notification of a status, once an application (and once a time of the call)."""
    uid = application["firebaseUid"]
    if uid is None:
        return
    message = messages.of(status, call_at=call_at, reason=reason)
    about = (application["id"], _attempt(application), *([clock.iso(call_at)] if call_at else []))
    data = {"applicationId": application["id"], "status": status, **message.data}
    notifications.notify(tx, uid, message.type, about=about, title=message.title, body=message.body, data=data, now=now)


def _audit(
    tx: Tx, action: str, expert_id: str, before: Doc, after: Doc, by: str, reason: str | None, now: datetime
) -> None:
    target = f"experts/{expert_id}"
    audit.write(tx, actor=by, action=action, target=target, before=before, after=after, reason=reason, now=now)
