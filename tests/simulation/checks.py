"""What must hold after every step. Each check yields what is wrong as a sentence, found from the documents alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from konnect.money import percent_of
from konnect.store import Doc

from .provider import Provider
from .snapshot import Snapshot

MINUTE_S = 60
ABSENCE_S = 60
MINUTE_LISTS = ("deferredMinutes", "graceMinutes", "writtenOffMinutes", "givenBackMinutes")
TERMS = (
    "pricePerMinPaise",
    "maxMinutes",
    "freeMinutes",
    "promotionalMinutes",
    "promotionalPricePerMinPaise",
)
PARTS = {"promotional": "promotionalPaise", "deposited": "depositedPaise", "earned": "withdrawablePaise"}

Findings = Iterator[str]


def everything(now: Snapshot, before: Snapshot | None, provider: Provider) -> Findings:
    yield from ledger(now)
    yield from sessions(now)
    yield from claims(now)
    yield from introductions(now)
    yield from attendance(now)
    yield from payments(now, provider)
    if before is not None:
        yield from history(before, now)


# Money


def ledger(now: Snapshot) -> Findings:
    """Legs sum to zero, each balance is the sum of its legs, and none is negative but a debt."""
    balances: Counter[str] = Counter()
    parts: Counter[tuple[str, str]] = Counter()
    for key, movement in now["movements"].items():
        if sum(leg["amountPaise"] for leg in movement["legs"]):
            yield f"movement {key}: its legs do not sum to zero"
        for leg in movement["legs"]:
            balances[leg["account"]] += leg["amountPaise"]
            for part, paise in leg.get("parts", {}).items():
                parts[leg["account"], part] += paise
    if sum(balances.values()):
        yield f"all legs sum to {sum(balances.values())}"
    for account, paise in balances.items():
        kind, _, rest = account.partition(":")
        if kind == "wallet":
            wallet = now["wallets"].get(rest, {})
            written = {part: wallet.get(field) for part, field in PARTS.items()}
            summed = {part: parts[account, part] for part in PARTS}
            if wallet.get("balancePaise") != paise or written != summed:
                yield f"{account}: {wallet.get('balancePaise')} {written} written, {paise} {summed} by its legs"
            if min(summed.values()) < 0:
                yield f"{account}: negative: {summed}"
        elif kind == "hold":
            held = now["sessions"].get(rest.partition(":")[2], {}).get("heldPaise")
            if held != paise or paise < 0:
                yield f"{account}: {held} written, {paise} by its legs"
        elif kind == "payout":
            held = now["payouts"].get(rest, {}).get("heldPaise")
            if held != paise or paise < 0:
                yield f"{account}: {held} written, {paise} by its legs"
        elif kind == "receivable":
            owed = now["receivables"].get(rest, {}).get("balancePaise")
            if owed != paise or paise > 0:
                yield f"{account}: {owed} written, {paise} by its legs; a debt is never positive"
        else:
            shards = sum(shard["balancePaise"] for shard in now[f"counters/{account}/shards"].values())
            if shards != paise:
                yield f"{account}: {shards} in its shards, {paise} by its legs"


def _of_session(now: Snapshot, kind: str) -> dict[str, list[Doc]]:
    found: dict[str, list[Doc]] = defaultdict(list)
    for movement in now["movements"].values():
        if movement["kind"] == kind:
            found[movement["subject"]["session"]].append(movement)
    return found


def _wallet_parts(movement: Doc) -> dict[str, int]:
    return next(dict(leg["parts"]) for leg in movement["legs"] if leg["account"].startswith("wallet:"))


# Sessions


def sessions(now: Snapshot) -> Findings:
    """Each begun minute is exactly one of charged, in grace, deferred, written off, given back; an ended session is
    settled once at its own price and fee."""
    charges, returns = _of_session(now, "session.minute"), _of_session(now, "session.minute.back")
    settlements = _of_session(now, "session.settle")
    for key, session in now["sessions"].items():
        charged = Counter(movement["subject"]["minute"] for movement in charges[key])
        returned = Counter(movement["subject"]["minute"] for movement in returns[key])
        if max([*charged.values(), *returned.values()], default=0) > 1 or returned - charged:
            yield f"session {key}: charged {dict(charged)}, gave back {dict(returned)}"
        if set(returned) != set(session["givenBackMinutes"]):
            yield f"session {key}: gave {dict(returned)} back, says {session['givenBackMinutes']}"
        for movement in returns[key]:
            minute = movement["subject"]["minute"]
            given = {part: -paise for part, paise in _wallet_parts(movement).items()}
            taken = next(_wallet_parts(charge) for charge in charges[key] if charge["subject"]["minute"] == minute)
            if given != taken:
                yield f"session {key}: took minute {minute} from {taken}, gave it back to {given}"
        free = [minute for minute in range(session["nextMinute"]) if not price_of(session, minute)]
        kept = sorted([*(charged - returned).elements(), *free])
        unpaid = [minute for name in MINUTE_LISTS for minute in session[name]]
        begun = list(range(session["nextMinute"]))
        if sorted([*kept, *unpaid]) != begun or session["minutesCharged"] != len(kept):
            lists = {name: session[name] for name in MINUTE_LISTS}
            yield f"session {key}: of minutes {begun}, {kept} are charged ({session['minutesCharged']}), {lists}"
        if session["startedAt"] is None:
            yield from _not_begun(key, session, [*charged, *returned], settlements[key])
            continue
        if session["nextMinute"] > _begun_by(session, now.now):
            yield f"session {key}: minute {session['nextMinute'] - 1} has not begun"
        if session["totalAmountPaise"] != sum(price_of(session, minute) for minute in kept):
            yield f"session {key}: its total is not its minutes {kept} at their prices"
        for movement in charges[key]:
            minute, taken = movement["subject"]["minute"], sum(_wallet_parts(movement).values())
            if -taken != price_of(session, minute) or not taken:
                yield f"session {key}: minute {minute} cost {-taken}"
        if session["status"] == "completed":
            yield from _ended(now, key, session, settlements[key])
        elif settlements[key]:
            yield f"session {key}: settled before its end"
        elif session["status"] != "in_progress":
            yield f"session {key}: {session['status']}, and has begun"
        elif bool(session["graceMinutes"]) != (session["graceUntil"] is not None):
            yield f"session {key}: minutes {session['graceMinutes']} in grace until {session['graceUntil']}"


def price_of(session: Doc, minute: int) -> int:
    """Free, then promotional, then at the expert's price, as the session has frozen it."""
    if minute < session["freeMinutes"]:
        return 0
    if minute < session["freeMinutes"] + session["promotionalMinutes"]:
        return min(int(session["promotionalPricePerMinPaise"]), int(session["pricePerMinPaise"]))
    return int(session["pricePerMinPaise"])


