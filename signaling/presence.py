"""This instance's connections, written down under its lease (konnect.presence has the rule)."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from konnect import clock
from konnect.context import Context
from konnect.errors import Unauthenticated, Unavailable
from konnect.platform import platform_config
from konnect.presence import service as presence
from konnect.sessions import attendance
from konnect.sessions.metering import Pace
from konnect.store import Doc

from .auth import Connection
from .lanes import Lanes
from .metrics import Metrics

log = logging.getLogger(__name__)

RETRY_S = 2.0
RESTORED_AT_ONCE = 16
WAITING_MAX = 1_000


class Presence:
    """Connections by sid. What is written of one user is written in order, in a lane of the user's own."""

    def __init__(self, ctx: Context, pool: ThreadPoolExecutor, instance_id: str, metrics: Metrics) -> None:
        self.instance_id = instance_id
        self.connections: dict[str, Connection] = {}
        self._ctx = ctx
        self._metrics = metrics
        self._pace = Pace.of(ctx.settings)
        self._lanes = Lanes(pool, waiting_max=WAITING_MAX)
        # One thread apart: a lease must not wait until slow calls have left the pool.
        self._lease_thread = ThreadPoolExecutor(1, "lease")
        self._renewed_at: datetime | None = None
        self._unrestored: set[str] = set()
        # uid → connections whose removal failed, to be tried again.
        self._leaving: dict[str, set[str]] = {}
        self._closed = False

    @property
    def lease_age_s(self) -> float | None:
        """Since the lease was renewed; None before the first time."""
        return None if self._renewed_at is None else (clock.now() - self._renewed_at).total_seconds()

    @property
    def leaving(self) -> int:
        """Connections that are gone and not removed yet."""
        return sum(len(sids) for sids in self._leaving.values())

    @property
    def lanes(self) -> Lanes:
        return self._lanes

    # Connections

    async def connect(self, connection: Connection) -> Doc | None:
        """The session that the user is in, to be resumed. Raises what the transaction does."""
        if self._closed:
            # Admitted while the instance drains: written now, nobody would take it back.
            raise Unavailable("this instance is stopping; please connect again")
        self.connections[connection.sid] = connection
        try:
            return await self._lanes.run(connection.uid, partial(self._write_connected, connection))
        except BaseException:
            self.connections.pop(connection.sid, None)
            # The commit may stand, although what had to follow failed.
            self._leaving.setdefault(connection.uid, set()).add(connection.sid)
            raise

    async def register_expert(self, connection: Connection) -> None:
        """Raises Forbidden (EXPERT_NOT_APPROVED), Conflict (PLATFORM_FULL)."""
        await self._lanes.run(connection.uid, partial(self._write_expert, connection))
        connection.as_expert = True

    async def disconnect(self, sid: str) -> None:
        """Remove a connection; a failure is made good by `retry_leaving`."""
        connection = self.connections.pop(sid, None)
        if connection is None or self._closed:
            return
        self._leaving.setdefault(connection.uid, set()).add(sid)
        await self._leave(connection.uid)

    async def retry_leaving(self) -> None:
        for uid in list(self._leaving):
            await self._leave(uid)

    async def _leave(self, uid: str) -> None:
        sids = sorted(self._leaving.get(uid, ()))
        if not sids:
            return
        try:
            await self._lanes.run(uid, partial(self._write_disconnected, uid, sids))
        except Exception as error:
            log.warning("connections not removed yet", extra={"uid": uid, "error": str(error)})
            return
        left = self._leaving.get(uid, set())
        left.difference_update(sids)
        if not left:
            self._leaving.pop(uid, None)

    def _write_connected(self, connection: Connection) -> Doc | None:
        # Before the transaction: one that is run again after a commit in doubt knows its own writes by it.
        now = clock.now()
        return self._ctx.run(
            lambda tx: attendance.connected(
                tx, connection.uid, connection.sid, self.instance_id, pace=self._pace, now=now
            )
        )

    def _write_expert(self, connection: Connection) -> None:
        if connection.sid not in self.connections:
            # It went while this waited; written now, it would stay for ever.
            raise Unauthenticated("the connection is closed")
        config, now = platform_config(self._ctx.db), clock.now()
        self._ctx.run(
            lambda tx: attendance.register_expert(
                tx, connection.uid, connection.sid, self.instance_id, config=config, now=now
            )
        )

    def _write_disconnected(self, uid: str, sids: list[str]) -> None:
        config, now = platform_config(self._ctx.db), clock.now()
        self._ctx.run(lambda tx: attendance.disconnected(tx, uid, sids, config=config, pace=self._pace, now=now))

    # The lease

    async def renew(self) -> None:
        """Renew the lease; if it was lost meanwhile (this process was paused, the others reaped), write every live
        connection down again."""
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(self._lease_thread, self._renew):
            self._metrics.lease_lost()
            log.warning("the lease was lost", extra={"connections": len(self.connections)})
            self._unrestored |= set(self.connections)
        await self._restore()

    def _renew(self) -> bool:
        now, before = clock.now(), self._renewed_at
        lost = before is not None and (
            (now - before).total_seconds() > presence.LEASE_S
            # A reaper removes the lease last: one that began just before we renewed shows here the next time.
            or presence.is_lost(self._ctx.db, self.instance_id)
        )
        presence.renew(self._ctx.db, self.instance_id, now=now)
        self._renewed_at = now
        return lost

    async def _restore(self) -> None:
        self._unrestored &= set(self.connections)
        if not self._unrestored:
            return
        gate = asyncio.Semaphore(RESTORED_AT_ONCE)

        async def restore(connection: Connection) -> None:
            async with gate:
                if connection.sid not in self.connections:
                    return
                try:
                    await self._lanes.run(connection.uid, partial(self._rewrite, connection))
                    self._unrestored.discard(connection.sid)
                except Exception as error:
                    log.warning("connection not restored yet", extra={"uid": connection.uid, "error": str(error)})

        await asyncio.gather(*(restore(self.connections[sid]) for sid in list(self._unrestored)))

    def _rewrite(self, connection: Connection) -> None:
        if connection.sid not in self.connections:
            return
        config, now = platform_config(self._ctx.db), clock.now()
        self._ctx.run(
            lambda tx: attendance.restored(
                tx,
                connection.uid,
                connection.sid,
                self.instance_id,
                as_expert=connection.as_expert,
                rooms=sorted(connection.rooms),
                config=config,
                pace=self._pace,
                now=now,
            )
        )

    async def keep_lease(self, every_s: float) -> None:
        """Renew until cancelled; a failure is tried again soon, well before the lease runs out."""
        while True:
            try:
                await self.renew()
                await asyncio.sleep(every_s)
            except Exception as error:
                log.warning("lease not renewed", extra={"error": str(error)})
                await asyncio.sleep(min(RETRY_S, every_s))

    async def close(self, timeout_s: float) -> None:
        """Remove all connections, a transaction a user, and end the lease. What is not done in time is reaped."""
        self._closed = True
        for connection in self.connections.values():
            self._leaving.setdefault(connection.uid, set()).add(connection.sid)
        self.connections.clear()
        jobs = [asyncio.ensure_future(self._leave(uid)) for uid in list(self._leaving)]
        if jobs:
            await asyncio.wait(jobs, timeout=timeout_s)
        if self._leaving:
            log.warning("connections left to be reaped", extra={"users": len(self._leaving)})
        end = partial(presence.release, self._ctx.db, self.instance_id, now=clock.now())
        await asyncio.get_running_loop().run_in_executor(self._lease_thread, end)
        self._lease_thread.shutdown(wait=False)
