"""What Razorpay has settled to our bank account, against the ledger: each settled payment and refund must be a movement
of the same amount, each settlement the sum of its rows, and what was captured long ago must be settled."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from konnect import clock
from konnect.integrations.razorpay.client import Gateway
from konnect.integrations.razorpay.entities import SettledItem, Settlement
from konnect.ledger import accounts, days
from konnect.money import CURRENCY, rupees
from konnect.store import Database, Doc

from . import gateways, repository

MAX_DAYS = 31
MAX_DIFFERENCES = 200
SETTLED_WITHIN = timedelta(days=7)
"""Two working days for domestic payments, seven for international ones (Razorpay's cycle)."""
_MOVEMENTS = {"payment": "payment:", "refund": "refund:"}
_CHUNK = 300


def compare(db: Database, gateway: Gateway, first: date, last: date, *, now: datetime) -> dict[str, Any]:
    """Settlements of the business days from `first` to `last`, one row a day that has any, and what differs.

    `ledger` of a day is what gateway:razorpay moved on it (captured less refunded): money settles days later, so it
    equals no day's settlement; over time the two meet, and `unsettled` is what is between them.
    """
    begin, end = clock.day_begins(first), clock.day_begins(last + timedelta(days=1))
    settlements = gateway.settlements(begin, end)
    items = _items(gateway, first, clock.business_day(min(now, end + SETTLED_WITHIN)))
    within = [item for item in items if begin <= item.settled_at < end]
    differences = _against_ledger(db, within) + _sums(settlements, within)
    unsettled = _unsettled(db, begin, end, {item.entity_id for item in items})
    overdue = [payment for payment in unsettled if now - payment["createdAt"] > SETTLED_WITHIN]
    differences += [_difference("not_settled", payment["id"], payment["amountPaise"], 0) for payment in overdue]
    moved = days.of_range(db, first, last)
    rows = _rows(settlements, within, moved, {d["entityId"] for d in differences})
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "currency": CURRENCY,
        "items": rows,
        "unsettled": {"count": len(unsettled), **_amount(sum(payment["amountPaise"] for payment in unsettled))},
        "differences": differences[:MAX_DIFFERENCES],
        "ok": not differences,
    }


def _items(gateway: Gateway, first: date, last: date) -> list[SettledItem]:
    months = [(first.year, first.month)]
    while months[-1] < (last.year, last.month):
        year, month = months[-1]
        months.append((year + month // 12, month % 12 + 1))
    return [item for year, month in months for item in gateway.settled_items(year, month)]


def _against_ledger(db: Database, items: Iterable[SettledItem]) -> list[dict[str, Any]]:
    """Payments and refunds that the ledger does not know, or knows of another amount."""
    wanted = {_MOVEMENTS[item.kind] + item.entity_id: item for item in items if item.kind in _MOVEMENTS}
    found: list[dict[str, Any]] = []
    names = list(wanted)
    for start in range(0, len(names), _CHUNK):
        movements = db.get_many(("movements", name) for name in names[start : start + _CHUNK])
        for (_, name), movement in movements.items():
            item = wanted[name]
            booked_paise = _booked(movement)
            if movement is None:
                found.append(_difference("not_in_ledger", item.entity_id, item.amount_paise, 0))
            elif booked_paise != item.amount_paise:
                found.append(_difference("amount_differs", item.entity_id, item.amount_paise, booked_paise))
    return found


def _booked(movement: Doc | None) -> int:
    legs = movement["legs"] if movement else []
    return abs(sum(leg["amountPaise"] for leg in legs if leg["account"] == accounts.GATEWAY_RAZORPAY))


def _sums(settlements: list[Settlement], items: list[SettledItem]) -> list[dict[str, Any]]:
    """Settlements whose amount is not the sum of their rows."""
    summed: dict[str, int] = defaultdict(int)
    for item in items:
        summed[item.settlement_id] += item.credit_paise - item.debit_paise
    return [
        _difference("sum_differs", settlement.id, settlement.amount_paise, summed[settlement.id])
        for settlement in settlements
        if summed[settlement.id] != settlement.amount_paise
    ]


def _unsettled(db: Database, begin: datetime, end: datetime, settled: set[str]) -> list[Doc]:
    own = [one for one in repository.captured(db, begin, end) if gateways.name_of(one) == gateways.RAZORPAY]
    return [payment for payment in own if payment["id"] not in settled]


def _rows(
    settlements: list[Settlement], items: list[SettledItem], moved: dict[str, days.Sums], wrong: set[str]
) -> list[dict[str, Any]]:
    by_day: dict[str, list[SettledItem]] = defaultdict(list)
    for item in items:
        by_day[clock.business_day(item.settled_at).isoformat()].append(item)
    made: dict[str, list[Settlement]] = defaultdict(list)
    for settlement in settlements:
        made[clock.business_day(settlement.created_at).isoformat()].append(settlement)
    return [
        _row(day, made[day], by_day[day], moved.get(day, days.Sums()), wrong)
        for day in sorted({*by_day, *made, *moved})
    ]


def _row(
    day: str, settlements: list[Settlement], items: list[SettledItem], moved: days.Sums, wrong: set[str]
) -> dict[str, Any]:
    gateway = accounts.GATEWAY_RAZORPAY
    captured = sum(paise for name, paise in moved.items() if name.endswith(f" {gateway}-"))
    returned = sum(paise for name, paise in moved.items() if name.endswith(f" {gateway}+"))
    known = {item.entity_id for item in items} | {settlement.id for settlement in settlements}
    kinds = {kind: [item for item in items if item.kind == kind] for kind in _MOVEMENTS}
    others = [item for item in items if item.kind not in _MOVEMENTS]
    return {
        "date": day,
        "settlements": [
            {
                "id": one.id,
                "status": one.status,
                "utr": one.utr,
                **_amount(one.amount_paise),
                "fees": rupees(one.fees_paise),
                "tax": rupees(one.tax_paise),
            }
            for one in settlements
        ],
        "payments": {"count": len(kinds["payment"]), **_amount(sum(i.amount_paise for i in kinds["payment"]))},
        "refunds": {"count": len(kinds["refund"]), **_amount(sum(i.amount_paise for i in kinds["refund"]))},
        "others": {"count": len(others), **_amount(sum(i.credit_paise - i.debit_paise for i in others))},
        "fees": rupees(sum(item.fee_paise for item in items)),
        "tax": rupees(sum(item.tax_paise for item in items)),
        "settled": rupees(sum(item.credit_paise - item.debit_paise for item in items)),
        "settledPaise": sum(item.credit_paise - item.debit_paise for item in items),
        "ledger": rupees(captured - returned),
        "ledgerPaise": captured - returned,
        "ok": not known & wrong,
    }


def _amount(paise: int) -> dict[str, Any]:
    return {"amount": rupees(paise), "amountPaise": paise}


def _difference(problem: str, entity_id: str, provider_paise: int, ledger_paise: int) -> dict[str, Any]:
    return {
        "problem": problem,
        "entityId": entity_id,
        "provider": rupees(provider_paise),
        "ledger": rupees(ledger_paise),
    }
