"""Firestore's CloudEvents in HTTP's binary form: made what production sends, and looked into."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.events.cloud.firestore_v1 import DocumentEventData
from google.protobuf.message import DecodeError

CONTENT_TYPE = "application/protobuf"
_EventPb = DocumentEventData.pb()
# Each field of DocumentEventData is a message numbered 1 to 3: a body begins with one of these, base64 never does.
_FIRST_BYTES = (b"\x0a", b"\x12", b"\x1a")


class MalformedEventError(ValueError):
    """A request that is no binary CloudEvent of a Firestore document."""


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event: the headers to deliver (ce-* and content-type, lower case) and the protobuf body."""

    headers: Mapping[str, str]
    body: bytes
    is_noop: bool
    """The write left every field as it was, or deleted what was not there. Production fires no event for it; the
    emulator does."""

    @property
    def id(self) -> str:
        return self.headers["ce-id"]

    @property
    def type(self) -> str:
        return self.headers["ce-type"]

    @property
    def document(self) -> str:
        """The document's path, like `transactions/abc`."""
        return self.headers["ce-document"]


def parse(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Read what the emulator posts. Raises MalformedEventError.

    The emulator differs from production in two ways that are undone here: its body is base64 (firebase-tools decodes it
    as well), and its ce-source says `projects/projects/P`.
    """
    attributes = {name.lower(): value for name, value in headers.items() if name.lower().startswith("ce-")}
    missing = [name for name in ("ce-id", "ce-type", "ce-source", "ce-document") if name not in attributes]
    if missing:
        raise MalformedEventError(f"missing headers: {', '.join(missing)}")
    attributes["ce-source"] = attributes["ce-source"].replace("/projects/projects/", "/projects/")
    if body and not body.startswith(_FIRST_BYTES):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise MalformedEventError(f"the body is neither protobuf nor base64: {error}") from error
    try:
        data = _EventPb.FromString(body)
    except DecodeError as error:
        raise MalformedEventError(f"the body is no DocumentEventData: {error}") from error
    return CloudEvent({**attributes, "content-type": CONTENT_TYPE}, body, _is_noop(data))


def _is_noop(data: Any) -> bool:
    if not (data.HasField("value") and data.HasField("old_value")):
        return not (data.HasField("value") or data.HasField("old_value"))
    for document in (data.value, data.old_value):
        # A no-op write still moves the update time.
        document.ClearField("create_time")
        document.ClearField("update_time")
    return bool(data.value == data.old_value)
