"""/consult: consults of a fixed length, for their two."""

from typing import Any

from konnect import idempotency, ids
from konnect.errors import Forbidden
from konnect.http.routing import Call, Router
from konnect.money import to_paise
from konnect.platform import platform_config
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import access, course, repository, service, views
from .schemas import Consult, ConsultReceipt, ConsultRequest, ConsultStarted, Extension

router = Router("Consults")


@router.post(
    "/consult/start",
    response=ConsultStarted,
    status=201,
    limit="bookings",
    errors=(402, 403, 404, 409),
    idempotent=True,
)
def start_consult(call: Call, body: ConsultRequest) -> dict[str, Any]:
    """Ask a consultant for a consult now. The price is held and the consultant reserved until the consult ends; if it
    is not accepted within five minutes, everything comes back. The same request again answers the same consult while it
    is pending.
    """
    uid = call.user.uid
    if body.user_id is not None and body.user_id != uid:
        raise Forbidden("userId is not your own", code="FOREIGN_USER")
    wanted = service.Wanted(
        uid=uid,
        consultant_id=body.consultant_id,
        type=body.type,
        minutes=body.duration_minutes,
        price_paise=None if body.price is None else to_paise(body.price),
        consult_id=ids.new(),
    )
    key = idempotency.key(uid, "consult", call.idempotency_key, body.model_dump(mode="json"))
    config, pace = platform_config(call.ctx.db), Pace.of(call.ctx.settings)
    consult = call.ctx.run(lambda tx: service.start(tx, wanted, key=key, config=config, pace=pace, now=call.now))
    return {"consultId": consult["id"], "status": consult["status"], "expiresAt": consult["expiresAt"]}


@router.get("/consult/<consult_id>", response=Consult, errors=(403, 404, 503))
def one_consult(call: Call, consult_id: str) -> dict[str, Any]:
    """A consult's state and its two. While it is active, its consultant also gets the user's birth details."""
    return _shown(call, call.ctx.run(lambda tx: _readable(call, tx, consult_id)))


@router.post("/consult/<consult_id>/accept", response=Consult, errors=(403, 404, 409))
def accept_consult(call: Call, consult_id: str) -> dict[str, Any]:
    """The consultant accepts. It begins as soon as both have joined; who does not come in time is told by the rules of
    booked sessions. 409 CONSULT_ENDED if it was withdrawn or too late.
    """
    pace = Pace.of(call.ctx.settings)
    consult = call.ctx.run(lambda tx: course.accept(tx, consult_id, call.user.uid, pace=pace, now=call.now))
    if consult["status"] not in repository.OPEN:
        # Raised only here, so that what ended it is committed.
        raise access.ended(consult)
    return _shown(call, consult)


@router.post("/consult/<consult_id>/extend", response=Consult, errors=(402, 403, 404, 409), idempotent=True)
def extend_consult(call: Call, consult_id: str, body: Extension) -> dict[str, Any]:
    """The user makes an active consult longer, if the wallet covers the further minutes and both are free."""
    uid = call.user.uid
    price_paise = None if body.price is None else to_paise(body.price)
    payload = {"consultId": consult_id, **body.model_dump(mode="json")}
    key = idempotency.key(uid, "consult-extension", call.idempotency_key, payload)
    config, pace = platform_config(call.ctx.db), Pace.of(call.ctx.settings)
    consult = call.ctx.run(
        lambda tx: service.extend(
            tx,
            consult_id,
            uid,
            body.minutes,
            price_paise=price_paise,
            key=key,
            config=config,
            pace=pace,
            now=call.now,
        )
    )
    return _shown(call, consult)


@router.post("/consult/<consult_id>/end", response=ConsultReceipt, errors=(403, 404))
def end_consult(call: Call, consult_id: str) -> dict[str, Any]:
    """End a consult, by either of its two, and get its receipt. One that has not begun is withdrawn, or declined, and
    everything comes back. Ending it again changes nothing.
    """
    uid, pace = call.user.uid, Pace.of(call.ctx.settings)

    def work(tx: Tx) -> dict[str, Any]:
        consult = course.end(tx, consult_id, uid, pace=pace, now=call.now)
        return _receipt(call, tx, consult)

    return call.ctx.run(work)


@router.get("/consult/<consult_id>/receipt", response=ConsultReceipt, errors=(403, 404, 409))
def consult_receipt(call: Call, consult_id: str) -> dict[str, Any]:
    """The receipt of an ended consult, to the second: who was there when, and what that comes to."""

    def work(tx: Tx) -> dict[str, Any]:
        consult = _readable(call, tx, consult_id)
        if consult["status"] in repository.OPEN:
            raise access.not_ended()
        return _receipt(call, tx, consult)

    return call.ctx.run(work)


def _readable(call: Call, tx: Tx, consult_id: str) -> Doc:
    consult = access.find(tx, consult_id)
    if call.user.role != "admin":
        access.check(consult, call.user.uid)
    return consult


def _receipt(call: Call, tx: Tx, consult: Doc) -> dict[str, Any]:
    uid = call.user.uid
    is_own = uid in {consult["userId"], consult["expertUid"]}
    side = access.side_of(consult, uid) if is_own else "admin"
    return views.receipt(consult, repository.terms(tx, consult["id"]), side=side)


def _shown(call: Call, consult: Doc) -> dict[str, Any]:
    if consult["status"] != "active" or call.user.uid != consult["expertUid"]:
        return views.consult(consult)
    from konnect.identity import birth

    return views.consult(consult, birth=birth.of(call.ctx, consult["userId"]))
