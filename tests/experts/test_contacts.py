"""Public texts of profiles name no way around the platform, unless the configuration lets them."""

from typing import Any

import pytest

from konnect import platform
from konnect.contacts import MAIL_HIDDEN, PHONE_HIDDEN
from konnect.experts import applications, profiles
from konnect.platform import platform_config
from tests.experts import world

BIO = "Call 98765 43210 or asha@example.com. 12 years, 2,500 INR."
HIDDEN = f"Call {PHONE_HIDDEN} or {MAIL_HIDDEN}. 12 years, 2,500 INR."


def test_a_bio_is_stored_without_contacts() -> None:
    with world.opened() as (ctx, _):
        world.expert(ctx, "asha")
        for where, stored in (("bookings", HIDDEN), ("nowhere", BIO), ("everywhere", HIDDEN)):
            ctx.run(lambda tx, where=where: platform.change(tx, {"maskContacts": where}))
            platform.forget(ctx.db)
            ctx.run(lambda tx: profiles.update(tx, "asha", {"bio": BIO, "phone": "9876543210"}, now=world.START))
            assert world.doc(ctx, "experts", "asha")["bio"] == stored
        # What only the owner and admins read stays.
        assert world.doc(ctx, "experts", "asha", "private", "onboarding")["phone"] == "9876543210"


SAID: dict[str, Any] = {
    "name": "Asha 98765 43210",
    "title": f"SDE, {BIO}",
    "bio": BIO,
    "company": "asha@example.com",
    "languages": ["Hindi", "98765 43210"],
    "specialties": ["DSA", "asha@example.com"],
}
SHOWN = {
    "name": "Asha",
    "title": f"SDE, {HIDDEN}",
    "bio": HIDDEN,
    "company": MAIL_HIDDEN,
    "languages": ["Hindi", PHONE_HIDDEN],
    "specialties": ["DSA", MAIL_HIDDEN],
}


@pytest.mark.parametrize("way", ["registered", "edited"])
def test_nothing_that_the_public_reads_has_them(way: str) -> None:
    with world.opened() as (ctx, _):
        if way == "registered":
            config = platform_config(ctx.db)
            ctx.run(lambda tx: applications.apply(tx, "asha", None, {**SAID}, config, now=world.START))
        else:
            world.expert(ctx, "asha")
            past = [{"company": "asha@example.com", "role": "98765 43210", "from": 2020, "to": None}]
            fields = {**SAID, "currentRole": "98765 43210", "pastRoles": past}
            ctx.run(lambda tx: profiles.update(tx, "asha", fields, now=world.START))
        stored = world.doc(ctx, "experts", "asha")
        assert {name: stored[name] for name in SHOWN} == SHOWN
        if way == "edited":
            [role] = stored["pastRoles"]
            assert (stored["currentRole"], role["company"], role["role"]) == (PHONE_HIDDEN, MAIL_HIDDEN, PHONE_HIDDEN)
