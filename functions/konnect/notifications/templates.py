"""Mails from notifications: templates/content/{type}.txt is what one says, layout.txt and layout.html are around it.

A type without a template of its own says the notification's message. Content is plain text, written once: paragraphs,
and lists (each line begins with "- "); the HTML part is made of these, escaped.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from konnect import clock, money
from konnect.store import Doc

log = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Block:
    """A paragraph of one line, or a list."""

    lines: tuple[str, ...]
    is_list: bool = False


def render(notification: Doc, *, name: str | None, app_url: str = "") -> tuple[str, str, str]:
    """(subject, text, HTML) for a reader called `name`, with a link to `app_url` and the notification's action.

    A template that its data does not fill says the message instead, and the log says so: the mail must go out.
    """
    try:
        blocks = content(notification)
    except (TemplateError, LookupError, TypeError, ValueError) as error:
        log.error("mail template failed", extra={"type": notification["type"], "error": repr(error)})
        blocks = list(_blocks(notification["message"]))
    action = notification.get("actionUrl")
    values = {
        "title": notification["title"],
        "name": name,
        "blocks": blocks,
        "link": app_url.rstrip("/") + action if app_url and action else None,
    }
    text = _environment().get_template("layout.txt").render(values)
    html = _environment().get_template("layout.html").render(values)
    return notification["title"], text, html


def content(notification: Doc) -> list[Block]:
    """What the mail says. Raises what a template does whose data is not what it expects."""
    template = _environment().select_template([f"content/{notification['type']}.txt", "content/default.txt"])
    return list(_blocks(template.render(message=notification["message"], data=notification["data"])))


def _blocks(text: str) -> Iterator[Block]:
    for paragraph in text.split("\n\n"):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        for is_list, found in groupby(lines, lambda line: line.startswith("- ")):
            if is_list:
                yield Block(tuple(line.removeprefix("- ") for line in found), is_list=True)
            else:
                yield Block((" ".join(found),))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"when": _when, "day": _day, "rupees": _rupees, "oneline": _oneline}
    return environment


def _when(moment: str, zone: str | None = None) -> str:
    """A time of `data` (ISO 8601) as its reader's clock shows it: in the IANA zone, else in India."""
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone) if zone else clock.INDIA)
    return f"{local:%A}, {local.day} {local:%B %Y} at {local:%H:%M} {local:%Z}"


def _day(value: str) -> str:
    """A day or a time of `data` as a day in India."""
    day = date.fromisoformat(value) if len(value) == 10 else clock.business_day(datetime.fromisoformat(value))
    return f"{day.day} {day:%B %Y}"


def _rupees(amount: float) -> str:
    """1234567.5 → ₹12,34,567.50; paise only where there are any."""
    return money.inr(round(amount * 100)).removesuffix(".00")


def _oneline(text: str) -> str:
    return " ".join(text.split())
