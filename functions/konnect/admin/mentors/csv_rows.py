"""Mentors as rows of a table: CSV as spreadsheets write and read it, and the cells of a sheet. Pure.

The first row names the columns, as the export writes them. A cell that a spreadsheet would take for a formula is
written behind an apostrophe, and read without it, so that what is exported is read back as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from konnect.errors import BadRequest

MAX_ROWS = 1_000
MAX_BYTES = 1_000_000
MAX_NAMED_ERRORS = 20

KEYS = ("id", "email")
TEXTS = ("name", "title", "company", "bio", "imageUrl", "phone", "linkedinUrl", "portfolioUrl", "resumeUrl")
LISTS = ("specialties", "languages")
PROFILE = (
    "name",
    "title",
    "company",
    "experience",
    "pricePerMin",
    "specialties",
    "languages",
    "bio",
    "imageUrl",
    "phone",
    "linkedinUrl",
    "portfolioUrl",
    "resumeUrl",
)
"""What an import may change."""
READ_ONLY = ("available", "rating", "orders", "createdAt")
"""Exported, and ignored by an import."""
COLUMNS = (*KEYS, *PROFILE, "mentorStatus", *READ_ONLY)

_BY_PLAIN_NAME = {re.sub(r"[^a-z]", "", name.lower()): name for name in COLUMNS}
# Fullwidth forms too: some spreadsheets take them for the plain ones.
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_SEPARATORS = r",;|\n"


@dataclass(frozen=True)
class Row:
    """One row that isn't blank: its number as the spreadsheet shows it, and its cells by column."""

    number: int
    cells: dict[str, str]


def read(data: bytes) -> list[Row]:
    """The rows of a CSV file: UTF-8 (or UTF-16 with a byte order mark), separated by comma, semicolon or tab.

    Raises BadRequest (INVALID_CSV, TOO_MANY_ROWS).
    """
    if len(data) > MAX_BYTES:
        raise BadRequest(f"the file must not exceed {MAX_BYTES} bytes", code="INVALID_CSV")
    try:
        text = data.decode(_BYTE_ORDER_MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadRequest("the file must be UTF-8", code="INVALID_CSV") from error
    # Excel's own way of naming the separator.
    named = re.match(r"sep=(.)\r?\n", text)
    if named:
        text = text[named.end() :]
    separator = named[1] if named else _separator(text)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise BadRequest(f"the file is not CSV: {error}", code="INVALID_CSV") from error
    return of_records(records, first_row=2 if named else 1)


def of_records(records: Sequence[Sequence[Any]], *, first_row: int = 1) -> list[Row]:
    """The rows of a table whose first record that isn't blank is the header. Numbers may be numbers.

    Raises BadRequest (INVALID_CSV, TOO_MANY_ROWS).
    """
    found = [(number, [_text(cell) for cell in record]) for number, record in enumerate(records, start=first_row)]
    found = [(number, record) for number, record in found if any(record)]
    if not found:
        raise BadRequest("the table is empty: its first row names the columns", code="INVALID_CSV")
    columns = _columns(found[0][1])
    rows = found[1:]
    if len(rows) > MAX_ROWS:
        raise BadRequest(f"the table has {len(rows)} rows; at most {MAX_ROWS} at a time", code="TOO_MANY_ROWS")
    return [_row(number, columns, record) for number, record in rows]


def write(mentors: Iterable[Mapping[str, Any]]) -> str:
    """The CSV of mentors, each a mapping of COLUMNS: with a byte order mark for Excel, every cell quoted."""
    file = io.StringIO(newline="")
    # Quoted throughout: a semicolon in a cell is no separator for anybody.
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for mentor in mentors:
        writer.writerow([cell_of(mentor.get(name)) for name in COLUMNS])
    return "\ufeff" + file.getvalue()


def cell_of(value: Any) -> str:
    """A value as a cell. The items of a list are separated by "; ", and a separator within one is escaped by \\."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = "; ".join(re.sub(rf"[\\{_SEPARATORS}]", r"\\\g<0>", str(item)) for item in value)
    text = _text(value)
    return "'" + text if _FORMULA.match(text) else text


def list_of(cell: str) -> list[str]:
    """The items of a cell: separated by semicolon, comma, bar or line break."""
    items: list[str] = [""]
    for part in re.findall(rf"\\.|[{_SEPARATORS}]|[^\\{_SEPARATORS}]+|\\", cell, re.DOTALL):
        if len(part) == 1 and part in ",;|\n":
            items.append("")
        else:
            items[-1] += part[1:] if len(part) > 1 and part[0] == "\\" else part
    return [item.strip() for item in items if item.strip()]


def _text(value: Any) -> str:
    """A cell as text: 15.0 is "15", as a spreadsheet shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _separator(text: str) -> str:
    """What separates the header's cells."""
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(",;\t", key=header.count)


def _columns(header: list[str]) -> list[str | None]:
    """The column of each of the header's cells; None for a blank one. "Price per min" is pricePerMin."""
    columns = [_BY_PLAIN_NAME.get(re.sub(r"[^a-z]", "", cell.lower())) for cell in header]
    unknown = [cell for cell, column in zip(header, columns, strict=True) if cell.strip() and column is None]
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    problems = [{"field": cell[:80], "message": "is not a known column"} for cell in unknown]
    problems += [{"field": column, "message": "is there twice"} for column in twice]
    if not {"id", "email"} & set(columns):
        problems.append({"field": "email", "message": "is required"})
    if problems:
        message = f"the first row names the columns, of {', '.join(COLUMNS)}"
        raise BadRequest(message, code="INVALID_CSV", details=problems[:MAX_NAMED_ERRORS])
    return columns


def _row(number: int, columns: list[str | None], record: list[str]) -> Row:
    padded = record + [""] * (len(columns) - len(record))
    cells = {column: _plain(cell) for column, cell in zip(columns, padded, strict=False) if column}
    # A cell beyond the header belongs to no column: a separator too many has shifted the row.
    if any(padded[len(columns) :]) or any(
        cell.strip() for column, cell in zip(columns, padded, strict=False) if column is None
    ):
        cells[""] = "beyond"
    return Row(number, cells)


def _plain(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking the cell for a formula."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
