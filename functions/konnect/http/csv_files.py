"""Reports as CSV files: streamed, bounded, and safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from flask import Response

from konnect import clock
from konnect.errors import BadRequest
from konnect.store import Database, Query

MAX_ROWS = 20_000
"""What can be read and sent within the function's minute."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def answer(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """The file `name`.csv, sent as it is read."""
    return Response(
        _lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def check_size(db: Database, query: Query) -> None:
    """Raises BadRequest (CSV_TOO_LARGE) before anything is sent, since a stream can't fail politely."""
    count = query.count(db)
    if count > MAX_ROWS:
        message = f"would give {count} rows of at most {MAX_ROWS}; ask for a shorter time"
        raise BadRequest.field("from", message, code="CSV_TOO_LARGE")


def _lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in chain([header], rows):
        writer.writerow([_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _cell(value: Any) -> Any:
    """A spreadsheet runs a text that begins like a formula: an apostrophe keeps it a text."""
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
