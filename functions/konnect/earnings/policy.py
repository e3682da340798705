"""Which week is paid, when, and what of a mentor's earnings. Pure; amounts are paise.

A week begins on Monday 00:00 in India. On Monday at 06:00 what was settled before that Monday is paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from konnect import clock

PAID_AT = timedelta(hours=6)
"""After Monday's midnight (functions.yaml has the same)."""
WEEK = timedelta(days=7)
MOST_SHARES = 400
"""In one payout, so that a transaction can write all of them; the rest is a further payout."""
LEAST_PAISE = 10_00
"""What a person may have paid out below the minimum."""


def monday(moment: datetime) -> date:
    """The Monday of the week that a moment belongs to in India."""
    day = clock.business_day(moment)
    return day - timedelta(days=day.weekday())


def until(moment: datetime) -> datetime:
    """A run at this moment pays what was settled before: the last Monday's beginning, in UTC."""
    return clock.day_begins(monday(moment))


def next_run(moment: datetime) -> datetime:
    """When the next weekly run is after a moment."""
    this_week = until(moment) + PAID_AT
    return this_week if this_week > moment else this_week + WEEK


@dataclass(frozen=True)
class Share:
    """A mentor's part of one booking, which is in no payout yet."""

    booking_id: str
    settled_at: datetime
    paise: int
    disputed: bool


@dataclass(frozen=True)
class Plan:
    """What is paid of `shares`: their sum, `earned_paise`, less `taken_paise`, which debts and refunds have taken
    already, and less `debt_paise`, which is owed still. `more`: there are further shares that are due."""

    shares: tuple[Share, ...]
    earned_paise: int
    taken_paise: int
    debt_paise: int
    more: bool = False

    @property
    def amount_paise(self) -> int:
        """Before TDS."""
        return self.earned_paise - self.taken_paise - self.debt_paise


def plan(
    unpaid: Sequence[Share], *, before: datetime, balance_paise: int, debt_paise: int, most: int = MOST_SHARES
) -> Plan:
    """What of the unpaid shares, the earliest first, is to be paid at a run for what was settled `before`.

    `balance_paise` is what payable:{uid} holds. It holds less than all the shares when a debt was paid from one, or a
    booking was refunded that had been paid out: that comes off the earliest shares, so that later ones, and one that is
    in dispute, are there in full when it is their turn.
    """
    due = [share for share in unpaid if share.settled_at < before and not share.disputed]
    chosen = tuple(due[:most])
    earned_paise = sum(share.paise for share in chosen)
    taken_paise = min(earned_paise, max(0, sum(share.paise for share in unpaid) - balance_paise))
    owed_paise = min(debt_paise, earned_paise - taken_paise)
    return Plan(chosen, earned_paise, taken_paise, owed_paise, more=len(due) > most)


def period(shares: Sequence[Share], before: datetime) -> tuple[date, date]:
    """The whole weeks that the shares are of: a Monday and a Sunday, both included. What was carried over begins
    earlier than the week before."""
    last = clock.business_day(before) - timedelta(days=1)
    first = monday(min((share.settled_at for share in shares), default=before - WEEK))
    return first, last
