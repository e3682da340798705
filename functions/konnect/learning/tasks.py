"""Cloud Tasks handlers of learning."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.store import Tx

from . import enrollments


def recount(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"courseId"}: a course's document has the number of its students. Counted anew, so repeats are harmless."""
    course_id = payload["courseId"]
    counted = enrollments.count_of(ctx.db, course_id)

    def work(tx: Tx) -> None:
        course = tx.get("courses", course_id)
        if course is not None and course["enrolledCount"] != counted:
            tx.update(("courses", course_id), {"enrolledCount": counted})

    ctx.run(work)
