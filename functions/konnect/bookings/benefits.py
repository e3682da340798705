"""What a booking's student does not pay in cash: the order in which benefits are used, and what goes back to whom.

A session of a package, if one is named; else the minutes included in a subscription, then its discount on what is left,
then one coupon on what is left. Less than 1 INR, which no payment can be of, counts as covered. The benefits are used
when the slot is held, and are free again when the hold lapses.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from konnect import benefits
from konnect.benefits import Ask, Benefit, Source
from konnect.coupons import benefit as coupons
from konnect.errors import BadRequest, KonnectError
from konnect.ledger import accounts
from konnect.packages import benefit as packages
from konnect.store import Doc, Tx
from konnect.subscriptions import benefit as subscriptions

from . import repository

LEAST_PAYMENT_PAISE = 100
"""The provider takes no order and makes no refund of less."""
SOURCES: dict[str, Source] = {
    "package": packages,
    "subscription-minutes": subscriptions,
    "subscription-discount": subscriptions,
    "coupon": coupons,
}


def offers(tx: Tx, ask: Ask, *, now: datetime) -> list[Benefit]:
    """What is taken off `ask.left_paise`, in the order of use. Raises what the sources raise for a code or a purchase
    that can't be used, and BadRequest (couponCode) for a coupon beside a package."""
    if ask.purchase_id is not None and ask.code is not None:
        raise BadRequest.field("couponCode", "a session of a package is paid for already")
    found: list[Benefit] = []
    for source in [packages] if ask.purchase_id is not None else [subscriptions, coupons]:
        left_paise = ask.left_paise - total(found)
        if left_paise > 0:
            found += source.offer(tx, replace(ask, left_paise=left_paise), now=now)
    left_paise = ask.left_paise - total(found)
    assert left_paise >= 0, "no more than all is taken off"
    if found and 0 < left_paise < LEAST_PAYMENT_PAISE:
        found[-1] = replace(found[-1], amount_paise=found[-1].amount_paise + left_paise)
    return found


def total(found: Sequence[Benefit]) -> int:
    return sum(one.amount_paise for one in found)


def of(booking: Doc) -> list[Benefit]:
    return [benefits.of(one) for one in booking["benefits"]]


def coupon_of(tx: Tx, booking: Doc) -> str | None:
    """The code of the coupon that a booking has."""
    key = next((one.id for one in of(booking) if one.kind == "coupon"), None)
    return coupons.code_of(tx, key) if key is not None else None


def still_offered(tx: Tx, booking: Doc, *, now: datetime) -> bool:
    """Whether all that a lapsed booking was to use is there for it as it was."""
    wanted = of(booking)
    if not wanted:
        return True
    code = coupon_of(tx, booking)
    ask = Ask(
        uid=booking["studentId"],
        mentor_id=booking["mentorId"],
        minutes=booking["duration"],
        price_paise=booking["pricePaise"],
        left_paise=booking["totalPaise"],
        scheduled_at=booking["scheduledAt"],
        code=code,
        is_first=code is not None and repository.is_first(tx, booking["studentId"]),
    )
    try:
        found = offers(tx, ask, now=now)
    except KonnectError:
        return False
    return [_given(one) for one in found] == [_given(one) for one in wanted]


def _given(benefit: Benefit) -> tuple[str, str, int]:
    """Without the label, whose words may have changed."""
    return benefit.kind, benefit.id, benefit.amount_paise


def check_end(tx: Tx, booking: Doc, ends_at: datetime) -> None:
    """A booking is moved to end then. Raises Conflict (PACKAGE_EXPIRED) where its package's time is up by then."""
    for one in of(booking):
        if one.kind == "package":
            packages.check_end(tx, one.id, ends_at)


def use(tx: Tx, booking: Doc, *, now: datetime) -> None:
    """They count from now on. The caller has had them offered in this transaction."""
    for one in of(booking):
        SOURCES[one.kind].use(tx, booking["id"], one, uid=booking["studentId"], now=now)


def free(tx: Tx, booking: Doc, *, now: datetime) -> None:
    """The hold has lapsed without a payment: they are the student's again."""
    for one in of(booking):
        SOURCES[one.kind].give_back(tx, booking["id"], one, 0, uid=booking["studentId"], whole=True, now=now)


def give_back(tx: Tx, booking: Doc, portions: Sequence[int], *, whole: bool, now: datetime) -> None:
    """`portions` of `proportions` have come back to their accounts (`legs`). `whole`: nothing was kept."""
    for one, portion_paise in zip(of(booking), portions, strict=True):
        if portion_paise or whole:
            source, uid = SOURCES[one.kind], booking["studentId"]
            source.give_back(tx, booking["id"], one, portion_paise, uid=uid, whole=whole, now=now)


def account(benefit: Benefit) -> str:
    """Where its money comes from, and goes back to."""
    return accounts.hold("package", benefit.id) if benefit.kind == "package" else accounts.PLATFORM_PROMOTIONS


def of_package(booking: Doc, portions: Sequence[int]) -> int:
    """What of `portions` a package gets: it goes on to where the package was paid from, unless it is all."""
    return sum(paise for one, paise in zip(of(booking), portions, strict=True) if one.kind == "package")


def sums(found: Sequence[Benefit], portions: Sequence[int]) -> dict[str, int]:
    """Portions by account, in paise; none of 0."""
    by_account: dict[str, int] = {}
    for one, paise in zip(found, portions, strict=True):
        if paise:
            by_account[account(one)] = by_account.get(account(one), 0) + paise
    return by_account


def returned(booking: Doc, before_paise: int, paise: int) -> tuple[int, list[int]]:
    """What of `paise` that go back goes to cash, and to each benefit. `before_paise` have gone back earlier: parts
    are of cumulative totals, so that in the end each has what it gave, and no part ever shrinks."""
    shares = [*(one.amount_paise for one in of(booking)), booking["payablePaise"]]
    before, after = proportions(before_paise, shares), proportions(before_paise + paise, shares)
    *portions, cash_paise = (later - earlier for earlier, later in zip(before, after, strict=True))
    if portions and cash_paise < LEAST_PAYMENT_PAISE:
        # No refund can be of so little: the benefits keep it.
        return 0, [portions[0] + cash_paise, *portions[1:]]
    return cash_paise, portions


def proportions(amount_paise: int, shares: Sequence[int]) -> list[int]:
    """`amount_paise` of the sum of `shares`, divided in proportion to them: each from what the ones before it have left
    over, half up, so the last gets the remainder. No part exceeds its share, or shrinks when the amount grows."""
    left_paise, whole_paise = amount_paise, sum(shares)
    assert 0 <= amount_paise <= whole_paise
    parts = []
    for share_paise in shares:
        part_paise = (2 * left_paise * share_paise + whole_paise) // (2 * whole_paise) if whole_paise else 0
        parts.append(part_paise)
        left_paise -= part_paise
        whole_paise -= share_paise
    return parts
