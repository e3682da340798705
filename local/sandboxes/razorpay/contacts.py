"""RazorpayX's contacts and fund accounts: who is paid, and where. The same details again are the same entity."""

import re
import time
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import notes_of, page_of, read_fields
from local.sandboxes.razorpay.state import Entity, new_id

CONTACT_FIELDS = ("name", "email", "contact", "type", "reference_id", "notes")
CONTACT_TYPES = ("vendor", "customer", "employee", "self")
ACCOUNT_FIELDS = ("contact_id", "account_type", "bank_account", "vpa")
NAME = re.compile(r"[A-Za-z0-9 '’\-_/().,]*[A-Za-z0-9.]")
IFSC = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}")
ACCOUNT_NUMBER = re.compile(r"[A-Za-z0-9]{5,35}")
VPA = re.compile(r"[A-Za-z0-9.\-_]+@[A-Za-z][A-Za-z0-9.\-]+")
BANKS = {"HDFC": "HDFC Bank", "ICIC": "ICICI Bank", "SBIN": "State Bank of India", "UTIB": "Axis Bank"}
MAX_REFERENCE_CHARACTERS = 40


def text_of(body: dict[str, Any], name: str, least: int, most: int, form: re.Pattern[str] | None = None) -> str:
    """A required text. Raises RazorpayError that names the field."""
    value = body.get(name)
    if value is None or value == "":
        raise RazorpayError(f"The {name} field is required.", field=name)
    if not isinstance(value, str) or not least <= len(value) <= most or (form and not form.fullmatch(value)):
        raise RazorpayError(f"The {name} field is invalid.", field=name)
    return value


def reference_of(body: dict[str, Any]) -> str | None:
    reference = body.get("reference_id")
    if reference is not None and (not isinstance(reference, str) or len(reference) > MAX_REFERENCE_CHARACTERS):
        limit = f"The reference id may not be greater than {MAX_REFERENCE_CHARACTERS} characters."
        raise RazorpayError(limit, field="reference_id")
    return reference


class Contacts:
    def __init__(self, core: Core) -> None:
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/contacts", self.create),
            web.get("/v1/contacts", self.list_all),
            web.get("/v1/contacts/{contact_id}", self.fetch),
            web.post("/v1/fund_accounts", self.create_account),
            web.get("/v1/fund_accounts", self.list_accounts),
            web.get("/v1/fund_accounts/{fund_account_id}", self.fetch_account),
            web.patch("/v1/fund_accounts/{fund_account_id}", self.switch_account),
        ]

    async def create(self, request: web.Request) -> web.Response:
        body = await read_fields(request, CONTACT_FIELDS)
        kind = body.get("type")
        if kind is not None and kind not in CONTACT_TYPES:
            raise RazorpayError(f"Invalid type: {kind}", field="type")
        details = {
            "name": text_of(body, "name", 3, 50, NAME),
            "contact": body.get("contact"),
            "email": body.get("email"),
            "type": kind,
            "reference_id": reference_of(body),
        }
        return self._once("contacts", "cont_", "contact", details, {"notes": notes_of(body)})

    async def list_all(self, request: web.Request) -> web.Response:
        return page_of(request, self._state.all("contacts"))

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.get("contacts", "cont_", request.match_info["contact_id"]))

    async def create_account(self, request: web.Request) -> web.Response:
        body = await read_fields(request, ACCOUNT_FIELDS)
        contact = self._state.get("contacts", "cont_", text_of(body, "contact_id", 1, 64))
        kind = body.get("account_type")
        if kind not in ("bank_account", "vpa"):
            raise RazorpayError("The account type field is invalid.", field="account_type")
        given = body.get(kind)
        if not isinstance(given, dict):
            raise RazorpayError(f"The {kind} field is required.", field=kind)
        details = {
            "contact_id": contact["id"],
            "account_type": kind,
            kind: self._bank(given) if kind == "bank_account" else self._vpa(given),
        }
        return self._once("fund_accounts", "fa_", "fund_account", details, {})

    async def list_accounts(self, request: web.Request) -> web.Response:
        contact_id = request.query.get("contact_id")
        found = self._state.all("fund_accounts")
        return page_of(request, [one for one in found if contact_id in (None, one["contact_id"])])

    async def fetch_account(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.get("fund_accounts", "fa_", request.match_info["fund_account_id"]))

    async def switch_account(self, request: web.Request) -> web.Response:
        account = self._state.get("fund_accounts", "fa_", request.match_info["fund_account_id"])
        active = (await read_fields(request, ("active",))).get("active")
        if not isinstance(active, bool):
            raise RazorpayError("The active field must be true or false.", field="active")
        account["active"] = active
        return web.json_response(account)

    def _bank(self, given: dict[str, Any]) -> dict[str, Any]:
        ifsc = text_of(given, "ifsc", 11, 11, IFSC)
        return {
            "ifsc": ifsc,
            "bank_name": BANKS.get(ifsc[:4], f"{ifsc[:4]} Bank"),
            "name": text_of(given, "name", 3, 120, NAME),
            "account_number": text_of(given, "account_number", 5, 35, ACCOUNT_NUMBER),
            "notes": [],
        }

    def _vpa(self, given: dict[str, Any]) -> dict[str, Any]:
        address = text_of(given, "address", 3, 100, VPA)
        name, _, handle = address.partition("@")
        return {"username": name, "handle": handle, "address": address}

    def _once(
        self, collection: str, prefix: str, kind: str, details: dict[str, Any], others: dict[str, Any]
    ) -> web.Response:
        """The entity of these details, made if there is none: 201 for a new one, 200 for one that was there."""
        for entity in self._state.all(collection):
            if all(name in entity and entity[name] == value for name, value in details.items()):
                return web.json_response(entity)
        made: Entity = {
            "id": new_id(prefix),
            "entity": kind,
            **details,
            "batch_id": None,
            "active": True,
            **others,
            "created_at": int(time.time()),
        }
        return web.json_response(self._state.add(collection, made), status=201)
