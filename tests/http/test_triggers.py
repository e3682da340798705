"""Firestore's events, as the emulator and production send them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.http import CloudEvent, from_http
from google.events.cloud.firestore_v1.types.data import DocumentEventData
from google.protobuf.timestamp_pb2 import Timestamp

from konnect.http.triggers import Change, decode, match

NAME = "projects/demo/databases/(default)/documents/transactions/t1"
MOMENT = datetime(2026, 1, 5, 10, 0, 0, 500000, tzinfo=UTC)
Message = DocumentEventData.pb()


def stamp() -> Timestamp:
    made = Timestamp()
    made.FromDatetime(MOMENT)
    return made


def event(message: Any) -> CloudEvent:
    """The event as the functions framework reads it from a request."""
    headers = {
        "content-type": "application/protobuf",
        "ce-specversion": "1.0",
        "ce-id": "e1",
        "ce-source": "//firestore.googleapis.com/projects/demo/databases/(default)",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-document": "transactions/t1",
    }
    return from_http(headers, message.SerializeToString())


def test_every_type_of_value() -> None:
    message = Message()
    message.value.name = NAME
    message.value.update_time.CopyFrom(stamp())
    fields = message.value.fields
    fields["none"].null_value = 0
    fields["yes"].boolean_value = True
    fields["paise"].integer_value = 1050
    fields["rupees"].double_value = 10.5
    fields["at"].timestamp_value.CopyFrom(stamp())
    fields["text"].string_value = "ü"
    fields["empty"].string_value = ""
    fields["bytes"].bytes_value = b"\x00"
    fields["ref"].reference_value = "projects/demo/databases/(default)/documents/users/u1"
    fields["place"].geo_point_value.latitude = 12.5
    fields["list"].array_value.values.add().integer_value = 1
    fields["list"].array_value.values.add().map_value.fields["deep"].string_value = "x"
    fields["nothing"].array_value.SetInParent()
    fields["map"].map_value.fields["inner"].boolean_value = False
    change = decode(event(message), "transactions/{transactionId}")
    assert change == Change(
        event_id="e1",
        path="transactions/t1",
        params={"transactionId": "t1"},
        before=None,
        after={
            "none": None,
            "yes": True,
            "paise": 1050,
            "rupees": 10.5,
            "at": MOMENT,
            "text": "ü",
            "empty": "",
            "bytes": b"\x00",
            "ref": "users/u1",
            "place": {"latitude": 12.5, "longitude": 0.0},
            "list": [1, {"deep": "x"}],
            "nothing": [],
            "map": {"inner": False},
        },
        updated_at=MOMENT,
    )


def test_update_and_delete() -> None:
    message = Message()
    message.old_value.name = NAME
    message.old_value.fields["n"].integer_value = 1
    deleted = decode(event(message), "transactions/{id}")
    assert (deleted.before, deleted.after, deleted.params, deleted.updated_at) == ({"n": 1}, None, {"id": "t1"}, None)
    message.value.name = NAME
    updated = decode(event(message), "transactions/{id}")
    assert (updated.before, updated.after) == ({"n": 1}, {})


def test_what_is_no_document_event() -> None:
    message = Message()
    message.value.name = NAME
    with pytest.raises(ValueError):
        decode(event(message), "wallets/{uid}")
    with pytest.raises(ValueError):
        decode(event(Message()), "transactions/{id}")


def test_match() -> None:
    assert match("sessions/s1/messages/m1", "sessions/{session}/messages/{message}") == {
        "session": "s1",
        "message": "m1",
    }
    for path in ("sessions/s1", "sessions/s1/messages", "sessions/s1/notes/m1", "sessions/s1/messages/m1/x"):
        with pytest.raises(ValueError):
            match(path, "sessions/{session}/messages/{message}")
