"""Reconcile: recompute every balance from the movements, and compare.

Proves: the legs of each movement sum to zero; each wallet, hold, payout and receivable equals its legs, each counter
the sum of its shards and of its business days; none is negative (but what an expert owes); payouts
and refunds by a gateway hold their amount until they have ended; ended sessions hold nothing, were settled once,
account for each begun minute, and gave back what their refunds say, no more than was paid;
bookings hold what was paid until they are over, packages what is left of them; consults hold their price until they
end, and are then divided, once; months of subscriptions were paid, and count the minutes that bookings have of them;
each course that was sold was paid, once, and divided as its purchase says, less what went back;
what is payable to mentors is of bookings that are not paid out; the TDS of all years is what the tax account has.

Everything is read in one read-only transaction, so a running platform is compared with itself at one moment (a
read-only transaction lasts 270 s; beyond that, give `readTime` of a backup).
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.cloud import firestore

from konnect.context import Context
from konnect.ledger import accounts, days
from konnect.ledger.postings import SPENDING_ORDER
from konnect.ledger.service import PARTS_FIELDS
from konnect.sessions.metering import Tariff
from konnect.store import Doc, Query

log = logging.getLogger(__name__)

MAX_FINDINGS = 100
_OPEN = {"payout": {"pending", "processing"}, "refund": {"pending", "processing", "stuck"}}
"""Of what holds its amount until it has ended."""
_BALANCES = {
    "wallets": "wallet",
    "payables": "payable",
    "receivables": "receivable",
    "payouts": "payout",
    "gatewayRefunds": "refund",
}
_DIVIDED = ("payable:", "receivable:", accounts.PLATFORM_FEES, accounts.TAX_GST, accounts.GATEWAY_FEES)
"""Where a booking's price goes, and comes back from."""


@dataclass
class Report:
    """What was compared, and each difference found as a sentence (the first MAX_FINDINGS)."""

    movements: int = 0
    accounts: dict[str, int] = field(default_factory=dict)
    sessions: int = 0
    bookings: int = 0
    consults: int = 0
    packages: int = 0
    courses: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        totals: Counter[str] = Counter()
        for account, paise in self.accounts.items():
            kind = account.split(":")[0]
            totals[account if kind in {"platform", "gateway", "tax"} else kind] += paise
        return {
            "ok": self.ok,
            "movements": self.movements,
            "sessions": self.sessions,
            "bookings": self.bookings,
            "consults": self.consults,
            "packages": self.packages,
            "courses": self.courses,
            "sumPaise": sum(self.accounts.values()),
            "accountsPaise": dict(sorted(totals.items())),
            "differences": self.differences[:MAX_FINDINGS],
        }


