"""Reading requests as Razorpay does: which fields a body may have, amounts, notes, and paging of lists."""

import json
from collections.abc import Collection, Iterable
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.errors import RazorpayError, not_applicable
from local.sandboxes.razorpay.state import Entity

CURRENCY = "INR"
MIN_AMOUNT_PAISE = 100
MAX_AMOUNT_PAISE = 50_000_000
MAX_RECEIPT_CHARACTERS = 40
MAX_NOTES = 15
MAX_NOTE_CHARACTERS = 256
DEFAULT_COUNT = 10
MAX_COUNT = 100


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body as an object; nothing at all reads as {}. Raises RazorpayError for anything else."""
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise not_applicable("The request body is not valid JSON") from error
    # PHP's empty array is an empty object too.
    if body == []:
        return {}
    if not isinstance(body, dict):
        raise not_applicable("The request body must be a JSON object")
    return body


async def read_fields(request: web.Request, allowed: Collection[str]) -> dict[str, Any]:
    """The body, refused when it has a field that Razorpay does not know for this path."""
    body = await read_json(request)
    extra = sorted(set(body) - set(allowed))
    if extra:
        raise RazorpayError(f"{', '.join(extra)} is/are not required and should not be sent")
    return body


def amount_of(body: dict[str, Any]) -> int:
    """The amount in paise. Raises RazorpayError unless it is an integer within Razorpay's limits."""
    if body.get("amount") is None:
        raise RazorpayError("The amount field is required.", field="amount")
    amount = body["amount"]
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise RazorpayError("The amount must be an integer.", field="amount")
    if amount < MIN_AMOUNT_PAISE:
        raise RazorpayError("The amount must be at least INR 1.00", field="amount")
    if amount > MAX_AMOUNT_PAISE:
        raise RazorpayError("Amount exceeds maximum amount allowed.", field="amount")
    return amount


def check_currency(body: dict[str, Any], *, required: bool) -> None:
    currency = body.get("currency")
    if currency is None and not required:
        return
    if currency is None or currency == "":
        raise RazorpayError("The currency field is required.", field="currency")
    if currency != CURRENCY:
        raise RazorpayError("Currency is not supported", field="currency")


def receipt_of(body: dict[str, Any]) -> str | None:
    receipt = body.get("receipt")
    if receipt is None:
        return None
    if not isinstance(receipt, str):
        raise RazorpayError("The receipt must be a string.", field="receipt")
    if len(receipt) > MAX_RECEIPT_CHARACTERS:
        limit = f"The receipt may not be greater than {MAX_RECEIPT_CHARACTERS} characters."
        raise RazorpayError(limit, field="receipt")
    return receipt


def notes_of(body: dict[str, Any]) -> dict[str, str] | list[Any]:
    """The notes; none are `[]`, as Razorpay writes an empty object."""
    notes = body.get("notes")
    if not notes:
        return []
    if not isinstance(notes, dict):
        raise RazorpayError("The notes must be an object.", field="notes")
    if len(notes) > MAX_NOTES:
        raise RazorpayError(f"Number of fields in notes should be less than or equal to {MAX_NOTES}", field="notes")
    kept: dict[str, str] = {}
    for name, value in notes.items():
        if isinstance(value, dict | list):
            raise RazorpayError(f"The notes.{name} must be a string.", field="notes")
        text = "" if value is None else str(value)
        if max(len(name), len(text)) > MAX_NOTE_CHARACTERS:
            limit = f"The notes.{name} may not be greater than {MAX_NOTE_CHARACTERS} characters."
            raise RazorpayError(limit, field="notes")
        kept[name] = text
    return kept


def number_of(request: web.Request, name: str, default: int) -> int:
    """A whole number of the query string. Raises RazorpayError."""
    value = request.query.get(name, "")
    if value == "":
        return default
    if not value.isdecimal():
        raise RazorpayError(f"The {name} must be an integer.", field=name)
    return int(value)


def page_of(request: web.Request, entities: Iterable[Entity]) -> web.Response:
    """A collection by `from`, `to` (Unix seconds, inclusive), `count` (10, at most 100) and `skip`; newest first."""
    count = number_of(request, "count", DEFAULT_COUNT)
    if not 1 <= count <= MAX_COUNT:
        raise RazorpayError(f"The count must be between 1 and {MAX_COUNT}.", field="count")
    skip = number_of(request, "skip", 0)
    since, until = number_of(request, "from", 0), number_of(request, "to", 2**40)
    found = [entity for entity in entities if since <= entity["created_at"] <= until]
    items = found[::-1][skip : skip + count]
    return web.json_response({"entity": "collection", "count": len(items), "items": items})
