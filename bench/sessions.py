"""Sessions by the minute to measure with, made by the domain's own services: people present, wallets with money."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from konnect import ids
from konnect.config import load
from konnect.context import Context
from konnect.experts import service as experts
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.realtime import PubSubEmitter
from konnect.sessions import requests
from konnect.sessions.metering import Pace
from konnect.store import Database, Doc, Tx
from konnect.tasks import CloudTasks

PRICE_PAISE = 1000
SEEDING_THREADS = 4


def context(env: Mapping[str, str], project: str | None = None) -> Context:
    """As a function's own: real tasks and events. `project` is another one for the documents alone."""
    settings = load(dict(env))
    # Firestore's client finds its emulator by the process's environment alone.
    os.environ["FIRESTORE_EMULATOR_HOST"] = settings.firestore_emulator_host
    return Context(
        settings, Database(project or settings.google_cloud_project), CloudTasks(settings), PubSubEmitter(settings)
    )


def prepare(ctx: Context, count: int, minutes: int, now: datetime) -> list[Doc]:
    """As many experts, each with a user whose wallet covers `minutes`: {"user", "expert"}."""
    return together(lambda index: _pair(ctx, minutes, now), count)


def start(ctx: Context, pair: Doc, started_at: datetime, longest_minutes: int) -> Doc:
    """The pair's session, its first minute charged and its first tick scheduled."""
    config = PlatformConfig(maxSessionDurationMins=longest_minutes)
    session_id = ids.new()

    def work(tx: Tx) -> Doc:
        return requests.start(
            tx,
            experts.get(tx, pair["expert"]),
            uid=pair["user"],
            name="Bench",
            type="chat",
            session_id=session_id,
            config=config,
            pace=Pace.of(ctx.settings),
            now=started_at,
        )

    return ctx.run(work)


def together(work: Callable[[int], Any], count: int, threads: int = SEEDING_THREADS) -> list[Any]:
    """work(0 .. count-1), in a few threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(count)))


def _pair(ctx: Context, minutes: int, now: datetime) -> Doc:
    user, expert = ids.new(), ids.new()
    config = PlatformConfig()
    paise = minutes * PRICE_PAISE
    legs = (Leg(accounts.GATEWAY_RAZORPAY, -paise), Leg(accounts.wallet(user), paise, part="deposited"))

    def work(tx: Tx) -> None:
        ledger.post(tx, Movement(f"bench:{user}", "deposit", legs), now=now)
        experts.register(tx, expert, None, {"name": "Bench", "pricePerMinPaise": PRICE_PAISE}, config, now=now)
        # Without an application to decide: the account behind it does not exist, so no role can be given.
        tx.update(("experts", expert), {"mentorStatus": "approved"})
        # Nobody is absent, so that minutes are charged; no lease of this instance can run out.
        for uid in (user, expert):
            presence.connect(tx, uid, ids.new(), "bench", now=now)

    ctx.run(work)
    return {"user": user, "expert": expert}
