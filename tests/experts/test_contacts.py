"""Public texts of profiles name no way around the platform, unless the configuration lets them."""

from konnect import platform
from konnect.contacts import MAIL_HIDDEN, PHONE_HIDDEN
from konnect.experts import profiles
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
