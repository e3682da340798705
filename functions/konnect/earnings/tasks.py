"""The weekly run: a task a page of mentors, a task a mentor.

Each page schedules its mentors and then the next page, under names that make repeats harmless, before it is done: one
that breaks off is tried again, and goes on.
"""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.money import to_paise
from konnect.platform import platform_config
from konnect.tasks import Task

from . import policy, repository, service
from .service import Paid

PAGE, MENTOR = "/earnings/pay-page", "/earnings/pay"
MENTORS_A_PAGE = 200
"""Scheduled well within the function's minute."""


def pay_earnings(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The job, on Monday at 06:00 in India; on any other day it pays the same week, what of it is not paid yet. It does
    the first page itself."""
    before = clock.iso(policy.until(now))
    page(ctx, {"before": before, "run": clock.iso(now), "after": None}, now)
    return {"before": before}


def page(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"before", "run", "after"}: the mentors who come after the one named."""
    found = repository.payables(ctx.db, after=payload["after"], limit=MENTORS_A_PAGE)
    least_paise = minimum(ctx)
    about = {name: payload[name] for name in ("before", "run")}
    tasks = [
        Task(MENTOR, ("pay-earnings", payload["run"], payable["id"]), {**about, "uid": payable["id"]})
        for payable in found
        if service.balance(payable) >= least_paise
    ]
    if len(found) == MENTORS_A_PAGE:
        last = found[-1]["id"]
        tasks.append(Task(PAGE, ("pay-earnings", payload["run"], "page", last), {**about, "after": last}))
    ctx.flush(tasks, [])


def pay(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"before", "uid"}: one mentor's week."""
    before = datetime.fromisoformat(payload["before"])
    while one(ctx, payload["uid"], before=before, minimum_paise=minimum(ctx), now=now).more:
        pass


def one(ctx: Context, uid: str, *, before: datetime, minimum_paise: int, now: datetime) -> Paid:
    by_hand = not ctx.settings.razorpayx_account_number
    return ctx.run(
        lambda tx: service.pay(tx, uid, before=before, minimum_paise=minimum_paise, by_hand=by_hand, now=now)
    )


def minimum(ctx: Context) -> int:
    return to_paise(platform_config(ctx.db).minPayout)
