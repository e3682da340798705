"""Idempotency-Key: a POST that moves money answers a repeat with the first answer (kept 24 h).

A key belongs to one user and one operation, and stands for one input: the same key with another input is 409
IDEMPOTENCY_KEY_REUSED. `once` serves effects within one transaction. Where a provider is called between two
transactions: `reserve`, call, `record`; a concurrent repeat meets the reservation: 409 IN_PROGRESS.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import clock, ids
from .context import Context
from .errors import BadRequest, Conflict, KonnectError
from .store import Doc, Tx

log = logging.getLogger(__name__)
KEPT_S = 24 * 3600
RESERVED_S = 60
MAX_LENGTH = 255


@dataclass(frozen=True)
class Key:
    """One request's key. `id` names its document; `input_hash` is of the input."""

    id: str
    input_hash: str


def key(uid: str, operation: str, header: str | None, payload: dict[str, Any]) -> Key | None:
    """The key of a request, None if it sent none. Raises BadRequest for a header that is no key."""
    if header is None:
        return None
    if not 0 < len(header) <= MAX_LENGTH or not header.isprintable():
        raise BadRequest.field("Idempotency-Key", f"must be 1 to {MAX_LENGTH} printable characters")
    canonical = json.dumps(payload, sort_keys=True, default=str)
    return Key(ids.digest(uid, operation, header), hashlib.sha256(canonical.encode()).hexdigest())


def once(tx: Tx, of: Key | None, effect: Callable[[], dict[str, Any]], *, now: datetime) -> dict[str, Any]:
    """The first answer, or that of the effect, kept in its transaction. Raises as `replay`."""
    answered = replay(tx, of, now=now)
    if answered is not None:
        return answered
    result = effect()
    record(tx, of, result, now=now)
    return result


def replay(tx: Tx, of: Key | None, *, now: datetime) -> dict[str, Any] | None:
    """The first answer, if this key has one. Raises Conflict: other input, or the first is still under way."""
    if of is None:
        return None
    found = tx.get("idempotency", of.id)
    if found is None or found["expiresAt"] <= now:
        return None
    if found["inputHash"] != of.input_hash:
        raise Conflict("this Idempotency-Key was used with other input", code="IDEMPOTENCY_KEY_REUSED")
    if found["result"] is None:
        raise Conflict("the first request with this key is under way", code="IN_PROGRESS", retry_after_s=1)
    return dict(found["result"])


def reserve(tx: Tx, of: Key | None, *, by: str, now: datetime) -> dict[str, Any] | None:
    """Claim the key before a provider is called; an abandoned claim lapses after a minute. `by` is this request's own
    id, by which it knows its claim again when the commit's outcome was unknown."""
    if of is None or (tx.get("idempotency", of.id) or {}).get("by") == by:
        return None
    result = replay(tx, of, now=now)
    if result is None:
        tx.set(("idempotency", of.id), {**_doc(of, None, clock.after(now, RESERVED_S)), "by": by})
    return result


def record(tx: Tx, of: Key | None, result: dict[str, Any], *, now: datetime) -> None:
    """Keep the answer, in the transaction of its effect."""
    if of is not None:
        tx.set(("idempotency", of.id), _doc(of, result, clock.after(now, KEPT_S)))


def release(tx: Tx, of: Key | None, *, by: str) -> None:
    """Give one's own reservation back after the provider has failed, so that the client may try again at once."""
    if of is None:
        return
    found = tx.get("idempotency", of.id)
    if found is not None and found.get("by") == by and found["result"] is None:
        tx.delete(("idempotency", of.id))


def let_go(ctx: Context, of: Key | None, *, by: str) -> None:
    """`release` after a failure, which the client must see first: should this fail too, the reservation lapses by
    itself."""
    if of is None:
        return
    try:
        ctx.run(lambda tx: release(tx, of, by=by))
    except KonnectError as error:
        log.warning("idempotency key not released", extra={"error": error.message})


def _doc(of: Key, result: dict[str, Any] | None, expires_at: datetime) -> Doc:
    return {"inputHash": of.input_hash, "result": result, "expiresAt": expires_at}
