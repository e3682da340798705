"""Times as calendars read them: iCalendar (RFC 5545), and invitations by mail (RFC 5546, iTIP). Pure.

Nobody's address is in it but the platform's, which is the organizer, and the reader's own. An event keeps its UID for
good; each change of it is sent with a higher SEQUENCE, by which calendars know what is newer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any, Literal, Self
from urllib.parse import urlsplit

Method = Literal["PUBLISH", "REQUEST", "CANCEL"]
PRODUCT = "-//Konnect//Konnect//EN"
ALARM = timedelta(minutes=15)
REFRESH = timedelta(hours=1)
CONTENT_TYPE = "text/calendar; charset=utf-8"


@dataclass(frozen=True)
class Event:
    """A time that somebody is booked for. `lines` are said of it, `path` is its page in the frontend."""

    id: str
    begins: datetime
    ends: datetime
    summary: str
    lines: tuple[str, ...]
    path: str
    sequence: int
    changed_at: datetime
    cancelled: bool = False

    @property
    def doc(self) -> dict[str, Any]:
        """For a document; times as ISO 8601."""
        times = {name: getattr(self, name).astimezone(UTC).isoformat() for name in _TIMES}
        return {**vars(self), **times, "lines": list(self.lines)}

    @classmethod
    def of(cls, doc: dict[str, Any]) -> Self:
        times = {name: datetime.fromisoformat(doc[name]) for name in _TIMES}
        return cls(**{**doc, **times, "lines": tuple(doc["lines"])})


_TIMES = ("begins", "ends", "changed_at")


@dataclass(frozen=True)
class Publisher:
    """Who says so: the sender of our mails, and the frontend that events link to (either may be empty)."""

    mail_from: str
    app_url: str

    @property
    def address(self) -> tuple[str, str]:
        """(name, mail address)."""
        return parseaddr(self.mail_from)

    def uid(self, event_id: str) -> str:
        host = self.address[1].rpartition("@")[2] or urlsplit(self.app_url).hostname or "konnect"
        return f"{event_id}@{host}"

    def link(self, path: str) -> str | None:
        return self.app_url.rstrip("/") + path if self.app_url else None


def invitation(event: Event, publisher: Publisher, reader: str) -> tuple[Method, bytes]:
    """What is mailed to `reader`, a mail address, who has it in the calendar thereby, or out of it again."""
    method: Method = "CANCEL" if event.cancelled else "REQUEST"
    return method, _calendar([event], publisher, method, reader=reader)


def file(event: Event, publisher: Publisher) -> bytes:
    """One event, to be put into a calendar by hand."""
    return _calendar([event], publisher, "PUBLISH")


def feed(events: Iterable[Event], publisher: Publisher, name: str) -> bytes:
    """A calendar to subscribe to. The same events make the same bytes."""
    return _calendar(events, publisher, "PUBLISH", name=name)


def _calendar(
    events: Iterable[Event], publisher: Publisher, method: Method, *, reader: str | None = None, name: str | None = None
) -> bytes:
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    if name is not None:
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", icalendar.vDuration(REFRESH), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", icalendar.vDuration(REFRESH))
    for event in events:
        calendar.add_component(_event(event, publisher, method, reader))
    return calendar.to_ical()


def _event(event: Event, publisher: Publisher, method: Method, reader: str | None) -> Any:
    import icalendar

    made = icalendar.Event()
    made.add("uid", publisher.uid(event.id))
    made.add("sequence", event.sequence)
    for name, moment in (
        # Not the time of making: it would make every copy of a feed another one.
        ("dtstamp", event.changed_at),
        ("last-modified", event.changed_at),
        ("dtstart", event.begins),
        ("dtend", event.ends),
    ):
        made.add(name, moment.astimezone(UTC))
    made.add("status", "CANCELLED" if event.cancelled else "CONFIRMED")
    made.add("summary", event.summary)
    link = publisher.link(event.path)
    made.add("description", "\n".join([*event.lines, *([link] if link else [])]))
    if link:
        made.add("url", link)
        # Where phones show something to tap on.
        made.add("location", link)
    sender, address = publisher.address
    if address:
        made.add("organizer", _person(address, {"CN": sender} if sender else {}))
    if reader is not None:
        # Booked is accepted: no answer is asked for.
        taken = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE", "CN": reader}
        made.add("attendee", _person(reader, taken))
    # Cancellations have no alarm (RFC 5546, 3.2.5).
    if not event.cancelled:
        alarm = icalendar.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", -ALARM)
        alarm.add("description", event.summary)
        made.add_component(alarm)
    return made


def _person(address: str, parameters: dict[str, str]) -> Any:
    import icalendar

    person = icalendar.vCalAddress(f"mailto:{address}")
    for name, value in parameters.items():
        person.params[name] = value
    return person
