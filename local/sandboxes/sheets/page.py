"""The sandbox's page: each spreadsheet as a table, and a form to set one from pasted cells."""

from collections.abc import Iterable
from html import escape

from local.sandboxes.sheets.book import Spreadsheet, formatted

SHOWN_ROWS = 50

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sheets</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem } .muted { color: #66707d }
.wide { overflow-x: auto } table { border-collapse: collapse }
td { border: 1px solid #d9dfe7; padding: .2rem .5rem; white-space: pre; max-width: 20rem; overflow: hidden }
input, textarea { font: inherit; width: 100%; box-sizing: border-box } label { display: block; margin: .5rem 0 }
</style></head><body>
<h1>Google Sheets</h1><p class="muted">Spreadsheets of this machine alone. <a href="/">Refresh</a></p>
"""

FORM = """<h2>Set a spreadsheet</h2>
<form id="set">
<label>Id <input name="id" required pattern="[A-Za-z0-9_-]+" value="mentors"></label>
<label>Cells, pasted from a spreadsheet (tabs between columns) <textarea name="cells" rows="8"></textarea></label>
<label><input name="shared" type="checkbox" checked style="width:auto"> shared with the service account</label>
<button>Set</button> <output></output>
</form>
<script>
const form = document.getElementById("set");
form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const { id, cells, shared } = form.elements;
  const values = cells.value.split(/\\r?\\n/).map((line) => line.split("\\t"));
  const answer = await fetch(`/sandbox/spreadsheets/${encodeURIComponent(id.value)}`, {
    method: "PUT", body: JSON.stringify({ title: id.value, shared: shared.checked, values }),
  });
  if (answer.ok) location.reload();
  else form.querySelector("output").textContent = (await answer.json()).error.message;
});
</script></body></html>
"""


def render(spreadsheets: Iterable[Spreadsheet]) -> str:
    return HEAD + ("".join(map(_spreadsheet, spreadsheets)) or "<p>none yet</p>") + FORM


def _spreadsheet(spreadsheet: Spreadsheet) -> str:
    note = "" if spreadsheet.shared else " · not shared"
    parts = [f'<h2>{escape(spreadsheet.title)} <span class="muted">{escape(spreadsheet.id)}{note}</span></h2>']
    for title, rows in spreadsheet.sheets.items():
        cells = "".join(
            "<tr>" + "".join(f"<td>{escape(formatted(cell))}</td>" for cell in row) + "</tr>"
            for row in rows[:SHOWN_ROWS]
        )
        more = f'<p class="muted">and {len(rows) - SHOWN_ROWS} rows more</p>' if len(rows) > SHOWN_ROWS else ""
        parts.append(f'<h3>{escape(title)}</h3><div class="wide"><table>{cells}</table></div>{more}')
    return "".join(parts)
