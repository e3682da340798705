"""Google Sheets on this machine: spreadsheets set by PUT, read through the API's own paths."""

from local.sandboxes.sheets.server import SheetsSandbox

__all__ = ["SheetsSandbox"]
