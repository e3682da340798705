"""/api/v1/skill-exchanges: offers, requests, and what the two make of them. Messages are konnect.messaging's."""

from collections.abc import Callable, Iterable
from typing import Any

from konnect import ids
from konnect.errors import BadRequest, Unauthenticated
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.members import skills
from konnect.platform import platform_config
from konnect.store import Doc, Page, Tx

from . import access, completion, meetings, repository, service, suggestions, views
from .schemas import (
    Acceptance,
    CallLink,
    Ending,
    Exchange,
    ExchangeQuery,
    Match,
    MatchQuery,
    MeetingChange,
    Milestones,
    NewExchange,
    NewFeedback,
    NewMeeting,
)

router = Router("Skill exchange")

BASE = "/api/v1/skill-exchanges"
ONE = f"{BASE}/<exchange_id>"
_SECRET_SIZE = 16


@router.get(BASE, response=Listing[Exchange], auth="public", errors=(400, 401))
def list_exchanges(call: Call, query: ExchangeQuery) -> dict[str, Any]:
    """List the offers that are open to everybody, or with `mine` those in which the caller takes part, newest first.

    A page of offers may have fewer than `limit` before the last.
    """
    paging: dict[str, Any] = {"limit": query.limit, "cursor": query.cursor, "number": query.page}
    if query.mine:
        if call.visitor is None:
            raise Unauthenticated("sign in to see your own exchanges")
        found = service.of_member(call.ctx.db, call.visitor.uid, status=query.status, **paging)
        return _listed(call, found)
    if query.status not in (None, "open"):
        raise BadRequest.field("status", "others than open are listed with mine=true")
    offered, requested = _key(query.offered_skill), _key(query.requested_skill)
    found = repository.open_offers(call.ctx.db, offered=offered, requested=requested, **paging)
    return _listed(call, found, hides_inactive=True)


@router.get(f"{BASE}/matches", response=Listing[Match], errors=(400,))
def list_matches(call: Call, query: MatchQuery) -> dict[str, Any]:
    """List who teaches what the caller wants to learn, by how well they match. Of many, the 200 best rated are
    considered.
    """
    found, cursor = suggestions.of_member(
        call.ctx.db,
        call.user.uid,
        offered=query.offered_skill,
        desired=query.desired_skill,
        limit=query.limit,
        cursor=query.cursor,
    )
    return {"items": [views.match(member, score) for member, score in found], "nextCursor": cursor}


@router.get(ONE, response=Exchange, errors=(403, 404))
def one_exchange(call: Call, exchange_id: str) -> dict[str, Any]:
    """An exchange, for its two; an open offer, for everybody."""
    uid, is_admin = call.user.uid, call.user.role == "admin"
    return _done(call, lambda tx: access.readable(tx, exchange_id, uid, is_admin=is_admin))


@router.post(BASE, response=Exchange, status=201, errors=(404, 409))
def request_exchange(call: Call, body: NewExchange) -> dict[str, Any]:
    """Ask a member for an exchange, or make an offer to everybody. The caller agrees to the terms by it.

    A request that nobody answers lapses after 7 days, an offer after 28. The same again, meanwhile, answers the same
    exchange; at most 20 wait at a time, and one member is asked 5 times a day at most (409 EXCHANGE_LIMIT).
    """
    wanted = service.Wanted(
        uid=call.user.uid,
        provider_id=body.provider_id,
        offered_skill=body.offered_skill,
        requested_skill=body.requested_skill,
        message=body.message,
        terms=body.terms.model_dump(by_alias=True),
        exchange_id=ids.new(),
    )
    return _done(call, lambda tx: service.create(tx, wanted, settings=call.ctx.settings, now=call.now))


@router.put(f"{ONE}/accept", response=Exchange, errors=(403, 404, 409))
def accept_exchange(call: Call, exchange_id: str, body: Acceptance) -> dict[str, Any]:
    """Accept a request, or an open offer, and agree to its terms. Of several who accept an offer the first has it; the
    others get 409 EXCHANGE_TAKEN.
    """
    uid, settings = call.user.uid, call.ctx.settings
    return _done(call, lambda tx: service.accept(tx, exchange_id, uid, settings=settings, now=call.now))


@router.put(f"{ONE}/reject", response=Exchange, errors=(403, 404, 409))
def reject_exchange(call: Call, exchange_id: str, body: Ending) -> dict[str, Any]:
    """Decline a request."""
    return _done(call, lambda tx: service.reject(tx, exchange_id, call.user.uid, note=body.reason, now=call.now))


