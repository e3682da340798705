"""What HTTP requests cost: a deposit from its order to the credit, and GET /api/wallet."""

import asyncio
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp

from local.person import Person

from .table import Table, median, ms, percentile, ratio

PASSWORD = "konnect-bench"
DEPOSITS, WARM_UP = 40, 5
ROUNDS, ROUND_REQUESTS, CONCURRENT = 6, 240, 8


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    person = Person.sign_up(env, "api@bench.konnect.test", PASSWORD, "Bench")
    person.post("/api/auth/verify")
    return [_deposits(person), _wallet(env, person)]


def _deposits(person: Person) -> Table:
    """Order, pay, verify, one after the other; the sandbox sends its webhook at the same time, as Razorpay does."""
    steps: dict[str, list[float]] = {
        "order": [],
        "checkout (the sandbox)": [],
        "verify: credited": [],
        "order to credited": [],
    }
    for index in range(WARM_UP + DEPOSITS):
        times = [time.perf_counter()]
        order = person.order(10)
        times.append(time.perf_counter())
        paid = person.pay(order["orderId"])
        times.append(time.perf_counter())
        answer = person.post("/api/payments/verify", paid)
        times.append(time.perf_counter())
        if answer["status"] != "completed":
            raise RuntimeError(f"not credited: {answer}")
        if index >= WARM_UP:
            between = [after - before for before, after in pairwise(times)]
            for taken, seconds in zip(steps.values(), [*between, times[-1] - times[0]], strict=True):
                taken.append(seconds)
    balance = person.get("/api/wallet")["balance"]
    failures = [] if balance == 10 * (WARM_UP + DEPOSITS) else [f"the wallet has {balance} INR after the deposits"]
    rows = [(name, ms(median(taken)), ms(percentile(taken, 99))) for name, taken in steps.items()]
    note = f"{DEPOSITS} deposits of one user, one after the other, through the gateway; each step with its round trip."
    return Table("Deposit", ("step", "ms", "p99"), rows, note, failures)


def _wallet(env: Mapping[str, str], person: Person) -> Table:
    """GET /api/wallet from the function itself, and through the gateway; alternating, at 1 and at 8 at a time."""
    targets = {"the function": f"{env['FUNCTIONS_URL']}/api", "through the gateway": env["API_URL"]}
    times, rates = asyncio.run(_requests(targets, person.token))
    rows = []
    for (name, concurrency), taken in times.items():
        rate = rates[name, concurrency]
        base = rates["the function", concurrency]
        rows.append(
            (
                name,
                str(concurrency),
                ms(median(taken)),
                ms(percentile(taken, 99)),
                f"{median(rate):.0f}",
                "" if rate is base else ratio(rate, base),
            )
        )
    note = (
        f"Token checked, account cached, one document read. {ROUNDS} rounds of {ROUND_REQUESTS} requests each way; in "
        "production there is no gateway of ours. The rates' ratio is of rounds that follow each other."
    )
    columns = ("GET /api/wallet", "at a time", "ms", "p99", "requests/s", "ratio")
    return Table("Wallet", columns, rows, note)


async def _requests(targets: Mapping[str, str], token: str) -> tuple[dict[Any, list[float]], dict[Any, list[float]]]:
    """Per (target, concurrency): the time of each request, and the rate of each round."""
    keys = [(name, concurrency) for concurrency in (1, CONCURRENT) for name in targets]
    times: dict[Any, list[float]] = {key: [] for key in keys}
    rates: dict[Any, list[float]] = {key: [] for key in keys}
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for number in range(ROUNDS + 1):
            for name, concurrency in keys:
                taken, rate = await _round(session, targets[name] + "/api/wallet", concurrency)
                # The first round warms everything up.
                if number:
                    times[name, concurrency] += taken
                    rates[name, concurrency].append(rate)
    return times, rates


async def _round(session: aiohttp.ClientSession, url: str, concurrency: int) -> tuple[list[float], float]:
    taken: list[float] = []
    left = iter(range(ROUND_REQUESTS))

    async def one_client() -> None:
        for _ in left:
            began = time.perf_counter()
            async with session.get(url) as response:
                body = await response.json()
                if response.status != 200:
                    raise RuntimeError(f"GET {url}: {response.status} {body}")
            taken.append(time.perf_counter() - began)

    started = time.perf_counter()
    await asyncio.gather(*(one_client() for _ in range(concurrency)))
    return taken, ROUND_REQUESTS / (time.perf_counter() - started)
