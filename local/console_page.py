"""The console's page: plain HTML, drawn on the server at each load, so that an open page costs nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

DEAD_LETTERS_SHOWN = 50

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
td { overflow-wrap: anywhere } th { color: #666; font-weight: 500 }
code { font-size: .9em } output { white-space: pre-wrap } .none { color: #666 }
"""
_SCRIPT = """
for (const button of document.querySelectorAll("button[data-job]"))
  button.onclick = async () => {
    const output = button.parentElement.querySelector("output");
    button.disabled = true;
    output.textContent = " running";
    try {
      const response = await fetch(`/jobs/${encodeURIComponent(button.dataset.job)}/run`, { method: "POST" });
      const { status, body, elapsedMs } = await response.json();
      output.textContent = ` ${status || "no answer"} in ${elapsedMs} ms\\n${body}`;
    } catch (error) {
      output.textContent = ` ${error}`;
    }
    button.disabled = false;
  };
"""


class _Markup(str):
    """HTML that is already escaped."""


def render(
    links: Mapping[str, str],
    jobs: Sequence[Mapping[str, Any]],
    stats: Mapping[str, Mapping[str, Mapping[str, int]]],
    dead_letters: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """The page, from what GET /jobs, /stats and /dead-letters answer."""
    sections = [
        ("Links", _table((), ((label, _link(url)) for label, url in links.items()))),
        ("Jobs", _table(("job", "schedule", "next run", "last run", ""), map(_job, jobs))),
        ("Events", _counts("trigger", stats["events"])),
        ("Tasks", _counts("queue", stats["tasks"])),
        *((f"Dead letters: {kind}", _letters(letters)) for kind, letters in dead_letters.items()),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>{content}" for title, content in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Konnect, local</title>'
        f"<style>{_STYLE}</style></head><body><h1>Konnect, local</h1>{body}<script>{_SCRIPT}</script></body></html>"
    )


def _job(job: Mapping[str, Any]) -> tuple[str, ...]:
    schedule = f"{job['schedule']} {job['timeZone']}" if job["schedule"] else "by hand"
    last = job["lastRun"]
    last_run = f"{last['startedAt']}: {last['status'] or last['body']}" if last else ""
    button = _Markup(f'<button data-job="{escape(job["name"])}">run</button><output></output>')
    return (job["name"], schedule, job["nextRun"] or "", "running" if job["running"] else last_run, button)


def _counts(kind: str, rows: Mapping[str, Mapping[str, int]]) -> str:
    columns = list(next(iter(rows.values()), {}))
    return _table((kind, *columns), ((name, *(counts[column] for column in columns)) for name, counts in rows.items()))


def _letters(letters: Sequence[Mapping[str, Any]]) -> str:
    shown = letters[:DEAD_LETTERS_SHOWN]
    columns = tuple(shown[0]) if shown else ()
    return _table(columns, ([letter.get(column) for column in columns] for letter in shown))


def _link(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        return _Markup(f"<code>{escape(url)}</code>")
    return _Markup(f'<a href="{escape(url)}">{escape(url)}</a>')


def _table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    if not body:
        return '<p class="none">none</p>'
    head = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in header)}</tr>" if header else ""
    return f"<table>{head}{body}</table>"


def _cell(value: Any) -> str:
    content = value if isinstance(value, _Markup) else escape("" if value is None else str(value))
    return f"<td>{content}</td>"
