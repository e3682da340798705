"""Envelope encryption of what must not be readable at rest: bank accounts, birth details.

encryptionKeys/{number}: {number, wrapped, createdAt}: data keys (AES-256), each wrapped by Cloud KMS; no client reads
them. New data takes the newest key, old data names the one it was sealed with and stays readable: `rotate` adds a key.
A process asks KMS once a key.
"""

import base64
import hashlib
import hmac
import os
import threading
import time
from datetime import datetime
from typing import Any

from konnect import clock
from konnect.config import Settings
from konnect.context import Context
from konnect.errors import Conflict
from konnect.integrations.kms.client import Kms
from konnect.store import Database, Doc, Query

COLLECTION = "encryptionKeys"
KEY_BYTES, NONCE_BYTES = 32, 12
NEWEST_S = 300.0
"""How long a process takes its newest key for the newest."""
VERSION = "v1"

_keys: dict[tuple[str, int], bytes] = {}
_newest: dict[str, tuple[float, int]] = {}
_lock = threading.Lock()


class Unreadable(ValueError):
    """Not sealed here, changed since, or sealed about something else."""


def seal(ctx: Context, plain: str, about: str) -> str:
    """`plain`, encrypted; only `unseal` with the same `about` (whose it is, and what) reads it: it can't be moved.

    Outside of any transaction: the first use of a key asks KMS. Raises Unavailable.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    number = _current(ctx)
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(_key(ctx, number)).encrypt(nonce, plain.encode(), about.encode())
    return f"{VERSION}.{number}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(ctx: Context, sealed: str, about: str) -> str:
    """What was sealed. Outside of any transaction, as `seal`. Raises Unreadable, Unavailable."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, _, rest = sealed.partition(".")
    number, _, encoded = rest.partition(".")
    if version != VERSION or not number.isdecimal():
        raise Unreadable("not sealed here")
    try:
        data = base64.urlsafe_b64decode(encoded.encode())
        return AESGCM(_key(ctx, int(number))).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise Unreadable("changed since, or about something else") from error


def digest(ctx: Context, value: str, about: str) -> str:
    """A keyed hash, 64 hexadecimal digits: equal for equal values, and no help to who guesses them without the key.

    By the first data key always, so that what was hashed stays findable. As `seal`, outside of any transaction.
    """
    _current(ctx)
    own = hmac.digest(_key(ctx, 1), b"konnect digest", hashlib.sha256)
    return hmac.digest(own, f"{about}\n{value}".encode(), hashlib.sha256).hex()


def rotate(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """Console function: add a data key, with which all is sealed within five minutes. Returns {"key": its number}."""
    newest = _stored(ctx.db)
    return {"key": _add(ctx, newest["number"] + 1 if newest else 1, now)}


def _current(ctx: Context) -> int:
    """The number of the newest key; the first is made here."""
    with _lock:
        seen_s, number = _newest.get(ctx.db.project, (-NEWEST_S, 0))
    if time.monotonic() - seen_s < NEWEST_S:
        return number
    newest = _stored(ctx.db)
    number = newest["number"] if newest else _add(ctx, 1, clock.now())
    with _lock:
        _newest[ctx.db.project] = (time.monotonic(), number)
    return number


def _stored(db: Database) -> Doc | None:
    return next(iter(Query((COLLECTION,), order=(("number", "desc"),), limit=1).run(db)), None)


def _add(ctx: Context, number: int, now: datetime) -> int:
    key, kms = os.urandom(KEY_BYTES), Kms(ctx.settings)
    wrapped = kms.wrap(key, _about(ctx.settings, number))
    # What is sealed with a key that does not come back is lost.
    if kms.unwrap(wrapped, _about(ctx.settings, number)) != key:
        raise RuntimeError("KMS gave another key back than was wrapped")
    doc: Doc = {"number": number, "wrapped": wrapped, "createdAt": now}
    try:
        ctx.run(lambda tx: tx.create((COLLECTION, str(number)), doc))
    except Conflict:
        # Another process was first; its key is as good.
        return number
    with _lock:
        _keys[ctx.db.project, number] = key
    return number


def _key(ctx: Context, number: int) -> bytes:
    found = _keys.get((ctx.db.project, number))
    if found is None:
        stored = ctx.db.get(COLLECTION, str(number))
        if stored is None:
            raise Unreadable(f"there is no key {number}")
        found = Kms(ctx.settings).unwrap(stored["wrapped"], _about(ctx.settings, number))
        with _lock:
            _keys[ctx.db.project, number] = found
    return found


def _about(settings: Settings, number: int) -> str:
    return f"{settings.google_cloud_project}/{COLLECTION}/{number}"
