"""Runs the scheduled functions of the manifest at their cron times, as Cloud Scheduler calls them."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from cronsim import CronSim

from local.manifest import Endpoint, Manifest, ScheduleEndpoint
from local.oidc import LocalIssuer

logger = logging.getLogger(__name__)

SERVICE_ACCOUNT = "scheduler@demo-konnect.iam.gserviceaccount.com"
USER_AGENT = "Google-Cloud-Scheduler"
NO_ANSWER = 0
# The loop's clock stands still while the machine sleeps: look at the real one at least so often.
MAX_TIMER_S = 3600.0
MAX_BODY_CHARACTERS = 2000


class UnknownJobError(KeyError):
    """No such job; the message names those that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(slots=True)
class _Job:
    endpoint: Endpoint
    next_at: datetime | None = None
    executions: set[asyncio.Task[None]] = field(default_factory=set)
    last: dict[str, Any] | None = None

    @property
    def schedule(self) -> ScheduleEndpoint | None:
        return self.endpoint if isinstance(self.endpoint, ScheduleEndpoint) else None

    @property
    def deadline_s(self) -> float:
        return self.schedule.attempt_deadline_s if self.schedule else self.endpoint.timeout_s


class Scheduler:
    """POSTs to `{functions_url}/{entryPoint}` with an OIDC token, by cron or by `run`.

    Jobs are the scheduled functions and, by hand only, the private HTTP ones (`reconcile`). While a run is still going
    when the next is due, that one is left out, as Cloud Scheduler does. `paused`: by hand only, until `resume()`.
    """

    def __init__(
        self,
        manifest: Manifest,
        functions_url: str,
        issuer: LocalIssuer,
        *,
        paused: bool = False,
        service_account: str = SERVICE_ACCOUNT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._functions_url = functions_url.rstrip("/")
        self._issuer = issuer
        self._service_account = service_account
        self._now = now
        self._paused = paused
        private = {name: endpoint for name, endpoint in manifest.http.items() if not endpoint.public}
        self._jobs = {name: _Job(endpoint) for name, endpoint in {**manifest.schedules, **private}.items()}
        self._timer: asyncio.TimerHandle | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        self._plan()

    async def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        executions = [execution for job in self._jobs.values() for execution in job.executions]
        for execution in executions:
            execution.cancel()
        await asyncio.gather(*executions, return_exceptions=True)
        if self._session:
            await self._session.close()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Start no more runs by cron; those that are going go on."""
        self._paused = True
        self._plan()

    def resume(self) -> None:
        """Run by cron from now on; times that have passed are not made up."""
        self._paused = False
        self._plan()

    def jobs(self) -> list[dict[str, Any]]:
        """Each job as {name, schedule, timeZone, nextRun, running, lastRun}.

        schedule, timeZone and nextRun are null for one by hand only. lastRun is null before the first, then {by:
        schedule | hand, startedAt, elapsedMs, attempt, status, body}; times are ISO 8601 in UTC.
        """
        return [
            {
                "name": name,
                "schedule": job.schedule.cron if job.schedule else None,
                "timeZone": job.schedule.zone.key if job.schedule else None,
                "nextRun": _rfc3339(job.next_at) if job.next_at else None,
                "running": bool(job.executions),
                "lastRun": job.last,
            }
            for name, job in self._jobs.items()
        ]

    async def run(self, name: str) -> tuple[int, str]:
        """Run a job once, now, without retries. Answers HTTP status and body; status 0 and the reason if the function
        did not answer. Raises UnknownJobError."""
        job = self._jobs.get(name)
        if job is None:
            raise UnknownJobError(f"no job {name}; there are: {', '.join(self._jobs)}")
        return await self._attempt(job, self._now(), by="hand", attempt=1)

    # By cron

    def _plan(self) -> None:
        """Set each job's next time from now, and the timer."""
        now = self._now()
        for job in self._jobs.values():
            job.next_at = None if self._paused else _next_time(job.schedule, now)
        self._arm()

    def _arm(self) -> None:
        """One timer, for the nearest job."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        times = [job.next_at for job in self._jobs.values() if job.next_at]
        if times and self._session:
            delay_s = (min(times) - self._now()).total_seconds()
            self._timer = asyncio.get_running_loop().call_later(min(max(delay_s, 0.0), MAX_TIMER_S), self._fire)

    def _fire(self) -> None:
        now = self._now()
        for name, job in self._jobs.items():
            if job.next_at is None or job.next_at > now:
                continue
            scheduled_at, job.next_at = job.next_at, _next_time(job.schedule, now)
            if job.executions:
                logger.warning("job %s is still running: its run of %s is left out", name, _rfc3339(scheduled_at))
                continue
            execution = asyncio.create_task(self._execute(job, scheduled_at))
            job.executions.add(execution)
            execution.add_done_callback(job.executions.discard)
        self._arm()

    async def _execute(self, job: _Job, scheduled_at: datetime) -> None:
        """One run by cron: attempts until success, the end of the retries, or the next time."""
        assert job.schedule is not None
        retry = job.schedule.retry
        started_s = asyncio.get_running_loop().time()
        failures = 0
        while True:
            status, body = await self._attempt(job, scheduled_at, by="schedule", attempt=failures + 1)
            if 200 <= status < 300:
                return
            failures += 1
            logger.warning("job %s, attempt %d: %d %s", job.endpoint.name, failures, status, body)
            elapsed_s = asyncio.get_running_loop().time() - started_s
            # Both limits have to be reached; without a count there are no retries at all.
            if not retry.retry_count or (failures > retry.retry_count and elapsed_s >= (retry.max_retry_s or 0)):
                return
            delay_s = retry.delay_s(failures)
            if job.next_at and delay_s >= (job.next_at - self._now()).total_seconds():
                return
            await asyncio.sleep(delay_s)

    async def _attempt(self, job: _Job, scheduled_at: datetime, *, by: str, attempt: int) -> tuple[int, str]:
        assert self._session is not None, "start() first"
        url = f"{self._functions_url}/{job.endpoint.entry_point}"
        # Without an audience of its own, a job's token is for the URL it calls.
        headers = {"Authorization": f"Bearer {self._issuer.token(url, self._service_account)}"}
        if job.schedule:
            headers |= {
                "User-Agent": USER_AGENT,
                "X-CloudScheduler": "true",
                "X-CloudScheduler-JobName": job.schedule.job_id,
                "X-CloudScheduler-ScheduleTime": _rfc3339(scheduled_at),
            }
        started_at, started_s = self._now(), asyncio.get_running_loop().time()
        timeout = aiohttp.ClientTimeout(total=job.deadline_s)
        try:
            async with self._session.post(url, headers=headers, timeout=timeout) as response:
                status, body = response.status, await response.text(errors="replace")
        except TimeoutError:
            status, body = NO_ANSWER, f"no answer in {job.deadline_s:g} s"
        except aiohttp.ClientError as error:
            status, body = NO_ANSWER, str(error) or type(error).__name__
        job.last = {
            "by": by,
            "startedAt": _rfc3339(started_at),
            "elapsedMs": round((asyncio.get_running_loop().time() - started_s) * 1000),
            "attempt": attempt,
            "status": status,
            "body": body[:MAX_BODY_CHARACTERS],
        }
        return status, body


def _next_time(schedule: ScheduleEndpoint | None, after: datetime) -> datetime | None:
    if schedule is None:
        return None
    found = next(CronSim(schedule.cron, after.astimezone(schedule.zone)), None)
    return found.astimezone(UTC) if found else None


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
