"""The gateway: what payments need of Stripe, over its official client (imported at first use)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Protocol, TypeVar

from konnect import spans
from konnect.config import Settings
from konnect.errors import Unavailable
from konnect.integrations import gateway as any_gateway
from konnect.integrations.answers import listed, parsed
from konnect.integrations.gateway import Payment, Refund, Refused

from . import entities, webhook
from .entities import RECEIPT, REFUND_ID, Dispute, Session
from .webhook import Event

log = logging.getLogger(__name__)

T = TypeVar("T")
PROVIDER = "Stripe"
A_PAGE = 100
RETRIES = 1
"""Of what may be repeated: every POST of the official client has an idempotency key."""
_EXPANDED = ["payment_intent.latest_charge"]


class Gateway(any_gateway.Gateway, Protocol):
    """Stripe's own: each call raises Unavailable (try again) or BadGateway (refused: repeating does not help)."""

    def open_checkout(
        self,
        *,
        amount_paise: int,
        currency: str,
        name: str,
        receipt: str,
        metadata: dict[str, str],
        email: str | None,
        success_url: str,
        cancel_url: str,
        idempotency_key: str,
    ) -> Session:
        """Open a session for one payment, which lasts 24 hours. A repeat with the same key is answered as the first
        was. In `success_url` Stripe puts the session's id for {CHECKOUT_SESSION_ID}."""

    def fetch_checkout(self, session_id: str) -> Session: ...

    def expire_checkout(self, session_id: str) -> None:
        """Close an open session, so that nobody can pay it. One that is over stays as it is."""

    def disputes_of(self, payment_id: str) -> list[Dispute]:
        """All disputes of a payment."""

    def events(
        self, names: Sequence[str], *, since: datetime, until: datetime, after: str | None, limit: int
    ) -> tuple[list[Event], bool]:
        """What happened after `since` and not after `until` (whole seconds, of the last 30 days), the newest first, and
        whether there is more: that follows `after` the last one's id. Refused if there is no event `after` any more."""


class NotConfigured(Unavailable):
    """No STRIPE_SECRET_KEY: courses can be paid from the wallet alone."""

    code = "STRIPE_NOT_CONFIGURED"


