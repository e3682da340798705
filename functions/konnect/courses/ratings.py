"""What the reviews of a course add up to: its rating, ratingSum and reviewCount.

The reviews' trigger calls this in the transaction that records what has been counted, so that events that repeat or
come out of order count once.
"""

from datetime import datetime

from konnect.experts import standing
from konnect.gamification import service as gamification
from konnect.gamification.policy import is_top_rated
from konnect.store import Tx


def add(tx: Tx, course_id: str, *, ratings: int, reviews: int, now: datetime) -> None:
    """Add to (or take from) the sum of ratings and the number of reviews, of a course in any status. Whose course is
    rated well by enough people is top rated."""
    course = tx.get("courses", course_id)
    if course is None:
        return
    rating_sum, review_count = course["ratingSum"] + ratings, course["reviewCount"] + reviews
    rating = standing.average(rating_sum, review_count)
    tx.update(("courses", course_id), {"ratingSum": rating_sum, "reviewCount": review_count, "rating": rating})
    if is_top_rated(rating, review_count):
        gamification.earn_badge(tx, course["instructor"]["uid"], "top_rated", now=now)