@router.put(f"{ONE}/cancel", response=Exchange, errors=(403, 404, 409))
def cancel_exchange(call: Call, exchange_id: str, body: Ending) -> dict[str, Any]:
    """Withdraw one's own offer or request, or leave an exchange that goes on, by either side."""
    return _done(call, lambda tx: service.cancel(tx, exchange_id, call.user.uid, note=body.reason, now=call.now))


@router.put(f"{ONE}/complete", response=Exchange, errors=(403, 404, 409))
def complete_exchange(call: Call, exchange_id: str) -> dict[str, Any]:
    """Say that it is complete. When both sides have said so, it is, and both get their points."""
    return _done(call, lambda tx: completion.complete(tx, exchange_id, call.user.uid, now=call.now))


@router.post(f"{ONE}/feedback", response=Exchange, status=201, errors=(403, 404, 409))
def give_feedback(call: Call, exchange_id: str, body: NewFeedback) -> dict[str, Any]:
    """Rate the other side of a completed exchange, once (409 FEEDBACK_GIVEN)."""

    def work(tx: Tx) -> Doc:
        return completion.give_feedback(
            tx,
            exchange_id,
            call.user.uid,
            rating=body.rating,
            comment=body.comment,
            endorse=body.endorse,
            now=call.now,
        )

    return _done(call, work)


@router.post(f"{ONE}/sessions", response=Exchange, status=201, errors=(403, 404, 409))
def schedule_session(call: Call, exchange_id: str, body: NewMeeting) -> dict[str, Any]:
    """Plan a session of an exchange that goes on."""
    session_id, secret = ids.new(), ids.crockford(_SECRET_SIZE).lower()

    def work(tx: Tx) -> Doc:
        return meetings.schedule(
            tx,
            exchange_id,
            call.user.uid,
            session_id=session_id,
            room_secret=secret,
            at=body.scheduled_at,
            minutes=body.duration_mins,
            topic=body.topic,
            meeting_url=body.meeting_url,
            settings=call.ctx.settings,
            now=call.now,
        )

    return _done(call, work)


@router.put(f"{ONE}/sessions/<session_id>", response=Exchange, errors=(403, 404, 409))
def change_session(call: Call, exchange_id: str, session_id: str, body: MeetingChange) -> dict[str, Any]:
    """Move a planned session, or say that it was held, or is not to be."""
    given = body.model_dump(by_alias=True, exclude_unset=True)
    fields = {name: value for name, value in given.items() if value is not None}
    uid, settings = call.user.uid, call.ctx.settings
    return _done(
        call, lambda tx: meetings.change(tx, exchange_id, session_id, uid, fields, settings=settings, now=call.now)
    )


@router.get(f"{ONE}/sessions/<session_id>/link", response=CallLink, errors=(403, 404, 409))
def session_link(call: Call, exchange_id: str, session_id: str) -> dict[str, Any]:
    """The way into a session's call, from ten minutes before the beginning on."""
    uid, settings, config = call.user.uid, call.ctx.settings, platform_config(call.ctx.db)
    return call.ctx.run(
        lambda tx: meetings.way_in(tx, exchange_id, session_id, uid, settings=settings, config=config, now=call.now)
    )


@router.put(f"{ONE}/milestones", response=Exchange, errors=(403, 404, 409))
def set_milestones(call: Call, exchange_id: str, body: Milestones) -> dict[str, Any]:
    """Set the milestones of an exchange that goes on, by either side."""
    given = [{"id": one.id or ids.new(), "title": one.title, "isDone": one.is_done} for one in body.milestones]
    return _done(call, lambda tx: meetings.set_milestones(tx, exchange_id, call.user.uid, given, now=call.now))


def _done(call: Call, work: Callable[[Tx], Doc]) -> dict[str, Any]:
    exchange = call.ctx.run(work)
    return views.exchange(exchange, _members(call, [exchange]))


def _listed(call: Call, found: Page, *, hides_inactive: bool = False) -> dict[str, Any]:
    """`hides_inactive`: leave out what is of members who were suspended; the page is short then."""
    members = _members(call, found.items)
    shown = [
        one
        for one in found.items
        if not hides_inactive or (members.get(one["requesterId"]) or {}).get("status") == "active"
    ]
    return {"items": [views.exchange(one, members) for one in shown], "nextCursor": found.next_cursor}


def _members(call: Call, exchanges: Iterable[Doc]) -> dict[str, Doc | None]:
    """The public profiles of their people, as they are now."""
    paths = {("members", uid) for one in exchanges for uid in (one["requesterId"], one["providerId"]) if uid}
    return {path[1]: doc for path, doc in call.ctx.db.get_many(sorted(paths)).items()} if paths else {}


def _key(skill: str | None) -> str | None:
    return None if skill is None else skills.key(skill)
