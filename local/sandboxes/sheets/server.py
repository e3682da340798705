"""The sandbox's HTTP server: the Sheets API under `/v4`, the sandbox's own paths under `/sandbox`, a page at `/`."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.listening import HttpService
from local.sandboxes.faults import Faults
from local.sandboxes.sheets import book, page
from local.sandboxes.sheets.book import RangeError, Spreadsheet

MAX_BODY_BYTES = 16 * 1024 * 1024
RENDER_OPTIONS = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Status and message as Google's APIs give them.
STATUSES = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: (
        "UNAUTHENTICATED",
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential.",
    ),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: (
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service "
        "'sheets.googleapis.com' for consumer 'project_number:1'.",
    ),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}


def refusal(code: int, message: str | None = None) -> web.Response:
    """An error in Google's shape."""
    status, usual = STATUSES.get(code, ("UNKNOWN", "Unknown error."))
    error = {"code": code, "message": message or usual, "status": status}
    return web.json_response({"error": error}, status=code)


class SheetsSandbox(HttpService):
    """Spreadsheets by id; port 0 takes any free one.

    GET /v4/spreadsheets/{id}/values/{range}, with any Bearer token, as the API (403 for one that is not shared, 404,
    400 for a bad range). PUT /sandbox/spreadsheets/{id} {"title"?, "shared"?, "values" | "sheets"} sets one, DELETE
    removes it, GET /sandbox/spreadsheets lists. POST /sandbox/faults {"status", "times"?, "timeout_ms"?,
    "spreadsheet_id"?} makes the next `times` requests (1) fail, DELETE ends that.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(port, host)
        self.spreadsheets: dict[str, Spreadsheet] = {}
        self.requests = 0
        """How many requests the API has seen."""
        self._faults = Faults(STATUSES, "spreadsheet_id")

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._answer_errors], client_max_size=MAX_BODY_BYTES)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/v4/spreadsheets/{id}/values/{range}", self._values),
                web.get("/sandbox/spreadsheets", self._list),
                web.put("/sandbox/spreadsheets/{id}", self._put),
                web.delete("/sandbox/spreadsheets/{id}", self._delete),
                *self._faults.routes(),
            ]
        )
        return app

    def snapshot(self) -> dict[str, Any]:
        """All spreadsheets as JSON values, for a restart. Faults are not part of it."""
        return {key: {"title": s.title, "shared": s.shared, "sheets": s.sheets} for key, s in self.spreadsheets.items()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.spreadsheets = {key: book.parse(key, body) for key, body in snapshot.items()}

    # The API

    async def _values(self, request: web.Request) -> web.Response:
        self.requests += 1
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return refusal(401)
        spreadsheet_id = request.match_info["id"]
        fault = await self._faults.take(spreadsheet_id)
        if fault is not None:
            return refusal(fault["status"])
        spreadsheet = self.spreadsheets.get(spreadsheet_id)
        if spreadsheet is None:
            return refusal(404)
        if not spreadsheet.shared:
            return refusal(403)
        render = request.query.get("valueRenderOption", "FORMATTED_VALUE")
        dimension = request.query.get("majorDimension", "ROWS")
        if render not in RENDER_OPTIONS or dimension not in ("ROWS", "COLUMNS"):
            return refusal(400)
        try:
            name, rows = spreadsheet.values(request.match_info["range"])
        except RangeError as error:
            return refusal(400, str(error))
        if render == "FORMATTED_VALUE":
            rows = [[book.formatted(cell) for cell in row] for row in rows]
        if dimension == "COLUMNS":
            width = max((len(row) for row in rows), default=0)
            rows = [[row[column] if column < len(row) else "" for row in rows] for column in range(width)]
        answer: dict[str, Any] = {"range": name, "majorDimension": dimension}
        # As the API: an empty range has no "values" at all.
        return web.json_response({**answer, "values": rows} if rows else answer)

    # The sandbox's own

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page.render(self.spreadsheets.values()), content_type="text/html")

    async def _list(self, request: web.Request) -> web.Response:
        items = [{"id": key, **value} for key, value in self.snapshot().items()]
        return web.json_response({"items": items})

    async def _put(self, request: web.Request) -> web.Response:
        spreadsheet_id = request.match_info["id"]
        self.spreadsheets[spreadsheet_id] = book.parse(spreadsheet_id, await request.json())
        return web.json_response({"id": spreadsheet_id})

    async def _delete(self, request: web.Request) -> web.Response:
        self.spreadsheets.pop(request.match_info["id"], None)
        return web.Response(status=204)

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return refusal(400, str(error))
        except web.HTTPException as error:
            return refusal(404 if error.status in (404, 405) else error.status)
