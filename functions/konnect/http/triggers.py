"""Firestore's CloudEvents as plain dicts. Imported by trigger functions only, since google-events is heavy."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.events.cloud.firestore_v1.types.data import DocumentEventData

from konnect.store.database import TRACE
from konnect.trace import Trace, parse

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

_Message = DocumentEventData.pb()


@dataclass(frozen=True)
class Change:
    """What happened to one document. `params` are the <names> of the trigger's pattern: {"transactionId": …}.

    `event_id` is the same for each delivery of one event; deliveries repeat and come in any order.
    """

    event_id: str
    path: str
    params: dict[str, str]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    updated_at: datetime | None
    """When the document came to be as `after` has it: orders the events of one document. None once it is deleted."""
    trace: Trace | None = None
    """Of the write, where the document says so; `before` and `after` are without it."""


def decode(event: "CloudEvent", pattern: str) -> Change:
    """The change in a Firestore event. `pattern` is the manifest's: "transactions/{transactionId}".

    Raises ValueError for an event of another document, which a wrong manifest would send.
    """
    data = event.get_data() if hasattr(event, "get_data") else event.data
    if not isinstance(data, bytes):
        raise ValueError("a Firestore event has a protobuf body")
    message = _Message.FromString(data)
    before = message.old_value if message.HasField("old_value") else None
    after = message.value if message.HasField("value") else None
    document = after or before
    if document is None:
        raise ValueError("a Firestore event has a document")
    path = document.name.partition("/documents/")[2]
    versions = [None if version is None else _map(version.fields) for version in (before, after)]
    stamps = [version.pop(TRACE, None) if version else None for version in versions]
    return Change(
        event_id=event["id"],
        path=path,
        params=match(path, pattern),
        before=versions[0],
        after=versions[1],
        updated_at=None if after is None else after.update_time.ToDatetime(tzinfo=UTC),
        trace=parse(stamps[1]) if isinstance(stamps[1], str) else None,
    )


def match(path: str, pattern: str) -> dict[str, str]:
    """The variables of `pattern` in a document's path. Raises ValueError if it does not match."""
    parts, wanted = path.split("/"), pattern.split("/")
    params: dict[str, str] = {}
    for part, want in zip(parts, wanted, strict=False):
        if want.startswith("{") and want.endswith("}"):
            params[want[1:-1]] = part
        elif want != part:
            raise ValueError(f"{path} is not of {pattern}")
    if len(parts) != len(wanted):
        raise ValueError(f"{path} is not of {pattern}")
    return params


def _map(fields: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    """As Firestore's client has it, but references are paths and points are {"latitude", "longitude"}."""
    kind = value.WhichOneof("value_type")
    if kind is None or kind == "null_value":
        return None
    if kind == "map_value":
        return _map(value.map_value.fields)
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "timestamp_value":
        return value.timestamp_value.ToDatetime(tzinfo=UTC)
    if kind == "reference_value":
        return value.reference_value.partition("/documents/")[2]
    if kind == "geo_point_value":
        return {"latitude": value.geo_point_value.latitude, "longitude": value.geo_point_value.longitude}
    return getattr(value, kind)
