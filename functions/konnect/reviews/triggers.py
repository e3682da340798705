"""Firestore triggers of reviews."""

from datetime import datetime

from konnect.context import Context
from konnect.courses import ratings as course_ratings
from konnect.experts import standing
from konnect.http.triggers import Change
from konnect.mentors import stopping
from konnect.mentors.standing_policy import Measure
from konnect.platform import platform_config
from konnect.store import Tx

from . import service


def on_review_written(ctx: Context, change: Change, now: datetime) -> None:
    """Trigger on reviews/{reviewId}: the expert's rating has of the review what the review says now, and
    a low one its consequences; or the course's rating has.

    What was counted of it is recorded in the same transaction; so an event that repeats, or comes after a later one,
    finds nothing left to do.
    """
    review_id = change.params["reviewId"]
    about = change.after or change.before
    if about is None:
        return

    config = platform_config(ctx.db)

    def work(tx: Tx) -> None:
        recorded = ("reviews", review_id, "private", "counted")
        course_id = about.get("courseId")
        tx.prefetch(
            ("reviews", review_id), recorded, ("courses", course_id) if course_id else ("experts", about["expertId"])
        )
        counted = (tx.get(*recorded) or {}).get("rating")
        wanted = service.counted_rating(tx.get("reviews", review_id))
        if counted == wanted:
            return
        ratings, reviews = (wanted or 0) - (counted or 0), (wanted is not None) - (counted is not None)
        if course_id:
            course_ratings.add(tx, course_id, ratings=ratings, reviews=reviews, now=now)
        else:
            standing.add(tx, about["expertId"], ratings=ratings, reviews=reviews, now=now)
            expert = tx.get("experts", about["expertId"])
            if expert is not None:
                measure = Measure("rating", expert["rating"], expert["reviewCount"])
                stopping.review(tx, about["expertId"], measure, config, now=now)
        tx.set(recorded, {"rating": wanted, "countedAt": now})

    ctx.run(work)
