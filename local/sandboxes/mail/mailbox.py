"""The messages received, parsed once; the oldest go when there are too many."""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import Any

MAX_MESSAGES = 1_000


@dataclass(frozen=True)
class Attachment:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Message:
    """One message; `recipients` is the envelope's, so it names Bcc readers too."""

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    subject: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()

    def summary(self) -> dict[str, Any]:
        """{id, from, to, subject, receivedAt (ISO 8601, UTC), size (bytes), attachments}."""
        return {
            "id": self.id,
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "receivedAt": self.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "size": len(self.raw),
            "attachments": [
                {"filename": item.filename, "contentType": item.content_type, "size": len(item.content)}
                for item in self.attachments
            ],
        }

    def detail(self) -> dict[str, Any]:
        """The summary, with `headers` ([name, value] pairs), `text` and `html` (null where there is none)."""
        return {**self.summary(), "headers": self.headers, "text": self.text, "html": self.html}


def _bytes_of(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    # A message attached to a message has no payload of its own.
    return payload if isinstance(payload, bytes) else part.as_bytes()


def _text_of(part: MIMEPart | None) -> str | None:
    if part is None:
        return None
    charset = part.get_content_charset() or "utf-8"
    content = _bytes_of(part)
    try:
        text = content.decode(charset, "replace")
    except LookupError:
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def parse(sender: str, recipients: Iterable[str], raw: bytes) -> Message:
    """A message from its envelope and bytes. One that cannot be read as a message is kept as its text."""
    try:
        content = _content_of(raw)
    # The standard library's header parser raises errors of many kinds on malformed headers.
    except Exception:
        content = {"text": raw.decode("utf-8", "replace")}
    return Message(
        id=secrets.token_hex(8),
        received_at=datetime.now(UTC),
        sender=sender,
        recipients=tuple(recipients),
        raw=raw,
        **content,
    )


def _content_of(raw: bytes) -> dict[str, Any]:
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return {
        "subject": str(parsed.get("subject", "")),
        "headers": tuple((name, str(value)) for name, value in parsed.items()),
        "text": _text_of(parsed.get_body(("plain",))),
        "html": _text_of(parsed.get_body(("html",))),
        "attachments": tuple(
            Attachment(part.get_filename() or "unnamed", part.get_content_type(), _bytes_of(part))
            for part in parsed.iter_attachments()
        ),
    }


class Mailbox:
    """The newest MAX_MESSAGES messages."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, Message] = OrderedDict()

    def add(self, message: Message) -> None:
        self._messages[message.id] = message
        while len(self._messages) > MAX_MESSAGES:
            self._messages.popitem(last=False)

    def get(self, message_id: str) -> Message | None:
        return self._messages.get(message_id)

    def find(self, to: str | None = None) -> Iterator[Message]:
        """Newest first; only those to the address `to`, whatever its case, if given."""
        wanted = to.casefold() if to else None
        for message in reversed(self._messages.values()):
            if wanted is None or any(address.casefold() == wanted for address in message.recipients):
                yield message

    def delete(self, to: str | None = None) -> int:
        """Forget all messages, or those to one address. Returns how many."""
        ids = [message.id for message in self.find(to)]
        for message_id in ids:
            del self._messages[message_id]
        return len(ids)
