"""What comes over the topic: delivered once, and only while it is fresh news to the room."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from konnect import ids, realtime
from konnect.config import load
from konnect.http import asyncapi
from konnect.realtime import PubSubEmitter, user_room
from konnect.store import Emit
from local.person import Person
from signaling.payloads import EVENTS
from tests.signaling.conftest import Seat

Publish = Callable[..., None]


@pytest.fixture
def publish(stack_env: dict[str, str]) -> Iterator[Publish]:
    """Writes the bytes of messages to the topic, as they are."""
    topic = f"projects/{stack_env['GOOGLE_CLOUD_PROJECT']}/topics/{stack_env['REALTIME_TOPIC']}"
    with requests.Session() as http:

        def publish(*messages: bytes, key: str = "") -> None:
            body = [{"data": b64encode(data).decode(), "orderingKey": key} for data in messages]
            url = f"http://{stack_env['PUBSUB_EMULATOR_HOST']}/v1/{topic}:publish"
            http.post(url, json={"messages": body}, timeout=60).raise_for_status()

        yield publish


class TestTopic:
    def test_functions_reach_every_instance(
        self, seat: Callable[..., Seat], user: Person, urls: tuple[str, str], stack_env: dict[str, str]
    ) -> None:
        seats = [seat(user, url).connect() for url in urls]
        emitter, chat_id = PubSubEmitter(load(stack_env)), ids.new()
        for number in range(5):
            data = realtime.with_event_id({"chatId": chat_id, "duration": number})
            emitter.emit([Emit(user_room(user.uid), "billing-update", data)])
        for one in seats:
            one.wait("billing-update", lambda update: (update["chatId"], update["duration"]) == (chat_id, 4))
            seen = [update["duration"] for update in one.seen("billing-update") if update["chatId"] == chat_id]
            assert seen == list(range(5))

    def test_a_repeated_event_is_delivered_once(
        self, seat: Callable[..., Seat], user: Person, urls: tuple[str, str], publish: Publish
    ) -> None:
        one = seat(user, urls[1]).connect()
        room = user_room(user.uid)

        def message(event_id: str) -> bytes:
            return realtime.message(Emit(room, "chat-warning", {"eventId": event_id}), host_id="functions")

        first, second = ids.new(), ids.new()
        publish(message(first), message(first), message(second), key=room)
        one.wait("chat-warning", lambda warning: warning["eventId"] == second)
        seen = [warning["eventId"] for warning in one.seen("chat-warning")]
        assert [event_id for event_id in seen if event_id in (first, second)] == [first, second]

    def test_rubbish_on_the_topic_does_no_harm(
        self, seat: Callable[..., Seat], user: Person, urls: tuple[str, str], publish: Publish
    ) -> None:
        one = seat(user, urls[1]).connect()
        room, event_id = user_room(user.uid), ids.new()
        publish(b"rubbish", b"{}", b'{"method": "emit"}', b'{"method": "disconnect"}', b"[]", key=room)
        publish(realtime.message(Emit(room, "chat-warning", {"eventId": event_id}), host_id="functions"), key=room)
        one.wait("chat-warning", lambda warning: warning["eventId"] == event_id)

    def test_everybody_of_a_room_can_be_disconnected(
        self, seat: Callable[..., Seat], stranger: Person, urls: tuple[str, str], publish: Publish
    ) -> None:
        seats = [seat(stranger, url).connect() for url in urls]
        publish(json.dumps({"method": "disconnect", "room": user_room(stranger.uid), "host_id": "functions"}).encode())
        for one in seats:
            # After this one the stock client stays away.
            assert one.wait("disconnect")["reason"] == "io server disconnect"


class TestDocument:
    def test_every_event_of_the_contract_is_documented(self) -> None:
        document: dict[str, Any] = asyncapi.document(EVENTS)
        assert document["asyncapi"] == "3.0.0"
        named = {(event.name, event.direction) for event in EVENTS}
        both = {"call-offer", "call-answer", "ice-candidate", "call-ended", "chat-typing", "chat-read"}
        client = {"register", "get-online-experts", "request-chat", "chat-message", "end-chat", "leave-queue"}
        server = {"online-experts", "expert-online", "expert-offline", "queue-joined", "queue-status", "chat-started"}
        server |= {"new-message", "billing-update", "chat-warning", "chat-ended"}
        wanted = {(name, "client") for name in both | client | {"call-rejected"}}
        assert named >= wanted | {(name, "server") for name in both | server}
