"""/api/mentors: to find a mentor, and to become one."""

from typing import Any

from flask import Response

from konnect import clock, ids
from konnect.errors import BadRequest
from konnect.experts import files
from konnect.experts import service as experts
from konnect.http import VERSION
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.http.system import Health
from konnect.money import to_paise
from konnect.platform import platform_config
from konnect.store import Doc, Tx

from . import discovery, service, stats, views
from .schemas import Mentor, MentorApplication, MentorCard, MentorProfileEdit, MentorsQuery, MentorStats, OwnMentor

router = Router("Mentors")


@router.get("/api/mentors", response=Listing[MentorCard])
def list_mentors(call: Call, query: MentorsQuery) -> dict[str, Any]:
    """List mentors who can be booked: filtered and sorted. A change of a profile shows within moments."""
    criteria = discovery.Criteria(
        expertise=tuple(query.expertise or ()),
        company=query.company,
        price_min_paise=to_paise(query.price_min) if query.price_min is not None else None,
        price_max_paise=to_paise(query.price_max) if query.price_max is not None else None,
        rating=query.rating,
        day=query.availability,
        tz=query.tz,
        sort=query.sort,
    )
    found = discovery.find(call.ctx, criteria, limit=query.limit, cursor=query.cursor, number=query.page, now=call.now)
    return {"items": [views.card(mentor) for mentor in found.items], "nextCursor": found.next_cursor}


@router.get("/api/mentors/health", response=Health, auth="public", limit=None)
def health(call: Call) -> Health:
    """Whether mentors are served."""
    call.response_headers["Cache-Control"] = "no-store"
    return Health(status="ok", version=VERSION, time=clock.iso(call.now))


@router.get("/api/mentors/dashboard/stats", response=MentorStats, auth="expert", errors=(404,))
def dashboard_stats(call: Call) -> dict[str, Any]:
    """What the caller's bookings, reviews and answers add up to. It follows within moments."""
    expert = call.ctx.run(lambda tx: experts.own(tx, call.user.uid))
    return stats.of(call.ctx.db, expert, now=call.now)


@router.post("/api/mentors/apply", response=OwnMentor, status=201, errors=(409, 503))
def apply(call: Call, body: MentorApplication) -> dict[str, Any]:
    """Apply to be a mentor. An admin decides; who was rejected may apply again."""
    user, now, config = call.user, call.now, platform_config(call.ctx.db)
    given = body.model_dump(by_alias=True, exclude={"availability"}, exclude_none=True)
    given.setdefault("name", user.name)
    if not given["name"]:
        raise BadRequest.field("name", "is required, since the account has none")
    given, found = _photo(call, given, None)
    week, spare = body.week, ids.crockford(5)

    def work(tx: Tx) -> Doc:
        files.adopt(tx, call.ctx.settings, user.uid, _named(given), found, now=now)
        return service.apply(tx, user.uid, user.email, given, week, config, spare=spare, now=now)

    return views.own(call.ctx.run(work))


@router.put("/api/mentors/profile", response=OwnMentor, auth="expert", errors=(404, 409, 503))
def edit_profile(call: Call, body: MentorProfileEdit) -> dict[str, Any]:
    """Change one's own profile. Prices and topics hold for bookings from now on; another slug leads on from the one
    before.
    """
    uid, now, config = call.user.uid, call.now, platform_config(call.ctx.db)
    given = body.model_dump(by_alias=True, exclude_unset=True)
    kept = call.ctx.run(lambda tx: files.named(tx, experts.id_of(tx, uid))) if "photo" in given else None
    given, found = _photo(call, given, kept)

    def work(tx: Tx) -> Doc:
        files.adopt(tx, call.ctx.settings, uid, _named(given), found, now=now)
        return service.edit(tx, uid, given, config, now=now)

    return views.own(call.ctx.run(work))


@router.get(
    "/api/mentors/<slug>",
    response=Mentor,
    errors=(404,),
    documentation={"responses": {"301": {"description": "A former slug. `Location` has the mentor's own."}}},
)
def one_mentor(call: Call, slug: str) -> dict[str, Any] | Response:
    """A mentor's page by its slug (or the mentor's id). A former slug is redirected (301) to the one that holds."""
    mentor = service.find(call.ctx.db, slug)
    current = mentor.get("slug")
    if current and slug.lower() not in {current, mentor["id"].lower()}:
        # To the same origin, so that a browser sends the token along; and not to be cached, for it can be undone.
        return Response(status=301, headers={"Location": f"/api/mentors/{current}"})
    return views.page(mentor)


def _photo(call: Call, given: dict[str, Any], kept: Doc | None) -> tuple[dict[str, Any], files.Files]:
    """`given` with the photo's address as we write it, and its file if it is one of ours. Raises BadRequest (photo)."""
    if given.get("photo") is None:
        return given, {}
    wire = {"imageUrl": "photo"}
    fields, found = files.checked(call.ctx, call.user.uid, _named(given), now=call.now, kept=kept, wire=wire)
    return {**given, "photo": fields["imageUrl"]}, found


def _named(given: dict[str, Any]) -> Doc:
    return {"imageUrl": given["photo"]} if "photo" in given else {}
