"""How long the Pub/Sub emulator itself keeps a message: what a message between two instances waits for at least."""

import threading
import time
from collections.abc import Iterator, Mapping
from queue import Queue

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, StreamingPullRequest, Subscription

from .table import median

SAMPLES = 50
TIMEOUT_S = 10


def delivery_s(env: Mapping[str, str]) -> float:
    """The median from publish to streaming pull, one message at a time, with an ordering key."""
    project = f"projects/{env['GOOGLE_CLOUD_PROJECT']}"
    topic, subscription = f"{project}/topics/bench", f"{project}/subscriptions/bench"
    with grpc.insecure_channel(env["PUBSUB_EMULATOR_HOST"]) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        publisher.create_topic(name=topic)
        subscriber.create_subscription(
            request=Subscription(name=subscription, topic=topic, enable_message_ordering=True)
        )
        arrived: Queue[float] = Queue()
        done = threading.Event()
        threading.Thread(target=_read, args=(subscriber, subscription, arrived, done), daemon=True).start()
        try:
            taken = []
            for _ in range(SAMPLES):
                began = time.perf_counter()
                publisher.publish(topic=topic, messages=[PubsubMessage(data=b"bench", ordering_key="bench")])
                taken.append(arrived.get(timeout=TIMEOUT_S) - began)
            return median(taken)
        finally:
            done.set()


def _read(subscriber: SubscriberClient, subscription: str, arrived: "Queue[float]", done: threading.Event) -> None:
    def requests() -> Iterator[StreamingPullRequest]:
        yield StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=10)
        done.wait()

    try:
        for answer in subscriber.streaming_pull(requests=requests()):
            for message in answer.received_messages:
                arrived.put(time.perf_counter())
                subscriber.acknowledge(subscription=subscription, ack_ids=[message.ack_id])
    except (GoogleAPICallError, ValueError):
        # The channel is closed when the measurement is over.
        return
