"""The sandbox's page: what was pushed, newest first."""

from collections.abc import Iterable
from html import escape
from typing import Any

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Push</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } .muted { color: #66707d }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #b9c2cf }
td { border-bottom: 1px solid #e7ebf0; overflow-wrap: anywhere }
</style></head><body>
<h1>Push</h1><p class="muted">What Firebase Cloud Messaging would deliver. <a href="/">Refresh</a></p>
<table><thead><tr><th>Time (UTC)</th><th>Device</th><th>Title</th><th>Body</th><th>Leads to</th></tr></thead><tbody>
"""
NONE = '<tr><td class="muted" colspan="5">none yet</td></tr>'


def render(sent: Iterable[dict[str, Any]]) -> str:
    return HEAD + ("".join(map(_row, sent)) or NONE) + "</tbody></table></body></html>\n"


def _row(sent: dict[str, Any]) -> str:
    message = sent["message"]
    shown = message.get("notification", {})
    cells = (
        sent["sentAt"],
        message.get("token", "")[:32],
        shown.get("title", ""),
        shown.get("body", ""),
        message.get("data", {}).get("actionUrl", ""),
    )
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"