def _not_begun(key: str, session: Doc, minutes: list[int], settlements: list[Doc]) -> Findings:
    """A request that waits for acceptance, or was closed: nothing has been charged."""
    if session["status"] not in {"pending", "cancelled"}:
        yield f"session {key}: {session['status']}, and has not begun"
    if minutes or settlements or session["nextMinute"] or session["heldPaise"] or session["totalAmountPaise"]:
        yield f"session {key}: {session['status']}, and charged {minutes}: {session}"
    if (session["status"] == "pending") != (session["endReason"] is None):
        yield f"session {key}: {session['status']} for {session['endReason']}"


def introductions(now: Snapshot) -> Findings:
    """The first session of a user, and no other, may have introductory minutes; a request that came to nothing leaves
    no trace."""
    begun: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for key, session in now["sessions"].items():
        if session["startedAt"] is not None:
            begun[session["userId"]].append((session["startedAt"], key))
    firsts = {uid: min(found) for uid, found in begun.items()}
    uses = {uid: doc["sessionId"] for uid, doc in now["introUses"].items()}
    if set(uses) != set(firsts) or any(now["sessions"][uses[uid]]["startedAt"] != firsts[uid][0] for uid in firsts):
        yield f"first sessions {firsts}, recorded {uses}"
    for key, session in now["sessions"].items():
        is_intro = session["freeMinutes"] or session["promotionalMinutes"]
        if session["startedAt"] is not None and is_intro and uses.get(session["userId"]) != key:
            yield f"session {key}: introductory, and not the first of {session['userId']}"


