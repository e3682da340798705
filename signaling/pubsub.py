"""The Pub/Sub topic that all instances share: publish in order a key, and read a subscription of one's own."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
    RetryError,
    ServiceUnavailable,
)
from google.api_core.retry import if_exception_type
from google.api_core.retry.retry_unary_async import AsyncRetry
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import ExpirationPolicy, PubsubMessage, StreamingPullRequest, Subscription

from konnect.config import Settings

from .metrics import Metrics

log = logging.getLogger(__name__)

MAX_AGE_S = 30.0
"""Older events are dropped: whoever they were for has read the documents since."""
BATCH_S = 0.002
BATCH_MAX = 500
PENDING_MAX = 20_000
PUBLISH_TIMEOUT_S = 3.0
CALL_TIMEOUT_S = 10.0
DELETE_TIMEOUT_S = 1.5
EXPIRATION = timedelta(days=1)
"""The shortest that Pub/Sub allows: the backstop for an instance that could not delete its subscription."""
RETENTION = timedelta(minutes=10)
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1)]
# Notices a connection that died without a word. The emulator takes the pings for an attack and hangs up.
CLOUD_CHANNEL_OPTIONS = [*CHANNEL_OPTIONS, ("grpc.keepalive_time_ms", 30_000)]
_RETRY = AsyncRetry(
    predicate=if_exception_type(ServiceUnavailable, DeadlineExceeded, Aborted, InternalServerError),
    initial=0.05,
    maximum=1.0,
    timeout=10.0,
)


class PubSub:
    """Used on one event loop. Best effort: what can't be published in 10 s is dropped with a line in the log."""

    def __init__(self, settings: Settings, instance_id: str, metrics: Metrics) -> None:
        self._metrics = metrics
        project = settings.google_cloud_project
        self._emulator = settings.pubsub_emulator_host
        self._topic = f"projects/{project}/topics/{settings.realtime_topic}"
        self._subscription = f"projects/{project}/subscriptions/{settings.realtime_topic}-{instance_id}"
        self._client_id = instance_id
        self._pending: dict[str, list[bytes]] = {}
        self._pending_count = 0
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._dropping = False
        self._channels: list[grpc.aio.Channel] = []

    async def start(self) -> None:
        """Open the channel and create the subscription, so that nothing is missed from here on."""
        if not self._channels:
            self._open()
        await self._create_subscription()

    def _open(self) -> None:
        transports = PublisherGrpcAsyncIOTransport, SubscriberGrpcAsyncIOTransport
        if self._emulator:
            self._channels = [grpc.aio.insecure_channel(self._emulator, options=CHANNEL_OPTIONS) for _ in transports]
        else:
            self._channels = [transport.create_channel(options=CLOUD_CHANNEL_OPTIONS) for transport in transports]
        self._publisher = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=self._channels[0]))
        self._subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=self._channels[1]))

    async def stop(self, timeout_s: float = 1.5) -> None:
        """Publish what is pending, delete the subscription, close. The reader must have been cancelled."""
        if self._workers:
            await asyncio.wait(list(self._workers.values()), timeout=timeout_s)
        await self._delete_subscription()
        for channel in self._channels:
            await channel.close()

    @property
    def pending(self) -> int:
        """Events that wait to be published."""
        return self._pending_count

    # Publishing

    def publish(self, key: str, data: bytes) -> None:
        """Send `data`, in order with everything else of `key`. Returns at once."""
        if self._pending_count >= PENDING_MAX:
            if not self._dropping:
                log.error("events are dropped: Pub/Sub does not keep up", extra={"pending": self._pending_count})
            self._dropping = True
            self._metrics.dropped("backlog")
            return
        self._dropping = False
        self._pending_count += 1
        self._pending.setdefault(key, []).append(data)
        if key not in self._workers:
            self._workers[key] = asyncio.get_running_loop().create_task(self._work(key))

    async def _work(self, key: str) -> None:
        """One request at a time a key, as order asks for; what comes meanwhile goes into the next."""
        try:
            await asyncio.sleep(BATCH_S)
            while waiting := self._pending.pop(key, None):
                batch, later = waiting[:BATCH_MAX], waiting[BATCH_MAX:]
                if later:
                    self._pending[key] = later
                self._pending_count -= len(batch)
                messages = [PubsubMessage(data=data, ordering_key=key) for data in batch]
                try:
                    await self._publisher.publish(
                        topic=self._topic, messages=messages, retry=_RETRY, timeout=PUBLISH_TIMEOUT_S
                    )
                    self._metrics.published(len(batch))
                except (GoogleAPICallError, RetryError) as error:
                    self._metrics.dropped("unpublished", len(batch))
                    log.warning("events not published", extra={"count": len(batch), "error": str(error)})
        finally:
            del self._workers[key]

    # Reading

    async def messages(self) -> AsyncIterator[bytes]:
        """What is published from now on, at most MAX_AGE_S old. Never ends; survives what a stream may die of."""
        delay_s = FIRST_DELAY_S
        while True:
            try:
                async for data in self._stream():
                    delay_s = FIRST_DELAY_S
                    yield data
            except NotFound:
                await self._create_again()
            except (GoogleAPICallError, grpc.aio.AioRpcError) as error:
                # Pub/Sub ends every stream now and then; the next one goes on where this one stopped.
                log.info("subscription stream ended", extra={"error": str(error)})
                if self._emulator:
                    # It goes on giving ordering keys to the stream that is gone: only a new subscription has them all.
                    await self._delete_subscription()
                    await self._create_again()
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    async def _stream(self) -> AsyncIterator[bytes]:
        acks: asyncio.Queue[list[str]] = asyncio.Queue()

        async def requests() -> AsyncIterator[StreamingPullRequest]:
            yield StreamingPullRequest(
                subscription=self._subscription, stream_ack_deadline_seconds=30, client_id=self._client_id
            )
            while True:
                yield StreamingPullRequest(ack_ids=await acks.get())

        # No time-out and no retry of the call itself: it lasts, and messages() opens the next.
        stream: Any = await self._subscriber.streaming_pull(requests=requests(), retry=None, timeout=None)
        try:
            async for response in stream:
                received = type(response).pb(response).received_messages
                acks.put_nowait([one.ack_id for one in received])
                now = time.time()
                for one in received:
                    published = one.message.publish_time
                    lag_s = now - published.seconds - published.nanos / 1e9
                    if lag_s > MAX_AGE_S:
                        self._metrics.dropped("old")
                        continue
                    # The clocks of two machines may differ by more than the way takes.
                    self._metrics.observe_lag(max(0.0, lag_s))
                    yield one.message.data
        finally:
            # Left to the garbage collector, the stream would go on taking messages that nobody reads.
            stream.cancel()

    async def _delete_subscription(self) -> None:
        with contextlib.suppress(GoogleAPICallError, RetryError):
            await self._subscriber.delete_subscription(
                subscription=self._subscription, retry=None, timeout=DELETE_TIMEOUT_S
            )

    async def _create_again(self) -> None:
        """The subscription is gone."""
        log.warning("the subscription is made anew", extra={"subscription": self._subscription})
        try:
            await self._create_subscription()
        except (GoogleAPICallError, RetryError) as error:
            log.error("the subscription can't be created", extra={"error": str(error)})

    async def _create_subscription(self) -> None:
        request: dict[str, Any] = {
            "name": self._subscription,
            "topic": self._topic,
            "enable_message_ordering": True,
            "ack_deadline_seconds": 30,
            "message_retention_duration": RETENTION,
            "expiration_policy": ExpirationPolicy(ttl=EXPIRATION),
        }
        try:
            await self._subscriber.create_subscription(request=Subscription(**request), timeout=CALL_TIMEOUT_S)
        except AlreadyExists:
            pass
        except NotFound:
            if not self._emulator:
                raise
            # A deployed topic is part of the deployment; an emulator starts with none.
            with contextlib.suppress(AlreadyExists):
                await self._publisher.create_topic(name=self._topic, timeout=CALL_TIMEOUT_S)
            await self._create_subscription()
