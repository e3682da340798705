"""A small endpoints module: one route for each thing that the HTTP layer does."""

from datetime import UTC, datetime
from typing import Any, Literal

from flask import Response
from google.api_core.exceptions import ServiceUnavailable
from pydantic import ConfigDict, Field

from konnect.context import Context
from konnect.errors import NotFound, PaymentRequired, RateLimited, Unavailable
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, ListQuery, Schema
from konnect.money import Rupees

router = Router("Things")
CREATED = datetime(2026, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)


class Thing(Schema):
    """Something."""

    thing_id: str
    price_inr: float | None = Field(default=None, description="In INR.", examples=[10])
    created_at: datetime = CREATED


class Part(Schema):
    part_name: str


class NewThing(Schema):
    amount: Rupees
    display_name: str = Field(min_length=2, max_length=10)
    kind: Literal["small", "large"] = "small"
    parts: list[Part] = Field(default_factory=list)


class Strict(Schema):
    model_config = ConfigDict(extra="forbid")

    note: str | None = None


class ThingsQuery(ListQuery):
    kind: Literal["small", "large"] | None = None
    tag: list[str] = Field(default_factory=list)


@router.get("/api/things", auth="public", response=Listing[Thing])
def many(call: Call, query: ThingsQuery) -> Listing[Thing]:
    """Things, newest first.

    Filtered by kind.
    """
    names = [query.kind or "any", *query.tag][: query.limit]
    return Listing[Thing](items=[Thing(thing_id=name) for name in names], next_cursor=query.cursor)


@router.get("/api/things/mine", response=Thing)
def mine(call: Call) -> dict[str, Any]:
    """One's own; what the model does not name is left out."""
    return {"thingId": call.user.uid, "createdAt": CREATED, "secret": "not for the wire"}


@router.get("/api/things/<thing_id>", auth="public", response=Thing, errors=(404,))
def one(call: Call, thing_id: str) -> Thing:
    if thing_id == "gone":
        raise NotFound("there is no such thing")
    return Thing(thing_id=thing_id)


@router.post("/api/things", response=Thing, status=201, errors=(402,), idempotent=True)
def create(call: Call, body: NewThing) -> Thing:
    if body.amount > 1000:
        raise PaymentRequired("the balance is too small", details=[{"needed": body.amount}])
    call.response_headers["RateLimit-Remaining"] = "7"
    return Thing(thing_id=call.idempotency_key or call.user.uid, price_inr=body.amount)


@router.put("/api/things/<thing_id>/note", auth="public", max_body_bytes=100)
def note(call: Call, thing_id: str, body: Strict) -> dict[str, Any]:
    return {"note": body.note, "at": CREATED, "thing": Thing(thing_id=thing_id)}


@router.delete("/api/things/<thing_id>", auth="admin")
def remove(call: Call, thing_id: str) -> None:
    return None


@router.get("/api/things/<thing_id>/queue", auth="expert")
def queue(call: Call, thing_id: str) -> tuple[dict[str, Any], int]:
    profile = call.ctx.db.get("things", thing_id)
    call.ctx.db.set(("things", thing_id), {"seen": True})
    return {"profile": profile}, 202


@router.get("/api/things/raw/file", auth="public")
def raw(call: Call) -> Response:
    return Response("a,b", content_type="text/csv", headers={"X-Frame-Options": "SAMEORIGIN"})


@router.get("/api/things/fails/<how>", auth="public")
def fails(call: Call, how: str) -> None:
    raise {
        "bug": RuntimeError("the password is hunter2"),
        "busy": Unavailable(),
        "limited": RateLimited("too many requests", retry_after_s=30),
        "firestore": ServiceUnavailable("connection reset"),
    }[how]


def work(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """A task's handler."""
    if payload.get("fail") == "busy":
        raise Unavailable()
    if payload.get("fail"):
        raise RuntimeError("no")
    ctx.db.set(("done", payload["id"]), {"at": now})