def _begun_by(session: Doc, moment: datetime) -> int:
    begun = int((moment - session["startedAt"]).total_seconds() // MINUTE_S) + 1
    return int(min(begun, session["maxMinutes"]))


def _due_at(session: Doc, minute: int) -> datetime:
    return session["startedAt"] + timedelta(seconds=minute * MINUTE_S)


def _kept(session: Doc) -> list[int]:
    """The minutes paid for and not given back (`sessions` has compared them with the movements)."""
    unpaid = {minute for name in MINUTE_LISTS for minute in session[name]}
    return [minute for minute in range(session["nextMinute"]) if minute not in unpaid and price_of(session, minute)]


def _ended(now: Snapshot, key: str, session: Doc, settlements: list[Doc]) -> Findings:
    if session["nextMinute"] != _begun_by(session, session["endedAt"]):
        yield f"session {key}: ended at {session['endedAt']}, accounts for {session['nextMinute']} minutes"
    if session["heldPaise"]:
        yield f"session {key}: ended, holds {session['heldPaise']}"
    total = session["totalAmountPaise"]
    if len(settlements) != (1 if total else 0):
        yield f"session {key}: settled {len(settlements)} times for {total}"
    terms = now[f"sessions/{key}/private"]["terms"]
    fee = percent_of(total, terms["platformFeePercent"])
    if (terms["platformFeePaise"], terms["earningPaise"]) != (fee, total - fee):
        yield f"session {key}: {terms} of {total}, not {fee} and {total - fee}"
    for settlement in settlements:
        legs = {leg["account"].partition(":")[0]: leg["amountPaise"] for leg in settlement["legs"]}
        expert = legs.get("wallet", 0) + legs.get("receivable", 0)
        if (legs.get("hold", 0), legs.get("platform", 0), expert) != (-total, fee, total - fee):
            yield f"session {key}: settled as {legs}, total {total}, fee {fee}"
    for suffix, amount in (("payment", total), ("earning", total - fee)):
        view = now["transactions"].get(f"{key}-{suffix}")
        if (view["amountPaise"] if view else None) != (amount if total else None):
            yield f"session {key}: its {suffix} is shown as {view}"
    if session["endReason"] == "insufficient-balance" and session["graceUntil"] > session["endedAt"]:
        yield f"session {key}: ended within its grace"
    for side in ("user", "expert"):
        since = session[f"{side}AbsentSince"]
        if session["endReason"] != f"{side}-absent":
            continue
        if since is None or since + timedelta(seconds=ABSENCE_S) > session["endedAt"]:
            yield f"session {key}: ended for the {side}'s absence since {since}"
            continue
        kept = _kept(session)
        if any(_due_at(session, minute) > since for minute in kept):
            yield f"session {key}: charged {kept} though the {side} was absent since {since}"
        running = int((since - session["startedAt"]).total_seconds() // MINUTE_S)
        if side == "expert" and running in kept:
            yield f"session {key}: keeps the minute that ran when the expert left, of {kept}"


def claims(now: Snapshot) -> Findings:
    """Claims are the sessions in progress and the requests to be accepted; a user is in one at most."""
    by_expert: dict[str, list[str]] = defaultdict(list)
    by_user: dict[str, list[str]] = defaultdict(list)
    for key, session in {**now.sessions_in_progress, **now.offers}.items():
        by_expert[session["expertId"]].append(key)
        by_user[session["userId"]].append(key)
    for uid, keys in by_user.items():
        if len(keys) > 1:
            yield f"{uid} is in sessions {keys}"
    expected = {f"expert:{uid}": sorted(keys) for uid, keys in by_expert.items()}
    expected |= {f"user:{uid}": keys for uid, keys in by_user.items()}
    held = {key: sorted(doc.get("sessions", [doc.get("session")])) for key, doc in now["claims"].items()}
    if held != expected:
        yield f"claims {held}, sessions in progress and offers {expected}"
    for uid in by_user:
        for expert_id in now["experts"]:
            offered = [key for key in by_user[uid] if now["sessions"][key]["expertId"] == expert_id]
            if offered and uid in now.queue(expert_id):
                yield f"{uid} waits for {expert_id}, and is in {offered}"


def attendance(now: Snapshot) -> Findings:
    """A side is marked absent exactly while it has no connection; who is online has an expert's connection."""
    for key, session in now.sessions_in_progress.items():
        for side, uid in (("user", session["userId"]), ("expert", session["expertUid"])):
            since = session[f"{side}AbsentSince"]
            if (since is None) != now.is_present(uid):
                yield f"session {key}: {uid} present: {now.is_present(uid)}, absent since {since}"
    online = 0
    for uid, expert in now["experts"].items():
        online += expert["available"]
        connections = now["presence"].get(uid, {}).get("connections", {}).values()
        if expert["available"] != any(connection["asExpert"] for connection in connections):
            yield f"expert {uid}: available: {expert['available']}, connections {connections}"
    counted = now["counters"].get("expertsOnline", {"count": 0})["count"]
    if counted != online:
        yield f"{online} experts online, counted {counted}"


def overdue(now: Snapshot, late_s: float) -> Findings:
    """After a sweep that went well: no session waits for what should have happened, nor anybody for a free expert."""
    for key, session in {**now.sessions_in_progress, **now.offers}.items():
        if session["nextTickAt"] + timedelta(seconds=late_s) < now.now:
            yield f"session {key}: still to be looked at at {session['nextTickAt']}"
    for uid, expert in now["experts"].items():
        if expert["available"] and not expert.get("onBreak") and not now.claims(uid) and now.queue(uid):
            yield f"expert {uid} is free, and {list(now.queue(uid))} wait"
        expired = [
            entry for entry in now.queue(uid).values() if entry["expiresAt"] + timedelta(seconds=late_s) < now.now
        ]
        if expired:
            yield f"expert {uid}: still waiting though expired: {expired}"


# Payments


def payments(now: Snapshot, provider: Provider) -> Findings:
    """Each payment that is recorded was captured, and is credited once, whole; the gateway's account says the same."""
    credits = {key[8:]: doc for key, doc in now["movements"].items() if key.startswith("payment:")}
    if set(credits) != set(now["payments"]):
        yield f"payments {sorted(now['payments'])} recorded, {sorted(credits)} credited"
    refunds = [key[7:] for key in now["movements"] if key.startswith("refund:")]
    expected = 0
    for key, movement in credits.items():
        paid = provider.payments[key]
        expected -= paid.amount_paise
        if not paid.captured or max(leg["amountPaise"] for leg in movement["legs"]) != paid.amount_paise:
            yield f"payment {key}: credited as {movement['legs']}, is {paid}"
        if now["orders"][paid.order_id]["status"] != "paid":
            yield f"order {paid.order_id}: credited, is {now['orders'][paid.order_id]['status']}"
    for key in refunds:
        expected += provider.refunds[key].amount_paise
    gateway = sum(shard["balancePaise"] for shard in now["counters/gateway:razorpay/shards"].values())
    if gateway != expected:
        yield f"gateway:razorpay: {gateway}, by the provider's own books {expected}"


def collected(now: Snapshot, provider: Provider) -> Findings:
    """In the end: the provider's money is in the wallets, each refund out of them, and no deposit is pending."""
    for payment in provider.payments.values():
        if payment.captured and payment.id not in now["payments"]:
            yield f"{payment} has never been credited"
    for refund in provider.refunds.values():
        if f"refund:{refund.id}" not in now["movements"]:
            yield f"{refund} has never been taken out"
    for key, view in now["transactions"].items():
        if view["status"] == "pending":
            yield f"transaction {key}: pending for ever"


# One step to the next


def history(before: Snapshot, now: Snapshot) -> Findings:
    """What is written for good is never changed: movements, ended sessions, a session's price and fee."""
    for key, movement in before["movements"].items():
        if now["movements"].get(key) != movement:
            yield f"movement {key}: was {movement}, is {now['movements'].get(key)}"
    for key, session in before["sessions"].items():
        after = now["sessions"].get(key, {})
        fee = before[f"sessions/{key}/private"]["terms"]["platformFeePercent"]
        if now[f"sessions/{key}/private"]["terms"]["platformFeePercent"] != fee:
            yield f"session {key}: its fee changed"
        if any(
            after.get(name) != session[name] for name in (*TERMS, *(("startedAt",) if session["startedAt"] else ()))
        ):
            yield f"session {key}: its terms changed: {session} → {after}"
        elif session["status"] in {"completed", "cancelled"}:
            if after != session:
                yield f"session {key}: changed after its end: {session} → {after}"
        elif after["nextMinute"] < session["nextMinute"]:
            yield f"session {key}: minutes went back"
        elif session["status"] == "in_progress" and after["status"] == "in_progress":
            yield from _while_absent(key, session, after)
        elif after["status"] == "completed":
            yield from _unpaid_at_the_end(now, key, after)


def _while_absent(key: str, before: Doc, after: Doc) -> Findings:
    """A minute that comes due while a side is away is not charged before it is back."""
    charged = sorted({*_kept(after)} - {*_kept(before)})
    for name in ("userAbsentSince", "expertAbsentSince"):
        since = before[name]
        if since is not None and after[name] == since and any(_due_at(after, m) > since for m in charged):
            yield f"session {key}: charged {charged} during an absence since {since}"


def _unpaid_at_the_end(now: Snapshot, key: str, session: Doc) -> Findings:
    """Nothing is left unpaid that the wallet covers. (A minute given back is so after all was tried; an expert who is
    the user here may have earned something in the same sweep.)"""
    unpaid = session["writtenOffMinutes"] + session["graceMinutes"]
    balance = now["wallets"][session["userId"]]["balancePaise"]
    can_earn = session["userId"] in now["experts"]
    if unpaid and balance >= price_of(session, min(unpaid)) and not session["givenBackMinutes"] and not can_earn:
        yield f"session {key}: {unpaid} are not paid, and {balance} are there"
