"""What an expert's reviews and sessions add up to: rating, reviewCount and orders of experts/{id}.

The reviews' and the sessions' triggers call this in the transaction that records what has been counted, so that events
that repeat or come out of order count once.
"""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from konnect.store import Doc, Tx


def add(tx: Tx, expert_id: str, *, ratings: int = 0, reviews: int = 0, orders: int = 0, now: datetime) -> bool:
    """Add to (or take from) the sum of ratings, the number of reviews, and of completed sessions. False if there is no
    such expert any more, nor a trace of one.
    """
    path = ("experts", expert_id)
    expert = tx.get(*path)
    if expert is None:
        path = ("removedExperts", expert_id)
        expert = tx.get(*path)
    if expert is None:
        return False
    rating_sum = expert.get("ratingSum", 0) + ratings
    review_count = expert.get("reviewCount", 0) + reviews
    changed = {
        "ratingSum": rating_sum,
        "reviewCount": review_count,
        "rating": average(rating_sum, review_count),
        "orders": expert.get("orders", 0) + orders,
    }
    tx.update(path, {**changed, "updatedAt": now})
    return True


def average(rating_sum: int, review_count: int) -> float:
    """To two decimals, half up; 0 without reviews."""
    if review_count <= 0:
        return 0
    exact = Decimal(rating_sum) / review_count
    return float(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def keep(expert: Doc) -> Doc:
    """What stays of an expert who is removed."""
    return {name: expert.get(name, 0) for name in ("ratingSum", "reviewCount", "rating", "orders")}


def restore(tx: Tx, expert_id: str) -> None:
    """Give a profile that comes again what its person had earned before."""
    kept = tx.get("removedExperts", expert_id)
    expert = tx.get("experts", expert_id)
    if kept is None or expert is None:
        return
    ratings, reviews = (
        kept["ratingSum"] + expert.get("ratingSum", 0),
        kept["reviewCount"] + expert.get("reviewCount", 0),
    )
    tx.update(
        ("experts", expert_id),
        {
            "ratingSum": ratings,
            "reviewCount": reviews,
            "rating": average(ratings, reviews),
            "orders": kept["orders"] + expert.get("orders", 0),
        },
    )
    tx.delete(("removedExperts", expert_id))
