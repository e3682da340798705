"""What a mentor has earned by bookings: by session and over time, what is due and when, what was paid, the tax.

Sums are Firestore's aggregations over the bookings' terms and the payouts, so no counter has to be kept for them.
"""

from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal

from konnect import clock
from konnect.bookings import repository as bookings
from konnect.experts.service import TIME_ZONE
from konnect.ledger import service as ledger
from konnect.money import CURRENCY, rupees, to_paise
from konnect.payouts import details, tax
from konnect.platform import PlatformConfig
from konnect.rates import service as rates
from konnect.store import Database, Doc, Page, sifted

from . import policy, repository, service

Period = Literal["day", "week", "month"]
POINTS: dict[Period, int] = {"day": 14, "week": 12, "month": 12}
MOST_EXAMINED = 200
"""Past bookings that are read for a page of sessions: those that nobody paid for are left out."""
OPEN = ["pending", "processing"]


def of(
    db: Database,
    expert: Doc,
    config: PlatformConfig,
    *,
    period: Period,
    by_hand: bool,
    limit: int,
    cursor: str | None,
    now: datetime,
) -> dict[str, Any]:
    """The report on `expert`, a profile with its id. Read piece by piece: what happens meanwhile may show in one and
    not yet in another."""
    uid = expert["firebaseUid"]
    zone = expert.get("timeZone") or TIME_ZONE
    sessions = _sessions(db, uid, limit=limit, cursor=cursor)
    return {
        "currency": CURRENCY,
        "timeZone": zone,
        "total": _amount(repository.earned(db, uid)),
        "pending": _pending(db, uid, config, by_hand, now),
        "paid": _paid(db, uid),
        "tax": _tax(db, uid, now),
        "period": period,
        "overTime": [
            {"from": first, "to": last, **_amount(repository.earned(db, uid, begins, ends))}
            for first, last, begins, ends in spans(now, clock.zone(zone), period)
        ],
        "items": sessions.items,
        "nextCursor": sessions.next_cursor,
    }


def spans(now: datetime, zone: tzinfo, period: Period) -> list[tuple[date, date, datetime, datetime]]:
    """The latest days, weeks (from Monday) or months in a zone, the earliest first: first and last day, begin and end
    in UTC. Pure."""
    today = now.astimezone(zone).date()
    first = {"day": today, "week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}[period]
    found = []
    for _ in range(POINTS[period]):
        following = _following(first, period)
        begins, ends = clock.day_begins(first, zone), clock.day_begins(following, zone)
        found.append((first, following - timedelta(days=1), begins, ends))
        first = _before(first, period)
    return found[::-1]


def _following(first: date, period: Period) -> date:
    if period == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if period == "week" else 1)


def _before(first: date, period: Period) -> date:
    if period == "month":
        return (first - timedelta(days=1)).replace(day=1)
    return first - timedelta(days=7 if period == "week" else 1)


def _pending(db: Database, uid: str, config: PlatformConfig, by_hand: bool, now: datetime) -> dict[str, Any]:
    shares = [repository.share(terms) for terms in repository.unpaid_query(uid).run(db)]
    balance_paise = service.balance(db.get("payables", uid))
    debt_paise = ledger.debt_of(db.get("receivables", uid))
    at = policy.next_run(now)
    plan = policy.plan(shares, before=policy.until(at), balance_paise=balance_paise, debt_paise=debt_paise)
    amount_paise, minimum_paise = plan.amount_paise, to_paise(config.minPayout)
    return {
        **_amount(balance_paise),
        "bookings": min(len(shares), policy.MOST_SHARES),
        "more": len(shares) > policy.MOST_SHARES,
        "disputed": rupees(sum(share.paise for share in shares if share.disputed)),
        "debt": rupees(debt_paise),
        "nextPayout": {
            **_amount(amount_paise),
            "at": at,
            "bookings": len(plan.shares),
            "minimum": config.minPayout,
            "belowMinimum": amount_paise < minimum_paise,
        },
        "detailsMissing": not by_hand and db.get(*details.path(uid)) is None,
    }


def _paid(db: Database, uid: str) -> dict[str, Any]:
    last = repository.payouts_of(db, uid=uid, kind=repository.KIND, statuses=("paid",), limit=1, cursor=None).items
    return {
        **_amount(repository.sum_of(db, uid, ["paid"])),
        "inProgress": rupees(repository.sum_of(db, uid, OPEN)),
        "lastPayoutAt": last[0]["settledAt"] if last else None,
    }


def _tax(db: Database, uid: str, now: datetime) -> dict[str, Any]:
    year, of = tax.year_of(db, uid, now), rates.at(db, now)
    return {
        "financialYear": tax.financial_year(now),
        "gross": rupees(year.gross_paise),
        "tds": rupees(year.tds_paise),
        "threshold": rupees(of.tds_threshold_paise),
        "percent": of.tds_percent,
    }


def _sessions(db: Database, uid: str, *, limit: int, cursor: str | None) -> Page:
    """Bookings that have brought something, the latest first."""
    terms: dict[str, Doc] = {}

    def keep(found: list[Doc]) -> list[Doc]:
        paths = {repository.terms_path(booking["id"]): booking["id"] for booking in found}
        read = db.get_many(paths) if paths else {}
        terms.update({paths[path]: doc for path, doc in read.items() if doc is not None and doc.get("mentorUid")})
        return [booking for booking in found if booking["id"] in terms]

    query = bookings.past_of_mentor(uid)
    page = sifted(db, query, keep, examined_max=MOST_EXAMINED, batch_min=limit, limit=limit, cursor=cursor)
    ids = {terms[booking["id"]]["payoutId"] for booking in page.items} - {None}
    payouts = db.get_many([("payouts", payout_id) for payout_id in sorted(ids)]) if ids else {}
    return Page([_session(one, terms[one["id"]], payouts) for one in page.items], page.next_cursor)


def _session(booking: Doc, terms: Doc, payouts: dict[tuple[str, ...], Doc | None]) -> dict[str, Any]:
    line = service.line(booking, terms)
    payout_id = terms["payoutId"]
    payout = payouts.get(("payouts", payout_id)) if payout_id is not None else None
    return {
        **{name: line[name] for name in ("bookingId", "scheduledAt", "duration", "topic", "settledAt")},
        "studentName": booking["studentName"],
        "status": booking["status"],
        "amount": rupees(line["grossPaise"]),
        "commission": rupees(line["commissionPaise"]),
        "gst": rupees(line["gstPaise"]),
        "gatewayFee": rupees(line["gatewayFeePaise"]),
        "earned": rupees(line["mentorPaise"]),
        "earnedPaise": line["mentorPaise"],
        "payout": _state(terms, payout),
        "payoutId": payout_id,
    }


def _state(terms: Doc, payout: Doc | None) -> str:
    if payout is None:
        return "disputed" if terms.get("disputed") else "pending"
    return "paid" if payout["status"] == "paid" else "processing"


def _amount(paise: int) -> dict[str, Any]:
    return {"amount": rupees(paise), "amountPaise": paise}
