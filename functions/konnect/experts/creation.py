"""An expert whom an admin creates, without an application."""

from datetime import datetime
from typing import Any

from konnect import audit, ids
from konnect.context import Context
from konnect.errors import BadRequest, Conflict
from konnect.platform import platform_config
from konnect.store import Doc, Tx
from konnect.tasks import Task

from . import applications, linking, profiles, service


def create(ctx: Context, fields: dict[str, Any], *, by: str, now: datetime) -> Doc:
    """An approved profile. With `firebaseUid` it is that account's, which gets the role; with `email` it waits for
    whoever signs in with that address, verified (linking.py); with neither it can be shown, and never be online.

    Raises BadRequest (firebaseUid: no such user), Conflict (ALREADY_REGISTERED).
    """
    uid, email = fields.get("firebaseUid"), fields.get("email")
    default_price_paise = platform_config(ctx.db).default_price_paise
    new_id = ids.new()

    def work(tx: Tx) -> Doc:
        if uid is not None:
            user = tx.get("users", uid)
            if user is None:
                raise BadRequest.field("firebaseUid", "is no user who has signed in here")
            expert_id, address = service.id_of(tx, uid), user["email"]
        elif email is not None:
            expert_id, address = linking.imported_id(email), linking.normal_email(email)
        else:
            expert_id, address = new_id, None
        if tx.get("experts", expert_id) is not None:
            raise Conflict("there is a profile for this person already", code="ALREADY_REGISTERED")
        created = profiles.create(
            tx,
            expert_id,
            fields,
            email=address,
            firebase_uid=uid,
            status="approved",
            default_price_paise=default_price_paise,
            now=now,
        )
        after = {"name": created["name"], "firebaseUid": uid, "email": address}
        audit.write(tx, actor=by, action="expert.create", target=f"experts/{expert_id}", after=after, now=now)
        if uid is not None:
            tx.enqueue(Task("/experts/give-role", ("give-role", expert_id, now.isoformat()), {"expertId": expert_id}))
        return created

    created = ctx.run(work)
    if uid is not None:
        applications.give_role(ctx, created["id"], now=now)
    return created
