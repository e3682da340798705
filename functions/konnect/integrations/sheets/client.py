"""Spreadsheets as lists of rows, over the Google Sheets API (REST, spreadsheets.values.get).

In the cloud the function's own service account reads (scope spreadsheets.readonly): a spreadsheet is shared with that
account's address, as with a person. Imported at first use only: requests and google-auth cost a cold start.
"""

import json
import logging
from functools import cached_property, lru_cache
from typing import Any, Protocol
from urllib.parse import quote

import requests

from konnect import spans
from konnect.config import GOOGLE_SHEETS_URL, Settings
from konnect.errors import BadRequest, Forbidden, NotFound, Unavailable

log = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
MAX_ANSWER_BYTES = 8_000_000
CHUNK_BYTES = 65_536
RETRY_AFTER_S = 60
"""The quota of reads is counted by the minute."""

Cell = str | int | float | bool | None


class Sheets(Protocol):
    def values(self, spreadsheet_id: str, range: str) -> list[list[Cell]]:
        """The rows of a range in A1 notation, as they are stored (numbers as numbers); trailing empty cells and rows
        are left out.

        Raises NotFound (SHEET_NOT_FOUND), Forbidden (SHEET_NOT_SHARED), BadRequest (the range, or too much in it),
        Unavailable (try again).
        """


class GoogleSheets:
    """The Sheets API, and its sandbox when SHEETS_URL names one."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.sheets_url.rstrip("/")
        self._timeout_s = settings.sheets_timeout_s

    @cached_property
    def _session(self) -> requests.Session:
        if self._url != GOOGLE_SHEETS_URL:
            session = requests.Session()
            session.headers["Authorization"] = "Bearer sandbox"
            return session
        import google.auth
        from google.auth.transport.requests import AuthorizedSession

        credentials, _ = google.auth.default(scopes=[SCOPE])
        # Trying again is Cloud Tasks' work.
        return AuthorizedSession(credentials, max_refresh_attempts=1)

    @property
    def _reader(self) -> str:
        """Whom to share a spreadsheet with."""
        account = getattr(getattr(self._session, "credentials", None), "service_account_email", None)
        return str(account) if account and account != "default" else "the platform's service account"

    @spans.calls("sheets")
    def values(self, spreadsheet_id: str, range: str) -> list[list[Cell]]:
        path = f"/v4/spreadsheets/{quote(spreadsheet_id, safe='')}/values/{quote(range, safe='')}"
        parameters = {"majorDimension": "ROWS", "valueRenderOption": "UNFORMATTED_VALUE"}
        try:
            with self._session.get(
                self._url + path, params=parameters, timeout=self._timeout_s, stream=True
            ) as response:
                data = _read(response)
        except (requests.RequestException, OSError) as error:
            log.warning("Sheets not reached", extra={"spreadsheet": spreadsheet_id, "error": str(error)})
            raise Unavailable("Google Sheets can't be reached; please try again") from error
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if not response.ok:
            raise self._failure(response.status_code, body, spreadsheet_id)
        rows = body.get("values", []) if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise Unavailable("Google Sheets answered something else than rows")
        return rows

    def _failure(self, status: int, body: Any, spreadsheet_id: str) -> Exception:
        """Our error for Google's: {"error": {"code", "message", "status"}}."""
        found = body.get("error") if isinstance(body, dict) else None
        message = str(found.get("message", "")) if isinstance(found, dict) else ""
        log.warning(
            "Sheets refused", extra={"spreadsheet": spreadsheet_id, "status": status, "sheets_message": message}
        )
        if status == 404:
            return NotFound("there is no such spreadsheet", code="SHEET_NOT_FOUND")
        if status == 403:
            return Forbidden(f"the spreadsheet is not shared with {self._reader}", code="SHEET_NOT_SHARED")
        if status == 400:
            return BadRequest.field("range", message or "is not a range of the spreadsheet")
        # 401 is our own account's trouble, 429 the quota's, 5xx Google's: time may mend them, another input does not.
        return Unavailable("Google Sheets can't be read at the moment", retry_after_s=RETRY_AFTER_S)


def _read(response: requests.Response) -> bytes:
    """The body, bounded: a range can name millions of cells. Raises BadRequest."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise BadRequest.field("range", f"holds more than {MAX_ANSWER_BYTES} bytes")
    return b"".join(parts)


@lru_cache(maxsize=8)
def sheets(settings: Settings) -> Sheets:
    """The client of these settings: one connection pool a process."""
    return GoogleSheets(settings)
