"""Mails from notifications: templates/content/{type}.txt is what one says, layout.txt and layout.html are around it.

A type without a template of its own says the notification's body. Content is plain text, written once; the HTML part is
made of its paragraphs, escaped.
"""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from konnect import clock
from konnect.store import Doc

FOLDER = Path(__file__).with_name("templates")


def render(notification: Doc, *, name: str | None) -> tuple[str, str, str]:
    """(subject, text, HTML) for a reader called `name`. Raises jinja2.UndefinedError if `data` lacks what the template
    of its type needs."""
    values: dict[str, Any] = {
        "title": notification["title"],
        "body": notification["body"],
        "data": notification["data"],
        "name": name,
    }
    environment = _environment()
    kinds = [f"content/{notification['type']}.txt", "content/default.txt"]
    content = environment.select_template(kinds).render(values).strip()
    paragraphs = [" ".join(paragraph.split()) for paragraph in content.split("\n\n") if paragraph.strip()]
    text = environment.get_template("layout.txt").render(values, paragraphs=paragraphs)
    html = environment.get_template("layout.html").render(values, paragraphs=paragraphs)
    return notification["title"], text, html


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
    environment.filters["when"] = _when
    return environment


def _when(moment: str) -> str:
    """A time of `data` (ISO 8601) as people in India read it."""
    local = datetime.fromisoformat(moment).astimezone(clock.INDIA)
    return f"{local:%A}, {local.day} {local:%B %Y} at {local:%H:%M} IST"
