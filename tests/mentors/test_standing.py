"""Warnings and stops by the numbers: the pure judgement, what it leads to, and an admin's leave."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from konnect.context import Context
from konnect.experts import preferences
from konnect.mentors import stopping
from konnect.mentors.standing_policy import Measure, Verdict, judge
from konnect.platform import PlatformConfig
from konnect.reviews import service as reviews
from konnect.store import Doc, Query
from tests.experts import world
from tests.payments.api import Api
from tests.support import START

CONFIG = PlatformConfig()
Served = tuple[Context, Api]


@pytest.mark.parametrize(
    ("measure", "verdict"),
    [
        (Measure("rating", 1.0, 4), None),
        (Measure("rating", 2.99, 5), "stopped"),
        (Measure("rating", 3.0, 5), "warned"),
        (Measure("rating", 3.49, 5), "warned"),
        (Measure("rating", 3.5, 5), "fine"),
        (Measure("cancellations", 100, 4), None),
        (Measure("cancellations", 19.9, 5), "fine"),
        (Measure("cancellations", 20, 5), "warned"),
        (Measure("cancellations", 39.9, 50), "warned"),
        (Measure("cancellations", 40, 5), "stopped"),
    ],
)
def test_the_bounds(measure: Measure, verdict: Verdict | None) -> None:
    assert judge(measure, CONFIG) == verdict


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ratingStopBelow": 4}, "ratingStopBelow"),
        ({"ratingWarnBelow": 2}, "ratingStopBelow"),
        ({"cancellationStopPercent": 10}, "cancellationStopPercent"),
        ({"cancellationWarnPercent": 0}, "cancellationWarnPercent"),
        ({"ratingMinReviews": 0}, "ratingMinReviews"),
    ],
)
def test_bounds_that_make_no_sense(served: Served, given: dict[str, Any], field: str) -> None:
    answer = served[1].user("root", role="admin").call("PATCH", "/api/admin/config", given)
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)


@pytest.fixture
def served() -> Iterator[Served]:
    with world.opened() as (ctx, api):
        world.expert(ctx, "asha")
        yield ctx, api


def judged(ctx: Context, value: float, count: int, minute: int, reason: Any = "rating") -> None:
    now = START + timedelta(minutes=minute)
    ctx.run(lambda tx: stopping.review(tx, "asha", Measure(reason, value, count), CONFIG, now=now))


def told(ctx: Context) -> list[str]:
    found = Query(("notifications",)).filter("userId", "==", "asha").run(ctx.db)
    return [one["type"] for one in sorted(found, key=lambda one: one["createdAt"])]


def seen(ctx: Context) -> Doc:
    return stopping.view(world.doc(ctx, "experts", "asha", "private", "onboarding"))


def bookable(ctx: Context) -> bool:
    return preferences.bookable(world.doc(ctx, "experts", "asha"))


class TestConsequences:
    def test_a_warning_comes_once_until_all_is_fine_again(self, served: Served) -> None:
        ctx, _ = served
        for minute, value in enumerate((3.4, 3.2, 3.2)):
            judged(ctx, value, 6 + minute, minute)
        assert (told(ctx), seen(ctx)) == (["mentor_warned"], {"bookingsStopped": None, "warnedFor": ["rating"]})
        judged(ctx, 3.6, 9, 3)
        assert seen(ctx)["warnedFor"] == []
        judged(ctx, 3.4, 10, 4)
        assert told(ctx) == ["mentor_warned"] * 2
        assert bookable(ctx)

    def test_too_few_say_nothing(self, served: Served) -> None:
        ctx, _ = served
        judged(ctx, 1, 4, 0)
        assert (told(ctx), bookable(ctx)) == ([], True)

    def test_a_stop_lasts_until_an_admin_lifts_it(self, served: Served) -> None:
        ctx, api = served
        judged(ctx, 2.9, 5, 0)
        judged(ctx, 45, 8, 1, "cancellations")
        judged(ctx, 4.9, 60, 2)
        assert told(ctx) == ["bookings_stopped", "bookings_stopped"]
        assert (bookable(ctx), seen(ctx)["bookingsStopped"]) == (False, {"reason": "rating", "at": START})
        # The mentor's own switch is another one.
        ctx.run(lambda tx: preferences.change(tx, "asha", {"acceptsBookings": True}, now=START))
        assert not bookable(ctx)
        admin, path = api.user("root", role="admin"), "/api/admin/mentors/asha"
        shown = admin.call("PATCH", path, {"title": "Coach"}).json()
        assert shown["bookingsStopped"]["reason"] == "rating"
        for _ in range(2):
            assert admin.call("PATCH", path, {"bookingsStopped": False}).json()["bookingsStopped"] is None
        assert bookable(ctx)
        assert seen(ctx) == {"bookingsStopped": None, "warnedFor": ["cancellations", "rating"]}
        assert told(ctx)[2:] == ["bookings_resumed"]
        entry, _ = Query(("audit",), order=(("createdAt", "desc"),)).run(ctx.db)
        assert (entry["before"]["bookingsStopped"]["reason"], entry["after"]) == ("rating", {"bookingsStopped": None})

    def test_after_that_only_for_as_many_reviews_more(self, served: Served) -> None:
        ctx, _ = served
        judged(ctx, 2.5, 7, 0)
        assert ctx.run(lambda tx: stopping.lift(tx, "asha", now=START + timedelta(minutes=1))) is not None
        judged(ctx, 2.4, 11, 2)
        assert bookable(ctx)
        judged(ctx, 2.4, 12, 3)
        assert not bookable(ctx)
        assert told(ctx) == ["bookings_stopped", "bookings_resumed", "bookings_stopped"]

    def test_what_an_admin_can_t_send(self, served: Served) -> None:
        _, api = served
        path, body = "/api/admin/mentors/asha", {"bookingsStopped": False}
        assert api.user(None).call("PATCH", path, body).status_code == 401
        assert api.user("asha", role="expert").call("PATCH", path, body).status_code == 403
        refused = api.user("root", role="admin").call("PATCH", path, {"bookingsStopped": True})
        assert refused.json()["error"]["details"][0]["field"] == "bookingsStopped"


def reviewed(ctx: Context, number: int, rating: int, now: datetime) -> str:
    world.finished_session(ctx, f"s{number}", user="meera", expert_id="asha")
    subject = partial(reviews.of_session, session_id=f"s{number}", uid="meera")
    review = ctx.run(lambda tx: reviews.create(tx, subject(tx), rating=rating, comment="", now=now))
    review_id = str(review["id"])
    world.review_written(ctx, review_id, now=now)
    return review_id


def test_low_reviews_stop_bookings_and_hiding_one_does_not_start_them(served: Served) -> None:
    ctx, api = served
    ids = [reviewed(ctx, n, 2 + n % 2, START + timedelta(minutes=n)) for n in range(5)]
    assert world.doc(ctx, "experts", "asha")["rating"] == 2.4
    assert told(ctx).count("bookings_stopped") == 1
    for _ in range(2):
        world.review_written(ctx, ids[0])
    assert told(ctx).count("bookings_stopped") == 1
    world.expert_written(ctx, "asha")
    asha = api.user("asha", role="expert")
    assert asha.get("/api/mentors/dashboard/stats").json()["bookingsStopped"]["reason"] == "rating"
    assert asha.get("/api/mentors/asha").json()["isAcceptingBookings"] is False
    assert "bookingsStopped" not in asha.get("/api/mentors/asha").json()
