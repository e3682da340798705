"""An expert world on a project of one's own: the API, and triggers fired by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.experts import profiles
from konnect.experts.triggers import on_expert_written
from konnect.http.triggers import Change
from konnect.reviews.triggers import on_review_written
from konnect.sessions.orders import on_terms_written
from konnect.store import Doc, Query
from tests.payments.api import Api, serve
from tests.support import START, new_context


@contextmanager
def opened(**settings: Any) -> Iterator[tuple[Context, Api]]:
    made = new_context()
    changed = {"firebase_auth_emulator_host": "127.0.0.1:1", **settings}
    ctx = replace(made, settings=made.settings.model_copy(update=changed))
    with serve(ctx) as api:
        yield ctx, api


def expert(ctx: Context, expert_id: str, *, status: str = "approved", now: datetime = START, **fields: Any) -> None:
    """A profile whose account has the same id, and its listing."""
    given = {"name": expert_id.title(), "title": "Mentor", **fields}

    def work(tx: Any) -> None:
        profiles.create(
            tx,
            expert_id,
            given,
            email=f"{expert_id}@konnect.test",
            firebase_uid=expert_id,
            status=status,
            default_price_paise=1000,
            now=now,
        )

    ctx.run(work)
    expert_written(ctx, expert_id)


def expert_written(ctx: Context, expert_id: str, *, before: Doc | None = None, now: datetime = START) -> None:
    """The trigger's event of a profile; the last that comes decides, whatever it says."""
    on_expert_written(ctx, _change(ctx, {"expertId": expert_id}, ("experts", expert_id), before), now)


def all_experts_written(ctx: Context) -> None:
    for doc in [*Query(("experts",)).run(ctx.db), *Query(("listings",)).run(ctx.db)]:
        expert_written(ctx, doc["id"], before={"mentorStatus": "approved"})


def review_written(ctx: Context, review_id: str, *, before: Doc | None = None, now: datetime = START) -> None:
    on_review_written(ctx, _change(ctx, {"reviewId": review_id}, ("reviews", review_id), before), now)


def terms_written(ctx: Context, session_id: str, *, now: datetime = START) -> None:
    path = ("sessions", session_id, "private", "terms")
    on_terms_written(ctx, _change(ctx, {"sessionId": session_id}, path, None), now)


def finished_session(ctx: Context, session_id: str, *, user: str, expert_id: str, **fields: Any) -> None:
    """A session as it is written when it has ended (the ledger is not this test's)."""
    session = {
        "userId": user,
        "userName": f"{user.title()} Nair",
        "expertId": expert_id,
        "expertUid": expert_id,
        "expertName": expert_id.title(),
        "status": "completed",
        "type": "chat",
        "createdAt": START,
        "startedAt": START,
        "durationSeconds": 60,
        **fields,
    }
    ctx.db.set(("sessions", session_id), session)
    ctx.db.set(("sessions", session_id, "private", "terms"), {"platformFeePercent": 20})


def specialty_counts(ctx: Context) -> dict[str, int]:
    return {doc["id"]: doc["count"] for doc in Query(("specialties",)).run(ctx.db)}


def doc(ctx: Context, *path: str) -> Doc:
    found = ctx.db.get(*path)
    assert found is not None, "/".join(path)
    return found


def _change(ctx: Context, params: dict[str, str], path: tuple[str, ...], before: Doc | None) -> Change:
    after = ctx.db.get(*path)
    return Change("event", "/".join(path), params, before, after, START)
