"""Retry and rate rules of a queue, pure. Source: the reference of google.cloud.tasks.v2 RetryConfig and RateLimits."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from google.cloud.tasks_v2.types import queue as queue_types

from local.tasks.errors import invalid

QueueMessage = queue_types.Queue.pb()
RateLimitsMessage = queue_types.RateLimits.pb()

UNLIMITED_ATTEMPTS = -1
MAX_DISPATCHES_PER_SECOND = 500.0
MAX_CONCURRENT_DISPATCHES = 5000
DEFAULT_CONCURRENT_DISPATCHES = 1000
MIN_BURST = 10
RETENTION_S = 31 * 24 * 3600


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed task is tried again. `max_retry_duration_s` 0 and `max_attempts` -1 set no limit."""

    max_attempts: int = 100
    max_retry_duration_s: float = 0.0
    min_backoff_s: float = 0.1
    max_backoff_s: float = 3600.0
    max_doublings: int = 16

    def backoff_s(self, attempts: int) -> float:
        """Seconds from the failure of attempt `attempts` (1 is the first) to the next attempt.

        Doubles `max_doublings` times, then grows by the last step, up to the maximum: with 10 s, 300 s and 3 doublings
        10, 20, 40, 80, 160, 240, 300, 300.
        """
        retries_before = max(0, attempts - 1)
        # 2**63 s passes every maximum: a larger power would only cost memory.
        step_s = self.min_backoff_s * 2.0 ** min(retries_before, self.max_doublings, 63)
        linear_steps = max(1, retries_before - self.max_doublings + 1)
        return min(step_s * linear_steps, self.max_backoff_s)

    def exhausted(self, attempts: int, since_first_attempt_s: float, age_s: float) -> bool:
        """Whether no further attempt is made: each limit that is set has been met, or the task is 31 days old."""
        if age_s >= RETENTION_S:
            return True
        limits = []
        if self.max_attempts != UNLIMITED_ATTEMPTS:
            limits.append(attempts >= self.max_attempts)
        if self.max_retry_duration_s > 0:
            limits.append(since_first_attempt_s >= self.max_retry_duration_s)
        return bool(limits) and all(limits)


DEFAULT_RETRY_POLICY = RetryPolicy()


def retry_policy(config: Any, base: RetryPolicy, *, keep_zero_doublings: bool = False) -> RetryPolicy:
    """The policy of a RetryConfig message; `base` fills what it leaves unset. Raises INVALID_ARGUMENT.

    Proto3 can't tell 0 doublings from unset: `keep_zero_doublings` says that the caller named the field.
    """
    policy = replace(base)
    if config.max_attempts:
        if config.max_attempts < UNLIMITED_ATTEMPTS:
            raise invalid("RetryConfig.maxAttempts must be greater than or equal to -1.")
        policy = replace(policy, max_attempts=config.max_attempts)
    if config.max_doublings or keep_zero_doublings:
        if config.max_doublings < 0:
            raise invalid("RetryConfig.maxDoublings must not be negative.")
        policy = replace(policy, max_doublings=config.max_doublings)
    for field in ("max_retry_duration", "min_backoff", "max_backoff"):
        if config.HasField(field):
            value_s = getattr(config, field).ToMicroseconds() / 1e6
            if value_s < 0:
                raise invalid(f"RetryConfig.{field} must not be negative.")
            policy = replace(policy, **{f"{field}_s": value_s})
    if policy.min_backoff_s > policy.max_backoff_s:
        raise invalid("RetryConfig.minBackoff must not be greater than RetryConfig.maxBackoff.")
    return policy


def write_retry_config(policy: RetryPolicy, config: Any) -> None:
    """Write every field of `policy` into the message `config`."""
    config.Clear()
    config.max_attempts = policy.max_attempts
    config.max_doublings = policy.max_doublings
    config.min_backoff.FromMicroseconds(round(policy.min_backoff_s * 1e6))
    config.max_backoff.FromMicroseconds(round(policy.max_backoff_s * 1e6))
    if policy.max_retry_duration_s > 0:
        config.max_retry_duration.FromMicroseconds(round(policy.max_retry_duration_s * 1e6))


def complete_rate_limits(limits: Any) -> Any:
    """Fill the defaults of a RateLimits message in place and return it. Raises INVALID_ARGUMENT."""
    rate = limits.max_dispatches_per_second or MAX_DISPATCHES_PER_SECOND
    if not 0 < rate <= MAX_DISPATCHES_PER_SECOND:
        raise invalid("RateLimits.maxDispatchesPerSecond must be in the interval (0, 500].")
    concurrent = limits.max_concurrent_dispatches or DEFAULT_CONCURRENT_DISPATCHES
    if not 0 < concurrent <= MAX_CONCURRENT_DISPATCHES:
        raise invalid("RateLimits.maxConcurrentDispatches must be in the interval [1, 5000].")
    limits.max_dispatches_per_second = rate
    limits.max_concurrent_dispatches = concurrent
    # The service chooses the burst: "generally at least equal to" the rate.
    limits.max_burst_size = max(MIN_BURST, math.ceil(rate))
    return limits


class TokenBucket:
    """The rate of a queue: holds up to `burst` dispatches, refilled at `rate_per_s`."""

    def __init__(self, rate_per_s: float, burst: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._tokens = float(burst)
        self._filled_at_s = clock_s()
        self.rate_per_s = rate_per_s
        self.burst = burst

    def configure(self, rate_per_s: float, burst: int) -> None:
        self._fill()
        self.rate_per_s, self.burst = rate_per_s, burst
        self._tokens = min(self._tokens, float(burst))

    def take(self) -> float:
        """Take a dispatch and answer 0, or answer the seconds until one is to be had."""
        self._fill()
        # The tolerance keeps a rounding error from costing another timer.
        if self._tokens >= 1 - 1e-6:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.rate_per_s

    def _fill(self) -> None:
        now_s = self._clock_s()
        self._tokens = min(float(self.burst), self._tokens + (now_s - self._filled_at_s) * self.rate_per_s)
        self._filled_at_s = now_s
