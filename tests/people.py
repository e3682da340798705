"""People of the shared stack, new for each test, so that tests don't meet."""

import uuid
from collections.abc import Mapping
from typing import Any

from local.person import Person, make_admin, make_expert

PASSWORD = "konnect-test"


def phone() -> str:
    """A number that nobody has."""
    return f"+919{uuid.uuid4().int % 10**9:09}"


def person(env: Mapping[str, str], name: str) -> Person:
    """A new account with a profile and an empty wallet."""
    made = Person.sign_up(env, f"{name.lower()}-{uuid.uuid4().hex[:10]}@konnect.test", PASSWORD, name)
    made.post("/api/auth/verify")
    return made


def user(env: Mapping[str, str], name: str = "Meera", *, rupees: float = 0) -> Person:
    made = person(env, name)
    if rupees:
        made.deposit(rupees)
    return made


def admin(env: Mapping[str, str]) -> Person:
    made = person(env, "Admin")
    make_admin(env, made)
    return made


def expert(env: Mapping[str, str], name: str = "Asha", **profile: Any) -> Person:
    """An approved expert, offline."""
    made = person(env, name)
    make_expert(admin(env), made, **{"pricePerMin": 10, **profile})
    return made
