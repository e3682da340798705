"""Identifiers: random ones for documents, digests for names that must not be sequential."""

import hashlib
import re
import secrets

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new() -> str:
    """A random document id: 20 letters and digits (119 bits), the form Firestore gives its own."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


def crockford(size: int) -> str:
    """Random letters and digits that people don't confuse (Crockford's base 32)."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(size))


def request_id(given: str | None) -> str:
    """The X-Request-Id that a client has sent if it is sane, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else new()


def digest(*parts: object) -> str:
    """A stable name made of `parts`: 32 hex digits, evenly spread (Cloud Tasks is slow with sequential names)."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]


def valid(value: str) -> bool:
    """Whether a client's string can be a document id of ours, so that no path is ever built from anything else."""
    return (
        0 < len(value) <= 128
        and value.isascii()
        and all(character.isalnum() or character in "-_." for character in value)
        and value not in {".", ".."}
        and not value.startswith("__")
    )
