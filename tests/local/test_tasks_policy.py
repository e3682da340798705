"""The pure rules of queues: back-off, giving up, rate, order of due times."""

import pytest

from local.tasks.dispatch import rpc_code
from local.tasks.policy import RETENTION_S, RetryPolicy, TokenBucket
from local.tasks.record import TaskRecord
from local.tasks.schedule import STALE_ENTRIES, Schedule


class TestBackoff:
    @pytest.mark.parametrize(
        ("min_s", "max_s", "doublings", "expected_s"),
        [
            (10, 300, 3, [10, 20, 40, 80, 160, 240, 300, 300]),  # the reference's own example
            (1, 60, 5, [1, 2, 4, 8, 16, 32, 60, 60]),
            (10, 100, 0, [10, 20, 30, 40, 50]),
            (5, 5, 16, [5, 5, 5]),
            (0, 10, 3, [0, 0, 0]),
        ],
    )
    def test_doubles_then_grows_linearly_up_to_the_maximum(
        self, min_s: float, max_s: float, doublings: int, expected_s: list[float]
    ) -> None:
        policy = RetryPolicy(min_backoff_s=min_s, max_backoff_s=max_s, max_doublings=doublings)
        assert [policy.backoff_s(attempt) for attempt in range(1, len(expected_s) + 1)] == expected_s

    def test_stays_finite(self) -> None:
        assert RetryPolicy(max_doublings=10_000).backoff_s(100_000) == 3600


class TestExhausted:
    @pytest.mark.parametrize(
        ("max_attempts", "max_duration_s", "attempts", "since_s", "exhausted"),
        [
            (3, 0, 2, 999, False),
            (3, 0, 3, 0, True),
            (3, 60, 3, 59, False),  # both limits must be met
            (3, 60, 2, 61, False),
            (3, 60, 3, 60, True),
            (-1, 0, 10_000, 10_000, False),
            (-1, 60, 1, 60, True),
        ],
    )
    def test_needs_every_limit_that_is_set(
        self, max_attempts: int, max_duration_s: float, attempts: int, since_s: float, exhausted: bool
    ) -> None:
        policy = RetryPolicy(max_attempts=max_attempts, max_retry_duration_s=max_duration_s)
        assert policy.exhausted(attempts, since_s, age_s=since_s) is exhausted

    def test_after_31_days(self) -> None:
        assert RetryPolicy(max_attempts=-1).exhausted(1, 0, RETENTION_S)


class TestTokenBucket:
    def test_gives_the_burst_then_the_rate(self) -> None:
        now_s = 0.0
        bucket = TokenBucket(rate_per_s=4, burst=2, clock_s=lambda: now_s)
        assert [bucket.take(), bucket.take()] == [0, 0]
        assert bucket.take() == pytest.approx(0.25)
        now_s += 0.25
        assert bucket.take() == 0
        now_s += 100
        assert [bucket.take(), bucket.take()] == [0, 0]
        assert bucket.take() > 0


class TestSchedule:
    @staticmethod
    def record(due_us: int) -> TaskRecord:
        return TaskRecord(id=str(due_us), named=False, number=due_us, request=b"", created_us=0, due_us=due_us)

    def test_gives_the_earliest_and_forgets_what_is_removed(self) -> None:
        schedule = Schedule()
        early, late = self.record(1), self.record(2)
        schedule.add(late)
        schedule.add(early)
        assert schedule.first() is early
        schedule.remove(early)
        assert schedule.first() is late
        early.due_us = 3
        schedule.add(early)
        schedule.remove(late)
        assert schedule.first() is early

    def test_many_removals_do_not_pile_up(self) -> None:
        schedule = Schedule()
        for due_us in range(1, 5 * STALE_ENTRIES):
            record = self.record(due_us)
            schedule.add(record)
            schedule.remove(record)
        assert len(schedule._heap) <= STALE_ENTRIES + 1
        assert schedule.first() is None


@pytest.mark.parametrize(
    ("status", "code"), [(200, 0), (204, 0), (302, 2), (404, 5), (418, 9), (429, 8), (500, 13), (503, 14), (504, 4)]
)
def test_rpc_code(status: int, code: int) -> None:
    assert rpc_code(status) == code
