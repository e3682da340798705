"""The counts behind the rate limits, on the Firestore emulator: steps, instances, windows, and what they cost."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import ids
from konnect.config import ConfigError, Settings, load
from konnect.context import Context
from konnect.limits import CALLERS_MAX, Limiter, Standing
from konnect.store import Database, Query, measure
from tests.support import START, at_once

DEPLOYED = {
    "K_SERVICE": "api",
    "TASKS_URL": "https://tasks.konnect.test",
    "RAZORPAY_KEY_ID": "k",
    "KMS_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "RAZORPAY_KEY_SECRET": "s",
    "RAZORPAY_WEBHOOK_SECRET": "w",
}


@pytest.fixture
def instance(ctx: Context) -> Callable[..., Limiter]:
    """Another instance on the same documents, with the product's numbers."""
    return lambda **changes: Limiter(Settings(**changes), ctx.db)


def taken(limiter: Limiter, times: int, name: Any = "general", caller: str = "user:ann", now: datetime = START) -> int:
    """How many of `times` requests pass."""
    return sum(not limiter.take(name, caller, now).refused for _ in range(times))


def counts(ctx: Context) -> list[int]:
    return [doc["count"] for doc in Query(("rateLimits",)).run(ctx.db)]


class TestOneInstance:
    @pytest.mark.parametrize(
        ("name", "requests", "window_s"),
        [("general", 100, 900), ("auth", 20, 900), ("payments", 20, 900), ("admin", 500, 900), ("bookings", 5, 60)],
    )
    def test_lets_pass_exactly_as_many(
        self, instance: Callable[..., Limiter], name: str, requests: int, window_s: int
    ) -> None:
        limiter = instance()
        assert limiter.limits[name].requests == requests  # type: ignore[index]
        assert taken(limiter, requests + 7, name) == requests
        after = limiter.take(name, "user:ann", START)  # type: ignore[arg-type]
        assert (after.refused, after.remaining) == (True, 0)
        assert 0 < after.reset_s <= window_s

    def test_tells_what_is_left(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance()
        assert [limiter.take("bookings", "user:ann", START).remaining for _ in range(6)] == [4, 3, 2, 1, 0, 0]

    def test_a_new_window_begins_when_the_old_one_ends(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance()
        assert taken(limiter, 10, "bookings") == 5
        left_s = limiter.take("bookings", "user:ann", START).reset_s
        assert taken(limiter, 1, "bookings", now=START + timedelta(seconds=left_s - 1.01)) == 0
        assert taken(limiter, 10, "bookings", now=START + timedelta(seconds=left_s)) == 5

    def test_windows_of_callers_do_not_begin_together(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance()
        ends = {limiter.take("general", f"user:{index}", START).reset_s for index in range(50)}
        assert len(ends) > 25

    def test_callers_and_limits_are_apart(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance()
        assert taken(limiter, 10, "bookings") == 5
        assert taken(limiter, 10, "bookings", caller="user:bob") == 5
        assert taken(limiter, 10, "bookings", caller="address:192.0.2.1") == 5
        assert taken(limiter, 10, "payments") == 10

    def test_at_once(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance()
        passed = at_once(30, lambda _: limiter.take("payments", "user:ann", START))
        assert sum(isinstance(one, Standing) and not one.refused for one in passed) == 20

    def test_remembers_a_bounded_number_of_callers(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance(rate_limit_general=1000)
        for index in range(CALLERS_MAX + 5):
            limiter.take("general", f"address:{index}", START)
        assert len(limiter._counters) == CALLERS_MAX


class TestSeveralInstances:
    def test_exact_where_each_request_is_counted(self, instance: Callable[..., Limiter]) -> None:
        limiters = [instance() for _ in range(3)]
        assert sum(taken(limiters[index % 3], 1, "payments") for index in range(60)) == 20

    @pytest.mark.parametrize("instances", [2, 4])
    def test_bounded_where_steps_are_counted(self, instance: Callable[..., Limiter], instances: int) -> None:
        limiters = [instance() for _ in range(instances)]
        step = limiters[0].limits["general"].step
        passed = sum(taken(limiters[index % instances], 1) for index in range(250))
        assert 100 <= passed <= 100 + instances * (step - 1)

    def test_bounded_when_all_come_at_once(self, instance: Callable[..., Limiter]) -> None:
        limiters = [instance(), instance()]
        passed = at_once(20, lambda index: taken(limiters[index % 2], 15))
        assert all(isinstance(one, int) for one in passed), passed
        assert 100 <= sum(one for one in passed if isinstance(one, int)) <= 100 + 2 * 4

    def test_a_new_instance_learns_with_its_first_write(self, instance: Callable[..., Limiter]) -> None:
        assert taken(instance(), 200) == 100
        assert taken(instance(), 200) == 4
        assert taken(instance(), 200, "payments") == 20
        assert taken(instance(), 200, "payments") == 0


class TestCost:
    """Per request: at most one write, one in five at the general limit; never a read; nothing for who is refused."""

    def test_general(self, instance: Callable[..., Limiter], ctx: Context) -> None:
        limiter = instance()
        with measure() as usage:
            taken(limiter, 90)
        assert (usage.reads, usage.writes) == (0, 18)
        with measure() as usage:
            taken(limiter, 10)
        assert (usage.reads, usage.writes) == (0, 10)
        assert counts(ctx) == [100]

    @pytest.mark.parametrize("name", ["auth", "payments", "bookings"])
    def test_one_write_a_request(self, instance: Callable[..., Limiter], name: Any) -> None:
        limiter = instance()
        with measure() as usage:
            taken(limiter, 5, name)
        assert (usage.reads, usage.writes) == (0, 5)

    def test_refusing_costs_nothing(self, instance: Callable[..., Limiter]) -> None:
        limiter, other = instance(), instance()
        taken(limiter, 100)
        with measure() as usage:
            assert taken(limiter, 500) == 0
        assert (usage.reads, usage.writes) == (0, 0)
        with measure() as usage:
            taken(other, 500)
        assert (usage.reads, usage.writes) == (0, 1)

    def test_a_factor_changes_who_is_refused_but_not_the_cost(self, instance: Callable[..., Limiter]) -> None:
        limiter = instance(rate_limit_factor=10)
        with measure() as usage:
            assert taken(limiter, 500) == 500
        assert usage.writes == 100

    def test_a_count_names_nobody_and_expires(self, instance: Callable[..., Limiter], ctx: Context) -> None:
        standing = instance().take("payments", "address:192.0.2.1", START)
        (found,) = Query(("rateLimits",)).run(ctx.db)
        assert "192.0.2.1" not in str(found)
        assert set(found) == {"id", "count", "expiresAt"}
        assert found["expiresAt"] > START + timedelta(seconds=standing.reset_s)
        assert found["expiresAt"] < START + timedelta(hours=1)


class TestWithoutFirestore:
    def test_requests_pass_up_to_what_the_instance_has_seen(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        # A port of this machine where nobody listens.
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
        limiter = Limiter(Settings(), Database(f"demo-{ids.new().lower()}"))
        with caplog.at_level(logging.WARNING, logger="konnect.limits"):
            assert taken(limiter, 30, "payments") == 20
        # It asks once, and not again at each request.
        assert [record.message for record in caplog.records] == ["requests not counted"]

    def test_what_was_not_counted_is_counted_later(self, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        limiter = Limiter(Settings(), ctx.db)
        with monkeypatch.context() as patch:
            patch.setattr("konnect.limits.SILENT_S", 0.0)
            patch.setattr("konnect.store.database.ADD_TIMEOUT_S", 1e-9)
            assert taken(limiter, 3, "payments") == 3
        # One of those writes may have arrived all the same: a time-out does not tell.
        taken(limiter, 1, "payments")
        assert counts(ctx)[0] >= 4


class TestSettings:
    def test_numbers_can_be_set(self) -> None:
        changed = load({**DEPLOYED, "RATE_LIMIT_GENERAL": "200", "RATE_LIMIT_BOOKINGS": "10"})
        limiter = Limiter(changed, Database("demo"))
        assert (limiter.limits["general"].requests, limiter.limits["general"].step) == (200, 10)
        assert limiter.limits["bookings"].requests == 10

    @pytest.mark.parametrize("name", ["RATE_LIMIT_GENERAL", "RATE_LIMIT_AUTH", "RATE_LIMIT_FACTOR"])
    def test_none_can_be_turned_off(self, name: str) -> None:
        with pytest.raises(ConfigError):
            load({name: "0"})

    def test_deployed_code_has_no_factor(self) -> None:
        load(DEPLOYED)
        with pytest.raises(ConfigError, match="RATE_LIMIT_FACTOR"):
            load({**DEPLOYED, "RATE_LIMIT_FACTOR": "2"})
