"""Identifiers: random ones for documents, digests for names that must not be sequential."""

import hashlib
import secrets

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def new() -> str:
    """A random document id: 20 letters and digits (119 bits), the form Firestore gives its own."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


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
