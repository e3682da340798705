"""The mail sink's pages: the list, and one message with its text, its HTML in a sandboxed frame, its attachments."""

from collections.abc import Iterable
from html import escape

from konnect.notifications import types
from konnect.store import Doc
from local.sandboxes.mail.mailbox import Message

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #b9c2cf } td { border-bottom: 1px solid #e7ebf0 }
pre { white-space: pre-wrap; background: #f5f7fa; padding: 1rem } .muted { color: #66707d }
iframe { width: 100%; height: 40rem; border: 1px solid #b9c2cf }
</style>"""


def _page(title: str, body: str) -> str:
    return f"{HEAD}<title>{escape(title)}</title></head><body>{body}</body></html>\n"


def render_list(messages: Iterable[Message]) -> str:
    rows = "".join(
        f"<tr><td>{message.received_at:%Y-%m-%d %H:%M:%S}</td><td>{escape(message.sender)}</td>"
        f"<td>{escape(', '.join(message.recipients))}</td>"
        f'<td><a href="/messages/{message.id}">{escape(message.subject) or "(no subject)"}</a></td>'
        f"<td>{len(message.attachments) or ''}</td></tr>"
        for message in messages
    )
    rows = rows or '<tr><td class="muted" colspan="5">none yet</td></tr>'
    heads = "<th>Time (UTC)</th><th>From</th><th>To</th><th>Subject</th><th>Attachments</th>"
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    intro = '<h1>Mail</h1><p class="muted">Nothing leaves this machine. <a href="/">Refresh</a> · '
    intro += '<a href="/previews">Previews of every notification</a></p>'
    return _page("Mail", intro + table)


def render_message(message: Message) -> str:
    headers = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in message.headers)
    envelope = f"{escape(message.sender)} → {escape(', '.join(message.recipients))}"
    parts = [f'<p><a href="/">All mail</a></p><h1>{escape(message.subject) or "(no subject)"}</h1><p>{envelope}</p>']
    if message.html is not None:
        # An empty sandbox: no scripts, no forms, no access to this page.
        parts.append(f'<h2>HTML</h2><iframe sandbox="" src="/messages/{message.id}/html"></iframe>')
    if message.text is not None:
        parts.append(f"<h2>Text</h2><pre>{escape(message.text)}</pre>")
    if message.attachments:
        items = "".join(
            f'<li><a href="/api/messages/{message.id}/attachments/{number}">{escape(item.filename)}</a> '
            f'<span class="muted">{escape(item.content_type)}, {len(item.content)} bytes</span></li>'
            for number, item in enumerate(message.attachments)
        )
        parts.append(f"<h2>Attachments</h2><ul>{items}</ul>")
    parts.append(f'<h2>Headers</h2><table>{headers}</table><p><a href="/api/messages/{message.id}/raw">Raw</a></p>')
    return _page(message.subject or "(no subject)", "".join(parts))


def render_previews(previews: Iterable[tuple[str, Doc, str]]) -> str:
    """Every notification as it is shown in the app, and its mail: name, notification and the mail's text."""
    parts = ['<p><a href="/">All mail</a></p><h1>Notifications</h1>']
    parts.append('<p class="muted">Every type with sample data, from the templates that are sent.</p>')
    for name, notification, text in previews:
        kind = types.of(notification["type"])
        channels = ", ".join(channel for channel in types.CHANNELS if channel in kind.by_default)
        link = f" · {escape(notification['actionUrl'])}" if notification["actionUrl"] else ""
        parts.append(
            f'<h2 id="{escape(name)}">{escape(name)}</h2><p class="muted">{escape(kind.label)} · by default {channels}'
            f"{link}</p><p><b>{escape(notification['title'])}</b><br>{escape(notification['message'])}</p>"
        )
        if "email" in kind.possible:
            parts.append(
                f'<iframe sandbox="" loading="lazy" src="/previews/html/{escape(name)}"></iframe>'
                f"<details><summary>Text</summary><pre>{escape(text)}</pre></details>"
            )
    return _page("Notifications", "".join(parts))