class StripeGateway:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        import stripe

        if not self._settings.stripe_secret_key:
            raise NotConfigured("card payments are not set up here")
        # It tells of each request; what fails is told below.
        logging.getLogger("stripe").setLevel(logging.ERROR)
        # It sends what it measures of earlier requests along, which nobody here has asked for.
        stripe.enable_telemetry = False
        return stripe.StripeClient(
            self._settings.stripe_secret_key,
            base_addresses={"api": self._settings.stripe_url.rstrip("/")},
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=self._settings.stripe_timeout_s),
        ).v1

    def open_checkout(
        self,
        *,
        amount_paise: int,
        currency: str,
        name: str,
        receipt: str,
        metadata: dict[str, str],
        email: str | None,
        success_url: str,
        cancel_url: str,
        idempotency_key: str,
    ) -> Session:
        about = {**metadata, RECEIPT: receipt}
        price = {"currency": currency.lower(), "unit_amount": amount_paise, "product_data": {"name": name}}
        params: dict[str, Any] = {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "client_reference_id": receipt,
            "metadata": about,
            # A session's own metadata are not its payment's.
            "payment_intent_data": {"metadata": about, "description": name},
            # What is paid is what was ordered, in its currency.
            "adaptive_pricing": {"enabled": False},
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        if email is not None:
            params["customer_email"] = email
        options = {"idempotency_key": idempotency_key}
        return self._session("POST", lambda: self._client.checkout.sessions.create(params, options))

    def fetch_checkout(self, session_id: str) -> Session:
        params = {"expand": _EXPANDED}
        return self._session("GET", lambda: self._client.checkout.sessions.retrieve(session_id, params))

    def expire_checkout(self, session_id: str) -> None:
        try:
            self._call("POST", lambda: self._client.checkout.sessions.expire(session_id))
        except Refused as error:
            # Only an open one can be expired.
            log.info("session not expired", extra={"session": session_id, "why": error.description})

    def fetch_payment(self, payment_id: str) -> Payment:
        params = {"payment_intent": payment_id, "limit": 1, "expand": [f"data.{one}" for one in _EXPANDED]}
        found = self._list(lambda: self._client.checkout.sessions.list(params), Session.parse)
        if not found or found[0].payment is None:
            raise Refused("the payment is of no checkout session")
        return found[0].payment

    def payments_of_order(self, order_id: str) -> list[Payment]:
        payment = self.fetch_checkout(order_id).payment
        return [] if payment is None else [payment]

    def capture(self, payment: Payment) -> Payment:
        """Stripe's checkout captures by itself: there is nothing to take."""
        return payment

    def refund(self, *, payment_id: str, amount_paise: int, reference: str, idempotency_key: str) -> Refund:
        params = {"payment_intent": payment_id, "amount": amount_paise, "metadata": {REFUND_ID: reference}}
        options = {"idempotency_key": idempotency_key}
        return parsed(
            PROVIDER, entities.refund, self._call("POST", lambda: self._client.refunds.create(params, options))
        )

    def fetch_refund(self, refund_id: str) -> Refund:
        return parsed(PROVIDER, entities.refund, self._call("GET", lambda: self._client.refunds.retrieve(refund_id)))

    def refunds_of(self, payment_id: str) -> list[Refund]:
        params = {"payment_intent": payment_id, "limit": A_PAGE}
        return self._list(lambda: self._client.refunds.list(params), entities.refund)

    def disputes_of(self, payment_id: str) -> list[Dispute]:
        params = {"payment_intent": payment_id, "limit": A_PAGE}
        return self._list(lambda: self._client.disputes.list(params), Dispute.parse)

    def events(
        self, names: Sequence[str], *, since: datetime, until: datetime, after: str | None, limit: int
    ) -> tuple[list[Event], bool]:
        created = {"gt": int(since.timestamp()), "lte": int(until.timestamp())}
        params: dict[str, Any] = {"types": list(names), "created": created, "limit": limit}
        if after is not None:
            params["starting_after"] = after
        answer = self._call("GET", lambda: self._client.events.list(params))
        return listed(PROVIDER, lambda one: webhook.of(one, ""), answer, "data"), bool(answer.get("has_more"))

    def _session(self, method: str, request: Callable[[], Any]) -> Session:
        return parsed(PROVIDER, Session.parse, self._call(method, request))

    def _list(self, request: Callable[[], Any], parse: Callable[[Mapping[str, Any]], T]) -> list[T]:
        return listed(PROVIDER, parse, self._call("GET", request), "data")

    def _call(self, method: str, request: Callable[[], Any]) -> dict[str, Any]:
        import stripe

        with spans.child(f"stripe {method}", "client", {"service.peer.name": "stripe", "http.request.method": method}):
            try:
                return dict(request().to_dict())
            except stripe.StripeError as error:
                raise _failure(error) from error


@lru_cache(maxsize=8)
def gateway(settings: Settings) -> Gateway:
    """The gateway of these settings: one connection pool a process."""
    return StripeGateway(settings)


def _failure(error: Any) -> Exception:
    """Ours for one of stripe.StripeError."""
    # What it says of an address quotes it, which no log should.
    status, description = error.http_status, "" if error.code == "email_invalid" else error.user_message or ""
    log.warning("Stripe refused", extra={"status": status, "stripe_code": error.code, "why": description})
    # 409: another request with the same key is under way. 401, 403: our own key is wrong, which says nothing of the
    # request, and is nobody's business but the log's.
    if status is None or status >= 500 or status in {401, 403, 409, 429}:
        return Unavailable("the payment provider failed; please try again")
    refused = Refused("the payment provider refused the request")
    refused.description = description
    return refused
