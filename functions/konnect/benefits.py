"""What a student does not pay in cash: a session of a package, a subscription's minutes and discount, a coupon.

A booking keeps each as {kind, id, amount, amountPaise, label}; the mentor is paid as if all of it were cash. The
domains that give benefits stand below bookings, which uses them (konnect.bookings.benefits has the order): each has a
module `benefit` with the functions of `Source`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from .money import rupees
from .store import Doc, Tx

Kind = Literal["package", "subscription-minutes", "subscription-discount", "coupon"]


@dataclass(frozen=True)
class Ask:
    """A session that somebody wants. `price_paise` is the mentor's, `left_paise` what is still to pay of what it costs,
    more than 0. `code`: of a coupon; `purchase_id`: of a package. `is_first`: the student has had no booking yet."""

    uid: str
    mentor_id: str
    minutes: int
    price_paise: int
    left_paise: int
    scheduled_at: datetime
    code: str | None = None
    purchase_id: str | None = None
    is_first: bool = False


@dataclass(frozen=True)
class Benefit:
    """What is taken off: from 1 paisa to all that is left. `id`: of the purchase, the subscription's period; of a
    coupon its key, since the mentor reads it too, as the `label`."""

    kind: Kind
    id: str
    amount_paise: int
    label: str

    @property
    def fields(self) -> Doc:
        """As a booking has it."""
        return {
            "kind": self.kind,
            "id": self.id,
            "amount": rupees(self.amount_paise),
            "amountPaise": self.amount_paise,
            "label": self.label,
        }


def of(doc: Doc) -> Benefit:
    """As a booking had it."""
    return Benefit(doc["kind"], doc["id"], doc["amountPaise"], doc["label"])


class Source(Protocol):
    """A module that gives benefits. Everything happens in the booking's own transaction: no network, clock or
    randomness."""

    def offer(self, tx: Tx, ask: Ask, *, now: datetime) -> list[Benefit]:
        """What it would take off `ask.left_paise`, in the order of use; [] for nothing. Writes nothing. It is asked
        again before a late payment is seated: the same amounts under the same ids mean that they are still there.

        Raises NotFound, Conflict or BadRequest for a code or a purchase that was sent and can't be used.
        """

    def use(self, tx: Tx, booking_id: str, benefit: Benefit, *, uid: str, now: datetime) -> None:
        """The booking is held: what was offered to `uid` in this transaction counts as used, so that nobody uses it
        twice. By the booking's id: the same again changes nothing."""

    def give_back(
        self, tx: Tx, booking_id: str, benefit: Benefit, portion_paise: int, *, uid: str, whole: bool, now: datetime
    ) -> None:
        """The booking's hold lapsed (`portion_paise` 0), or so much of the benefit's money has just come back to its
        account, by the caller. `whole`: the use is free again, and forgotten. By the booking's id."""
