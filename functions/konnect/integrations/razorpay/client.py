"""The gateway: what payments need of Razorpay, over its official client (imported at first use)."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from konnect.config import Settings
from konnect.errors import BadRequest
from konnect.integrations import gateway as any_gateway
from konnect.integrations.answers import listed, parsed

from . import signatures
from .entities import PROVIDER, REFUND_NOTE, Payment, Refund, SettledItem, Settlement, id_of

T = TypeVar("T")
REFUNDS_A_PAGE = 100
SETTLEMENTS_A_PAGE = 100
ITEMS_A_PAGE = 1000
MAX_ITEMS = 50_000
_CUSTOMER_NAME = re.compile(r"[A-Za-z0-9 .'/@()]{3,50}")


class Gateway(any_gateway.Gateway, Protocol):
    """Razorpay's own: each call raises Unavailable (try again) or BadGateway (refused: repeating does not help)."""

    @property
    def key_id(self) -> str:
        """The public key that a checkout is opened with."""

    def create_order(
        self, *, amount_paise: int, currency: str, receipt: str, notes: dict[str, str], customer_id: str | None = None
    ) -> str:
        """Open an order; returns its id. `receipt` has at most 40 characters, `notes` 15 pairs of 256."""

    def create_customer(self, *, name: str | None, email: str, notes: dict[str, str]) -> str:
        """The customer with this address, made if there is none; returns its id. A name that the provider's form
        refuses is left out."""

    def refunds_made(self, since: datetime, until: datetime, *, skip: int, limit: int) -> list[Refund]:
        """A page, of at most 100, of all the account's refunds made from `since` to `until`, both included, the newest
        first, but for `skip` of them."""

    def settlements(self, since: datetime, until: datetime) -> list[Settlement]:
        """Settlements made from `since` to before `until`."""

    def settled_items(self, year: int, month: int) -> list[SettledItem]:
        """The payments, refunds and others that were settled in a month of India's calendar."""

    def checkout_matches(self, order_id: str, payment_id: str, signature: str) -> bool:
        """Whether the checkout's signature is genuine."""


class RazorpayGateway:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        from .transport import official_client

        return official_client(self._settings)

    @property
    def key_id(self) -> str:
        return self._settings.razorpay_key_id

    def create_order(
        self, *, amount_paise: int, currency: str, receipt: str, notes: dict[str, str], customer_id: str | None = None
    ) -> str:
        order = {"amount": amount_paise, "currency": currency, "receipt": receipt, "notes": notes}
        if customer_id is not None:
            order["customer_id"] = customer_id
        return parsed(PROVIDER, id_of, self._client.order.create(order))

    def create_customer(self, *, name: str | None, email: str, notes: dict[str, str]) -> str:
        customer = {"email": email, "fail_existing": "0", "notes": notes}
        if name is not None and _CUSTOMER_NAME.fullmatch(name):
            customer["name"] = name
        return parsed(PROVIDER, id_of, self._client.customer.create(customer))

    def fetch_payment(self, payment_id: str) -> Payment:
        return parsed(PROVIDER, Payment.parse, self._client.payment.fetch(quote(payment_id, safe="")))

    def payments_of_order(self, order_id: str) -> list[Payment]:
        found = self._client.order.payments(quote(order_id, safe=""))
        return listed(PROVIDER, Payment.parse, found, "items")

    def capture(self, payment: any_gateway.Payment) -> Payment:
        return parsed(
            PROVIDER,
            Payment.parse,
            self._client.payment.capture(
                quote(payment.id, safe=""), payment.amount_paise, {"currency": payment.currency}
            ),
        )

    def refund(self, *, payment_id: str, amount_paise: int, reference: str, idempotency_key: str) -> Refund:
        body = {"amount": amount_paise, "speed": "normal", "notes": {REFUND_NOTE: reference}}
        headers = {"X-Refund-Idempotency": idempotency_key}
        return parsed(
            PROVIDER, Refund.parse, self._client.payment.refund(quote(payment_id, safe=""), body, headers=headers)
        )

    def fetch_refund(self, refund_id: str) -> Refund:
        return parsed(PROVIDER, Refund.parse, self._client.refund.fetch(quote(refund_id, safe="")))

    def refunds_of(self, payment_id: str) -> list[Refund]:
        found = self._client.payment.fetch_multiple_refund(quote(payment_id, safe=""), {"count": REFUNDS_A_PAGE})
        return listed(PROVIDER, Refund.parse, found, "items")

    def refunds_made(self, since: datetime, until: datetime, *, skip: int, limit: int) -> list[Refund]:
        span = {"from": int(since.timestamp()), "to": int(until.timestamp())}
        found = self._client.refund.all({**span, "count": limit, "skip": skip})
        return listed(PROVIDER, Refund.parse, found, "items")

    def settlements(self, since: datetime, until: datetime) -> list[Settlement]:
        span = {"from": int(since.timestamp()), "to": int(until.timestamp()) - 1}
        return self._pages(self._client.settlement.all, span, Settlement.parse, SETTLEMENTS_A_PAGE)

    def settled_items(self, year: int, month: int) -> list[SettledItem]:
        return self._pages(
            self._client.settlement.report, {"year": year, "month": month}, SettledItem.parse, ITEMS_A_PAGE
        )

    @staticmethod
    def _pages(fetch: Callable[..., Any], query: dict[str, int], parse: Callable[[Any], T], size: int) -> list[T]:
        found: list[T] = []
        while len(found) < MAX_ITEMS:
            items = listed(PROVIDER, parse, fetch({**query, "count": size, "skip": len(found)}), "items")
            found += items
            if len(items) < size:
                return found
        raise BadRequest.field("from", f"there are more than {MAX_ITEMS} rows; ask for fewer days")

    def checkout_matches(self, order_id: str, payment_id: str, signature: str) -> bool:
        return signatures.verify(f"{order_id}|{payment_id}".encode(), signature, self._settings.razorpay_key_secret)


@lru_cache(maxsize=8)
def gateway(settings: Settings) -> Gateway:
    """The gateway of these settings: one connection pool a process."""
    return RazorpayGateway(settings)
