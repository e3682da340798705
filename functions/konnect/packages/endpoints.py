"""/api/packages, and PUT /api/mentors/packages."""

from typing import Any

from konnect import idempotency
from konnect.errors import BadRequest
from konnect.experts import service as experts
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.integrations.razorpay.client import gateway
from konnect.money import CURRENCY, to_paise
from konnect.rates import service as rates
from konnect.store import Doc

from . import checkout, repository, service
from .schemas import Package, PackageSizes, PackagesQuery, Purchased, PurchaseRequest
from .service import Size

router = Router("Packages")


@router.get("/api/packages", response=Listing[Package], errors=(404,))
def list_packages(call: Call, query: PackagesQuery) -> dict[str, Any]:
    """The packages of sessions that a mentor offers, or those that the caller has bought."""
    if query.mine:
        found = repository.owned(
            call.ctx.db, call.user.uid, mentor_id=query.mentor_id, limit=query.limit, cursor=query.cursor
        )
        return {"items": [_bought(one) for one in found.items], "nextCursor": found.next_cursor}
    if query.mentor_id is None:
        raise BadRequest.field("mentorId", "is required unless mine is true")
    expert = call.ctx.run(lambda tx: experts.get(tx, query.mentor_id or ""))
    found = repository.active(call.ctx.db, expert["id"], limit=query.limit, cursor=query.cursor)
    return {"items": _offered(call, expert, found.items), "nextCursor": found.next_cursor}


@router.put("/api/mentors/packages", response=Listing[Package], auth="expert", errors=(404,))
def offer_packages(call: Call, body: PackageSizes) -> dict[str, Any]:
    """Offer these packages, and no others, from now on. Those that are bought stay as they are."""
    sizes = [Size(one.sessions, one.duration, one.discount_percent, one.valid_days) for one in body.packages]
    packages = call.ctx.run(lambda tx: service.offer(tx, call.user.uid, sizes, now=call.now))
    expert = call.ctx.run(lambda tx: experts.own(tx, call.user.uid))
    return {"items": _offered(call, expert, packages), "nextCursor": None}


@router.post(
    "/api/packages/<package_id>/purchase",
    response=Purchased,
    status=201,
    limit="payments",
    errors=(404, 409, 502, 503),
    idempotent=True,
)
def purchase_package(call: Call, package_id: str, body: PurchaseRequest) -> dict[str, Any]:
    """Buy a package: `order` is to be paid, as a booking's. Each of its sessions is then booked by `POST /api/bookings`
    with `packagePurchaseId`.
    """
    payload = {"packageId": package_id, **body.model_dump(mode="json")}
    purchase, order = checkout.start(
        call.ctx,
        gateway(call.ctx.settings),
        call.user.uid,
        package_id,
        price_paise=None if body.price is None else to_paise(body.price),
        key=idempotency.key(call.user.uid, service.KIND, call.idempotency_key, payload),
        now=call.now,
    )
    return {"package": _bought(purchase), "order": order}


def _offered(call: Call, expert: Doc, packages: list[Doc]) -> list[dict[str, Any]]:
    """As they are sold now; those of a length that has no price any more are not."""
    frozen = rates.of_mentor(rates.at(call.ctx.db, call.now), expert, call.now)
    quotes = [(one, service.quote(one, expert, frozen)) for one in packages]
    return [{**one, **found.fields, "currency": CURRENCY} for one, found in quotes if found is not None]


def _bought(purchase: Doc) -> dict[str, Any]:
    bought = {**purchase, "paidAt": purchase["payment"]["paidAt"]}
    return {**purchase, "id": purchase["packageId"], "purchase": bought}
