"""Returning customers: one at the provider for each user with a confirmed address, and none that stops a payment."""

from typing import Any

from konnect import clock
from konnect.integrations.razorpay.client import gateway
from konnect.payments import customers
from konnect.store import Doc
from tests.support import at_once

from .conftest import OWNER, Shop

MAIL = {"email": "asha@konnect.test", "emailVerified": True}


def person(shop: Shop, uid: str = OWNER, **fields: Any) -> None:
    shop.ctx.db.set(("users", uid), {"name": "Asha Rao", "disabled": False, **MAIL, **fields})


def known(shop: Shop) -> list[Doc]:
    return list(shop._sandbox("GET", "/v1/customers?count=100")["items"])


def order(shop: Shop, uid: str = OWNER) -> str | None:
    """Open one; the user's customer id afterwards."""
    provider = gateway(shop.ctx.settings)
    customers.open_order(shop.ctx, provider, uid, amount_paise=100, receipt="r", notes={}, now=clock.now())
    return customers.linked(shop.ctx.db, uid)


def mail_of(shop: Shop) -> str:
    """An address of this test's own, since all share the provider."""
    return f"{shop.ctx.db.project}@konnect.test"


def test_made_at_the_first_payment_and_kept(shop: Shop) -> None:
    person(shop, email=mail_of(shop))
    first, second = shop.deposit(), shop.deposit()
    assert first["customerId"]
    assert first["customerId"] == second["customerId"]
    assert {one["customer_id"] for one in shop.provider_orders()[:2]} == {first["customerId"]}
    [customer] = [one for one in known(shop) if one["email"] == mail_of(shop)]
    expected = {"id": first["customerId"], "name": "Asha Rao", "contact": None, "notes": {"uid": OWNER}}
    assert expected.items() <= customer.items()


def test_ten_at_once_are_one(shop: Shop) -> None:
    person(shop, email=mail_of(shop))
    found = at_once(10, lambda _: order(shop))
    assert len({one for one in found if isinstance(one, str)}) == 1
    assert len([one for one in known(shop) if one["email"] == mail_of(shop)]) == 1


def test_only_a_confirmed_address_makes_one(shop: Shop) -> None:
    person(shop, email=mail_of(shop), emailVerified=False)
    assert shop.deposit()["customerId"] is None
    person(shop, "nobody", email=None)
    assert order(shop, "nobody") is None
    assert shop.ctx.db.get("customers", OWNER) is None


def test_an_address_that_has_changed_hands_opens_nothing(shop: Shop) -> None:
    person(shop, email=mail_of(shop))
    person(shop, "second", email=mail_of(shop))
    assert order(shop) is not None
    assert [order(shop, "second"), order(shop, "second")] == [None, None]


def test_a_name_that_the_provider_does_not_take(shop: Shop) -> None:
    person(shop, email=mail_of(shop), name="आशा राव")
    assert order(shop) is not None
    assert [one["name"] for one in known(shop) if one["email"] == mail_of(shop)] == [None]


def test_without_one_everything_can_be_paid(shop: Shop) -> None:
    person(shop, email=mail_of(shop))
    shop.fault(api={"status": 500, "path": "/v1/customers", "times": 1})
    assert shop.deposit()["customerId"] is None
    assert shop.deposit()["customerId"]


def test_one_who_is_gone_at_the_provider(shop: Shop) -> None:
    person(shop, email=mail_of(shop))
    gone = f"cust_{'x' * 14}"
    shop.ctx.db.set(("customers", OWNER), {"customerId": gone, "createdAt": clock.now()})
    shop.ctx.db.set(("customerClaims", gone), {"uid": OWNER})
    assert shop.deposit()["customerId"] is None
    assert shop.ctx.db.get("customerClaims", gone) is None
    assert shop.deposit()["customerId"]


def test_the_link_goes_with_the_account(shop: Shop) -> None:
    person(shop, email=mail_of(shop))
    customer_id = order(shop)
    assert customer_id is not None
    for _ in range(2):
        customers.erase(shop.ctx, OWNER)
    assert [shop.ctx.db.get("customers", OWNER), shop.ctx.db.get("customerClaims", customer_id)] == [None, None]
    # Whoever has the address next is not shut out.
    person(shop, "second", email=mail_of(shop))
    assert order(shop, "second") == customer_id
    assert customers.linked(shop.ctx.db, "second") == customer_id