def run(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The console's and the command's way in: the report as JSON; `ok` says whether all holds."""
    report = reconcile(ctx)
    if not report.ok:
        # An alert waits for this line.
        log.error("ledger differs", extra={"differences": len(report.differences), "first": report.differences[:5]})
    return report.as_json()


def reconcile(ctx: Context) -> Report:
    """Compare everything, as of one moment."""

    @firestore.transactional
    def at_one_moment(transaction: firestore.Transaction) -> Report:
        return _Reconciliation(ctx, transaction).report()

    return at_one_moment(ctx.db.client.transaction(read_only=True))


class _Reconciliation:
    def __init__(self, ctx: Context, transaction: firestore.Transaction) -> None:
        self._ctx = ctx
        self._transaction = transaction
        self._result = Report()
        self._legs: dict[str, int] = defaultdict(int)
        self._parts: dict[tuple[str, str], int] = defaultdict(int)
        self._settled: Counter[str] = Counter()
        # By consult: what was held, what was paid of it, what went back.
        self._consults: dict[str, Counter[str]] = {kind: Counter() for kind in ("hold", "settle", "release")}
        self._minutes: Counter[str] = Counter()
        # By session: what went back from its hold, and what its refunds gave to users.
        self._released: Counter[str] = Counter()
        self._refunded: Counter[str] = Counter()
        # By booking: what was paid for it, what of that was divided, what went back, and of what was divided later.
        self._booking_paid: Counter[str] = Counter()
        self._booking_kept: Counter[str] = Counter()
        self._booking_returned: Counter[str] = Counter()
        self._booking_reversed: Counter[str] = Counter()
        # By payment: what was captured for months of subscriptions.
        self._charged: dict[str, int] = {}
        # By purchase of a course: what was paid, what went back, and what the platform and the tax have of it.
        self._courses: dict[str, Counter[str]] = {kind: Counter() for kind in ("pay", "refund", "fee", "gst")}
        # Of what was paid and of what went back: in cash, the rest being benefits.
        self._booking_cash: Counter[str] = Counter()
        self._booking_refunded: Counter[str] = Counter()

    def report(self) -> Report:
        self._sum_movements()
        self._compare_balances()
        self._compare_counters()
        self._check_payables()
        self._check_tax()
        self._check_sessions()
        self._check_bookings()
        self._check_consults()
        self._check_packages()
        self._check_subscriptions()
        self._check_courses()
        self._result.accounts = dict(self._legs)
        return self._result

    def _all(self, *collection: str, group: bool = False) -> Iterator[Doc]:
        return Query(collection, group=group).stream(self._ctx.db, self._transaction)

    def _differs(self, text: str) -> None:
        self._result.differences.append(text)

    def _sum_movements(self) -> None:
        for movement in self._all("movements"):
            self._result.movements += 1
            total = sum(leg["amountPaise"] for leg in movement["legs"])
            if total:
                self._differs(f"movement {movement['id']}: its legs sum to {total} paise")
            for leg in movement["legs"]:
                self._legs[leg["account"]] += leg["amountPaise"]
                for part, paise in leg.get("parts", {}).items():
                    self._parts[leg["account"], part] += paise
            self._note_booking(movement)
            self._note_consult(movement)
            self._note_course(movement)
            if movement["kind"] == "subscription.charge":
                self._charged[movement["subject"]["payment"]] = _captured(movement)
            session_id = movement["subject"].get("session")
            if movement["kind"] == "session.settle":
                self._settled[session_id] += 1
            elif movement["kind"] == "session.minute":
                self._minutes[session_id] += 1
            elif movement["kind"] == "session.minute.back":
                self._minutes[session_id] -= 1
            elif movement["kind"] == "session.release":
                self._released[session_id] += sum(leg["amountPaise"] for leg in movement["legs"] if _gives(leg))
            elif movement["kind"] == "session.refund":
                self._refunded[session_id] += sum(leg["amountPaise"] for leg in movement["legs"] if _gives(leg))

    def _note_booking(self, movement: Doc) -> None:
        booking_id = movement["subject"].get("booking")
        hold = f"hold:booking:{booking_id}"
        sums = {
            "booking.pay": self._booking_paid,
            "booking.settle": self._booking_kept,
            "booking.release": self._booking_returned,
        }
        if movement["kind"] == "booking.reverse":
            taken = (leg["amountPaise"] for leg in movement["legs"] if leg["account"].startswith(_DIVIDED))
            self._booking_reversed[booking_id] -= sum(taken)
        if movement["kind"] in sums:
            paise = sum(abs(leg["amountPaise"]) for leg in movement["legs"] if leg["account"] == hold)
            sums[movement["kind"]][booking_id] += paise
        if movement["kind"] == "booking.pay":
            self._booking_cash[booking_id] += _captured(movement)
        elif movement["kind"] == "booking.release":
            refunded = (leg["amountPaise"] for leg in movement["legs"] if leg["account"].startswith("refund:"))
            self._booking_refunded[booking_id] += sum(refunded)

    def _note_consult(self, movement: Doc) -> None:
        sold, _, kind = movement["kind"].partition(".")
        if sold == "consult":
            consult_id = movement["subject"]["consult"]
            hold = f"hold:consult:{consult_id}"
            paise = sum(abs(leg["amountPaise"]) for leg in movement["legs"] if leg["account"] == hold)
            self._consults[kind][consult_id] += paise

    def _note_course(self, movement: Doc) -> None:
        kind = movement["kind"].removeprefix("course.")
        if movement["kind"] not in {"course.pay", "course.refund"}:
            return
        purchase_id, educator = movement["subject"]["purchase"], movement["subject"]["mentor"]
        own = {accounts.PLATFORM_FEES: "fee", accounts.TAX_GST: "gst"}
        for leg in movement["legs"]:
            account, paise = leg["account"], leg["amountPaise"]
            if account in own:
                self._courses[own[account]][purchase_id] += paise
            elif account not in {accounts.wallet(educator), accounts.receivable(educator)}:
                self._courses[kind][purchase_id] += abs(paise)

    def _compare_balances(self) -> None:
        seen: set[str] = set()
        for collection, kind in _BALANCES.items():
            for doc in self._all(collection):
                account = f"{kind}:{doc['id']}"
                seen.add(account)
                paise = doc[accounts.place(account).field]
                self._compare(account, paise, self._legs.get(account, 0))
                if paise < 0 and kind != "receivable":
                    self._differs(f"{account}: negative, {paise} paise")
                if kind == "wallet":
                    self._compare_parts(account, doc)
                if kind in _OPEN and paise != (doc["amountPaise"] if doc["status"] in _OPEN[kind] else 0):
                    self._differs(f"{account}: {doc['status']}, and holds {paise} of {doc['amountPaise']} paise")
        for account in self._legs:
            if account.split(":")[0] in _BALANCES.values() and account not in seen:
                self._differs(f"{account}: has movements and no balance document")

    def _compare_parts(self, account: str, wallet: Doc) -> None:
        for part in SPENDING_ORDER:
            self._compare(f"{account} ({part})", wallet[PARTS_FIELDS[part]], self._parts.get((account, part), 0))

    def _compare_counters(self) -> None:
        shards: dict[str, int] = defaultdict(int)
        for shard in Query(("shards",), group=True).build(self._ctx.db).stream(transaction=self._transaction):
            shards[shard.reference.parent.parent.id] += (shard.to_dict() or {})["balancePaise"]
        unbacked = {a for a in self._legs if a.split(":")[0] in {"platform", "gateway", "tax"}} | set(shards)
        on_days: dict[str, int] = defaultdict(int)
        for day in self._all(days.COLLECTION):
            for account in unbacked:
                on_days[account] += sum(
                    paise if name.endswith("+") else -paise
                    for name, paise in day.items()
                    if name.partition(" ")[2] in {f"{account}+", f"{account}-"}
                )
        for account in sorted(unbacked):
            self._compare(account, shards.get(account, 0), self._legs.get(account, 0))
            self._compare(f"{account} (by day)", on_days[account], self._legs.get(account, 0))

    def _check_payables(self) -> None:
        """What is payable to a mentor is explained by bookings that are in no payout. It can be less: debts and refunds
        are taken from it."""
        shares: Counter[str] = Counter()
        unpaid = Query(("private",), group=True).filter("payoutId", "==", None)
        for terms in unpaid.stream(self._ctx.db, self._transaction):
            shares[terms["mentorUid"]] += terms["mentorPaise"]
        for account, paise in self._legs.items():
            uid = account.removeprefix("payable:")
            if uid != account and paise > shares[uid]:
                self._differs(f"{account}: {paise} paise, and {shares[uid]} of its bookings are unpaid")

    def _check_tax(self) -> None:
        """What was withheld for each year is what the tax account has."""
        withheld = sum(year["tdsPaise"] for year in self._all("taxYears"))
        self._compare("taxYears", withheld, self._legs.get(accounts.TAX_TDS, 0))

    def _check_sessions(self) -> None:
        for session in self._all("sessions"):
            self._result.sessions += 1
            session_id = session["id"]
            self._compare(
                f"hold:session:{session_id}", session["heldPaise"], self._legs.get(f"hold:session:{session_id}", 0)
            )
            released = session.get("releasedPaise", 0)
            kept = session["totalAmountPaise"] - released
            if released != self._released[session_id] or kept < 0:
                self._differs(f"session {session_id}: {released} paise released, {self._released[session_id]} posted")
            refunded = session.get("refundedAmountPaise", 0) - released
            if refunded != self._refunded[session_id] or refunded > kept:
                posted = self._refunded[session_id]
                self._differs(f"session {session_id}: {refunded} paise refunded, {posted} posted, {kept} paid")
            if session.get("mode") == "booked":
                self._check_booking(session)
            else:
                self._check_minutes(session)
            if session["status"] in {"completed", "cancelled"}:
                expected = 1 if kept else 0
                if self._settled[session_id] != expected:
                    self._differs(f"session {session_id}: settled {self._settled[session_id]} times, not {expected}")
                if session["heldPaise"]:
                    self._differs(f"session {session_id}: ended, and still holds {session['heldPaise']} paise")

    def _check_bookings(self) -> None:
        """A booking holds what was paid for it until it is over; then all of it is divided or has gone back, once."""
        for booking in self._all("bookings"):
            self._result.bookings += 1
            booking_id, status = booking["id"], booking["status"]
            name = f"booking {booking_id}"
            self._compare(f"{name}: held", booking["heldPaise"], self._legs.get(f"hold:booking:{booking_id}", 0))
            paid = self._booking_paid[booking_id]
            ended = self._booking_kept[booking_id] + self._booking_returned[booking_id]
            if status in {"confirmed", "in_progress"}:
                self._compare(f"{name}: its price", booking["heldPaise"], booking["totalPaise"])
            elif booking["heldPaise"]:
                self._differs(f"{name}: {status}, and holds {booking['heldPaise']} paise")
            if paid not in {0, booking["totalPaise"]}:
                self._differs(f"{name}: {paid} paise paid of {booking['totalPaise']}")
            if ended != (0 if booking["isOpen"] else paid):
                self._differs(f"{name}: {status}, {paid} paise paid, {ended} divided or returned")
            given_back = booking.get("reversedPaise", 0)
            self._compare(f"{name}: reversed", given_back, self._booking_reversed[booking_id])
            if given_back > self._booking_kept[booking_id]:
                self._differs(f"{name}: {given_back} paise given back of {self._booking_kept[booking_id]}")
            refund = booking["refund"]
            if refund is not None and refund["id"] == f"{booking_id}-{status}":
                self._compare(f"{name}: its refund", refund["amountPaise"], self._booking_refunded[booking_id])
            given = sum(benefit["amountPaise"] for benefit in booking["benefits"])
            self._compare(f"{name}: its cash and benefits", booking["payablePaise"] + given, booking["totalPaise"])
            if paid:
                self._compare(f"{name}: paid in cash", booking["payablePaise"], self._booking_cash[booking_id])
            if self._booking_refunded[booking_id] > booking["payablePaise"]:
                self._differs(f"{name}: {self._booking_refunded[booking_id]} paise of cash given back")

    def _check_consults(self) -> None:
        """A consult holds its price until it ends; then all of it is paid or has gone back."""
        for consult in self._all("consults"):
            self._result.consults += 1
            consult_id, name = consult["id"], f"consult {consult['id']}"
            held, paid, back = (self._consults[kind][consult_id] for kind in ("hold", "settle", "release"))
            is_open = consult["status"] in {"pending", "active"}
            self._compare(f"{name}: its price", consult["pricePaise"], held)
            self._compare(f"{name}: held", consult["heldPaise"], self._legs.get(f"hold:consult:{consult_id}", 0))
            self._compare(f"{name}: left", consult["heldPaise"], held if is_open else 0)
            self._compare(f"{name}: paid", consult["amountPaise"] or 0, paid)
            self._compare(f"{name}: returned", consult["refundedAmountPaise"] or 0, back)

    def _check_subscriptions(self) -> None:
        """Each paid month was captured, whole; the minutes that its bookings have are those that it counts."""
        used: Counter[str] = Counter()
        for use in self._all("subscriptionUses"):
            used[use["periodId"]] += use["minutes"]
        for period in self._all("subscriptionPeriods"):
            name = f"month {period['id']}"
            self._compare(f"{name}: its price", period["pricePaise"], self._charged.pop(period["paymentId"], 0))
            if used[period["id"]] != period["minutesUsed"] or period["minutesUsed"] > period["minutes"]:
                self._differs(f"{name}: {period['minutesUsed']} minutes counted as used, {used[period['id']]} are")
        for payment_id, paise in self._charged.items():
            self._differs(f"payment {payment_id}: {paise} paise for a subscription, and no month is paid")

    def _check_courses(self) -> None:
        """A sale was paid, whole; what it is divided into is what was posted, less what went back. While something is
        left of it the course is open to who paid; and no course is that nobody has paid."""
        opened: Counter[str] = Counter()
        for enrollment in self._all("enrollments"):
            if enrollment.get("purchaseId") is not None and enrollment["status"] != "revoked":
                opened[enrollment["purchaseId"]] += 1
        for sale in self._all("coursePurchases"):
            self._result.courses += 1
            sale_id, name = sale["id"], f"course purchase {sale['id']}"
            sold = sale["status"] in {"completed", "refunded"}
            self._compare(f"{name}: its price", sale["pricePaise"] if sold else 0, self._courses["pay"].pop(sale_id, 0))
            self._compare(f"{name}: refunded", sale["refundedPaise"], self._courses["refund"][sale_id])
            if sold:
                self._compare(f"{name}: the fee", sale["platformFeePaise"], self._courses["fee"][sale_id])
                self._compare(f"{name}: the GST", sale["gstPaise"], self._courses["gst"][sale_id])
            if opened.pop(sale_id, 0) != (sale["status"] == "completed"):
                self._differs(f"{name}: {sale['status']}, and the course is not open by it, or still is")
            whole = sale["refundedPaise"] == sale["pricePaise"]
            if sale["refundedPaise"] > sale["pricePaise"] or (sale["status"] == "refunded") != whole:
                self._differs(f"{name}: {sale['status']}, {sale['refundedPaise']} paise of {sale['pricePaise']} back")
        for sale_id in opened | self._courses["pay"]:
            self._differs(f"course purchase {sale_id}: paid, or a course is open by it, and there is none")

    def _check_packages(self) -> None:
        """A package holds its sessions that no booking has taken, while it can be used; else nothing."""
        for purchase in self._all("packagePurchases"):
            self._result.packages += 1
            name = f"package {purchase['id']}"
            posted = self._legs.get(f"hold:package:{purchase['id']}", 0)
            self._compare(f"{name}: held", purchase["heldPaise"], posted)
            left = purchase["sessionsLeft"] if purchase["status"] == "active" else 0
            self._compare(f"{name}: its sessions", left * purchase["sessionTotalPaise"], posted)

    def _check_booking(self, session: Doc) -> None:
        """A booked session holds its price until it ends."""
        if session["status"] in {"confirmed", "in_progress"}:
            self._compare(f"session {session['id']}: held", session["heldPaise"], session["totalAmountPaise"])
            if self._settled[session["id"]]:
                self._differs(f"session {session['id']}: settled before its end")

    def _check_minutes(self, session: Doc) -> None:
        """Each begun minute is accounted for, once; those charged make up the total. A free one posts nothing."""
        session_id, tariff = session["id"], Tariff.of(session)
        kinds = ("deferredMinutes", "graceMinutes", "writtenOffMinutes", "givenBackMinutes")
        unpaid = [minute for kind in kinds for minute in session[kind]]
        charged = session["minutesCharged"]
        if len(set(unpaid)) != len(unpaid) or charged + len(unpaid) != session["nextMinute"]:
            self._differs(f"session {session_id}: its minutes do not add up")
        kept = [minute for minute in range(session["nextMinute"]) if minute not in unpaid]
        paid = sum(1 for minute in kept if tariff.price_of(minute))
        if self._minutes[session_id] != paid:
            self._differs(f"session {session_id}: {paid} minutes charged, {self._minutes[session_id]} posted")
        self._compare(f"session {session_id}: its total", session["totalAmountPaise"], tariff.total(kept))

    def _compare(self, what: str, written: int, summed: int) -> None:
        if written != summed:
            self._differs(f"{what}: {written} paise written, {summed} by its movements")


def _captured(movement: Doc) -> int:
    return -sum(leg["amountPaise"] for leg in movement["legs"] if leg["account"] == accounts.GATEWAY_RAZORPAY)


def _gives(leg: Doc) -> bool:
    return leg["account"].startswith("wallet:") and leg["amountPaise"] > 0
