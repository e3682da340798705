"""Spreadsheets and what a range in A1 notation cuts out of them, as Google's documentation says.

https://developers.google.com/workspace/sheets/api/guides/concepts#cell
"""

import re
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float | bool | None
Rows = list[list[Cell]]

_CORNER = r"([A-Za-z]{1,3})?([0-9]{1,7})?"
_RANGE = re.compile(rf"{_CORNER}(?::{_CORNER})?")
# The size of the grid that Sheets gives a new sheet.
GRID_ROWS, GRID_COLUMNS = 1000, 26


class RangeError(ValueError):
    """A range that names nothing in the spreadsheet."""


@dataclass
class Spreadsheet:
    """`sheets`: title → rows, in the order of the tabs. One that is not `shared` is refused to the API."""

    id: str
    title: str
    sheets: dict[str, Rows] = field(default_factory=dict)
    shared: bool = True

    def values(self, text: str) -> tuple[str, Rows]:
        """The range as Sheets writes it, bounded by the grid, and its rows without trailing empty cells and rows.

        Raises RangeError.
        """
        sheet, corners = self._split(text)
        rows = self.sheets[sheet]
        height = max(GRID_ROWS, len(rows))
        width = max(GRID_COLUMNS, *(len(row) for row in rows), 0) if rows else GRID_COLUMNS
        top, left, bottom, right = _bounds(corners, height, width) if corners else (0, 0, height, width)
        found = [_trimmed(row[left:right]) for row in rows[top:bottom]]
        while found and not found[-1]:
            found.pop()
        name = sheet if re.fullmatch(r"[A-Za-z]\w*", sheet) else "'" + sheet.replace("'", "''") + "'"
        return f"{name}!{_letters(left)}{top + 1}:{_letters(right - 1)}{bottom}", found

    def _split(self, text: str) -> tuple[str, str]:
        """Sheet and corners; "" for the whole sheet."""
        named, mark, corners = text.rpartition("!")
        if not mark:
            # A sheet's name wins over corners that look like it.
            if _unquoted(text) in self.sheets:
                return _unquoted(text), ""
            corners = text
            sheet = next(iter(self.sheets), "")
        else:
            sheet = _unquoted(named)
        if sheet not in self.sheets or not corners or not _RANGE.fullmatch(corners):
            raise RangeError(f"Unable to parse range: {text}")
        return sheet, corners


def _unquoted(name: str) -> str:
    quoted = len(name) > 1 and name[0] == name[-1] == "'"
    return name[1:-1].replace("''", "'") if quoted else name


def _bounds(corners: str, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of a range, the last two exclusive; an open end goes to the edge of the grid."""
    found = _RANGE.fullmatch(corners)
    assert found is not None
    first_column, first_row, last_column, last_row = found.groups()
    if ":" not in corners:
        last_column, last_row = first_column, first_row
    left = _number(first_column) if first_column else 0
    top = int(first_row) - 1 if first_row else 0
    right = _number(last_column) + 1 if last_column else width
    bottom = int(last_row) if last_row else height
    if top < 0 or top >= bottom or left >= right:
        raise RangeError(f"Unable to parse range: {corners}")
    if top >= height or left >= width:
        raise RangeError(f"Range ({corners}) exceeds grid limits. Max rows: {height}, max columns: {width}")
    return top, left, min(bottom, height), min(right, width)


def _number(letters: str) -> int:
    """A → 0, Z → 25, AA → 26."""
    value = 0
    for letter in letters.upper():
        value = value * 26 + ord(letter) - 64
    return value - 1


def _letters(number: int) -> str:
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def _trimmed(row: list[Cell]) -> list[Cell]:
    row = ["" if cell is None else cell for cell in row]
    while row and row[-1] == "":
        row.pop()
    return row


def formatted(cell: Cell) -> str:
    """A cell as the page of Sheets shows it (FORMATTED_VALUE)."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return "" if cell is None else str(cell)


def parse(spreadsheet_id: str, body: Any) -> Spreadsheet:
    """A spreadsheet from {"title"?, "shared"?, "values": rows of the one sheet | "sheets": {title: rows}}.

    Raises ValueError that names what is wrong.
    """
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    unknown = sorted(set(body) - {"title", "shared", "values", "sheets"})
    if unknown:
        raise ValueError(f"a spreadsheet does not know {', '.join(unknown)}")
    sheets = body.get("sheets", {"Sheet1": body.get("values", [])})
    if not isinstance(sheets, dict) or not sheets:
        raise ValueError("sheets must be an object of title and rows")
    for title, rows in sheets.items():
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise ValueError(f"{title} must be a list of rows")
        if any(not isinstance(cell, str | int | float | bool | None) for row in rows for cell in row):
            raise ValueError(f"{title}: a cell is a string, a number, true, false or null")
    title, shared = str(body.get("title", "Untitled spreadsheet")), body.get("shared", True) is True
    return Spreadsheet(spreadsheet_id, title, sheets, shared)
