"""/api/experts: to be found, and to become one."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.money import to_paise
from konnect.platform import platform_config
from konnect.store import Doc, Tx
from konnect.uploads.schemas import StoredFile

from . import applications, creation, files, listing, profiles, search, service, specialties
from .profile_schemas import NewExpert, Resume
from .schemas import Expert, ExpertsQuery, OwnExpert, Registration
from .specialty_schemas import SpecialtiesQuery, Specialty

router = Router("Experts")


@router.get("/api/experts", response=Listing[Expert], auth="public")
def list_experts(call: Call, query: ExpertsQuery) -> dict[str, Any]:
    """List approved experts: filtered, searched and sorted. A change of a profile shows within moments."""
    criteria = search.Criteria(
        search=query.search,
        specialty=query.specialty,
        available=query.available,
        min_rating=query.min_rating,
        max_price_paise=to_paise(query.max_price) if query.max_price is not None else None,
        sort=query.sort,
    )
    found = listing.find(call.ctx.db, criteria, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/experts/specialties", response=Listing[Specialty], auth="public")
def list_specialties(call: Call, query: SpecialtiesQuery) -> dict[str, Any]:
    """List the specialties in use, with how many approved experts have each. A page can be short."""
    found = specialties.listed(call.ctx.db, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.post("/api/experts", response=OwnExpert, auth="admin", status=201, errors=(404, 409))
def create_expert(call: Call, body: NewExpert) -> dict[str, Any]:
    """Create an expert, approved at once, for an account that is there or for whoever signs in with an address."""
    fields = {**body.model_dump(by_alias=True), "pricePerMinPaise": _price_paise(body)}
    created = creation.create(call.ctx, fields, by=call.user.uid, now=call.now)
    return own_view(created)


@router.get("/api/experts/me", response=OwnExpert, errors=(404,))
def own_expert(call: Call) -> dict[str, Any]:
    """The caller's own expert profile, in any state of the application."""
    return own_view(call.ctx.run(lambda tx: service.own(tx, call.user.uid)))


@router.get("/api/experts/me/resume", response=StoredFile, errors=(404, 503))
def read_resume(call: Call) -> dict[str, Any]:
    """A URL to read the caller's own résumé by, for ten minutes."""
    own = call.ctx.run(lambda tx: service.own(tx, call.user.uid))
    return files.resume(call.ctx, own, now=call.now)


@router.put("/api/experts/me/resume", response=OwnExpert, errors=(404, 503))
def set_resume(call: Call, body: Resume) -> dict[str, Any]:
    """Set the caller's résumé, to a file that they have uploaded here."""
    uid = call.user.uid
    fields, found = files.checked(call.ctx, uid, {"resumeUrl": body.resume_url}, now=call.now)

    def work(tx: Tx) -> Doc:
        expert_id = service.own(tx, uid)["id"]
        files.adopt(tx, call.ctx.settings, uid, fields, found, now=call.now)
        profiles.update(tx, expert_id, fields, now=call.now)
        return service.own(tx, uid)

    return own_view(call.ctx.run(work))


@router.post("/api/experts/register", response=OwnExpert, status=201, errors=(409, 503))
def register(call: Call, body: Registration) -> dict[str, Any]:
    """Apply to be an expert. The application starts as `applied`; an admin decides."""
    user, now = call.user, call.now
    fields, found = files.checked(call.ctx, user.uid, body.model_dump(by_alias=True), now=now)
    fields["pricePerMinPaise"] = _price_paise(body)
    config = platform_config(call.ctx.db)

    def work(tx: Tx) -> Doc:
        files.adopt(tx, call.ctx.settings, user.uid, fields, found, now=now)
        return applications.apply(tx, user.uid, user.email, fields, config, now=now)

    return own_view(call.ctx.run(work))


def own_view(expert: dict[str, Any]) -> dict[str, Any]:
    """A profile with its private part, as its owner sees it."""
    private = expert["onboardingData"]
    return {**expert, "email": private.get("email"), "acceptsSessions": private.get("acceptsSessions", True)}


def _price_paise(body: Registration) -> int | None:
    return to_paise(body.price_per_min) if body.price_per_min is not None else None
