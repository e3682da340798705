"""What a search among 10,000 experts takes: the function's own call, for each kind of question."""

import random
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from konnect import clock
from konnect.context import Context
from konnect.experts import listing, search
from konnect.experts.search import Criteria
from konnect.store import Doc, measure

from . import sessions
from .table import Table, median, ms, percentile

EXPERTS, FEW_EXPERTS = 10_000, 500
BATCH = 250
CALLS, FEW_CALLS, WARM_UP = 40, 5, 2
LIMIT = 20
MAX_EXACT_READS = LIMIT + 1
# A page's batches each read one more, to know whether there is a next.
MAX_CHECKED_READS = listing.EXAMINED_MAX + listing.EXAMINED_MAX // listing.BATCH_MIN
_WORDS = """
python java cloud data design career system interview product growth finance legal leadership kubernetes react mobile
security machine learning statistics marketing sales writing startup hiring strategy research
"""
_NAMES = "Asha Ravi Meera Kabir Anita Vikram Priya Arjun Sunita Dev Nisha Rahul Leela Farhan Tara Imran"
_SURNAMES = "Rao Nair Iyer Khan Sharma Gupta Das Bose Menon Patel Singh Reddy Joshi Kapoor Shah Verma"
WORDS, NAMES, SURNAMES = _WORDS.split(), _NAMES.split(), _SURNAMES.split()
SPECIALTIES = [f"{word.title()} {kind}" for word in WORDS[:20] for kind in ("Coaching", "Reviews")]
SEARCHES = (
    ("all, best rated", Criteria()),
    ("online first", Criteria(sort="online")),
    ("online, at most 12 INR, by price", Criteria(available=True, max_price_paise=1200, sort="price_asc")),
    ("rated 4.5, at most 12 INR, by orders", Criteria(min_rating=4.5, max_price_paise=1200, sort="popularity")),
    ("dearest first", Criteria(sort="price_desc")),
)
BY_ARRAY = (
    ("a specialty, online", Criteria(specialty="Python Coaching", available=True)),
    ("beginning of a word", Criteria(search="kube")),
    ("two words, both common", Criteria(search="leadership python")),
    ("two words, one unknown", Criteria(search="leadership zzz")),
    ("a word in a specialty", Criteria(search="leadership", specialty="Python Coaching")),
)


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    return [
        _searches(
            env,
            "Experts",
            EXPERTS,
            CALLS,
            SEARCHES,
            "The times are the emulator's; the reads are what production bills.",
        ),
        _searches(
            env,
            "Experts by word",
            FEW_EXPERTS,
            FEW_CALLS,
            BY_ARRAY,
            "The emulator walks through every array's entries for array-contains, which production has an index for: "
            "the times are the emulator's and grow with the collection; the reads are what production bills.",
        ),
    ]


def _searches(
    env: Mapping[str, str], title: str, count: int, calls: int, searches: tuple[tuple[str, Criteria], ...], remark: str
) -> Table:
    ctx = sessions.context(env, f"demo-{uuid.uuid4().hex[:12]}")
    made = [_expert(random.Random(index), index) for index in range(count)]
    sessions.together(lambda batch: _write(ctx, made[batch * BATCH : (batch + 1) * BATCH]), count // BATCH)
    rows, failures = [], []
    for name, criteria in searches:
        row, failure = _measure(ctx, name, criteria, calls)
        rows.append(row)
        failures += failure
    prefixes = sum(len(doc["prefixes"]) for doc in made) // count
    note = (
        f"`konnect.experts.listing.find`, a page of {LIMIT}, {calls} calls each, one after the other, among {count:,} "
        f"listings of {prefixes} prefixes each. {remark}"
    )
    return Table(title, ("search", "ms", "p99", "second page ms", "found", "reads"), rows, note, failures)


def _measure(ctx: Context, name: str, criteria: Criteria, calls: int) -> tuple[tuple[str, ...], list[str]]:
    taken: list[float] = []
    second: list[float] = []
    reads = 0
    for index in range(WARM_UP + calls):
        with measure() as usage:
            started = time.perf_counter()
            first = listing.find(ctx.db, criteria, limit=LIMIT, cursor=None)
            elapsed_s = time.perf_counter() - started
        reads = max(reads, usage.reads)
        if index < WARM_UP:
            continue
        taken.append(elapsed_s)
        if first.next_cursor is not None:
            started = time.perf_counter()
            listing.find(ctx.db, criteria, limit=LIMIT, cursor=first.next_cursor)
            second.append(time.perf_counter() - started)
    allowed = MAX_EXACT_READS if search.plan(criteria).is_exact else MAX_CHECKED_READS
    failures = [f"{name}: a page cost {reads} reads; at most {allowed} are allowed"] if reads > allowed else []
    later = ms(median(second)) if second else ""
    row = (name, ms(median(taken)), ms(percentile(taken, 99)), later, str(len(first.items)), str(reads))
    return row, failures


def _expert(rng: random.Random, index: int) -> Doc:
    paise = rng.randrange(500, 5001, 50)
    return listing.of_profile(
        {
            "name": f"{rng.choice(NAMES)} {rng.choice(SURNAMES)}",
            "title": f"{rng.choice(WORDS).title()} Lead",
            "company": f"Company {index % 500}",
            "experience": rng.randrange(30),
            "bio": " ".join(rng.choices(WORDS, k=40)),
            "specialties": rng.sample(SPECIALTIES, 3),
            "languages": ["English"],
            "rating": rng.randrange(300, 501) / 100,
            "reviewCount": rng.randrange(200),
            "orders": rng.randrange(500),
            "pricePerMin": paise / 100,
            "pricePerMinPaise": paise,
            "available": rng.random() < 0.1,
            "createdAt": clock.now(),
        }
    )


def _write(ctx: Context, docs: list[Doc]) -> None:
    batch = ctx.db.client.batch()
    for doc in docs:
        batch.set(ctx.db.client.collection("listings").document(), doc)
    batch.commit()
