"""Write the two API documents that the functions serve (`make openapi`); with --check, fail if they are out of date."""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from konnect.http import asyncapi, openapi, routes
from local import examples

FOLDER = Path(openapi.__file__).parent


def documents() -> dict[str, dict[str, Any]]:
    """File name → document, as the code is now."""
    # Imported here: building a document loads every domain.
    events = importlib.import_module("signaling.payloads").EVENTS
    tables = (routes.ROUTES, routes.ADMIN_ROUTES, routes.WEBHOOK_ROUTES)
    shown = examples.load()
    return {
        "openapi.json": openapi.build(*tables, examples=shown),
        "asyncapi.json": asyncapi.document(events, shown),
    }


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def outdated() -> list[str]:
    """The files that differ from the code."""
    return [
        name
        for name, document in documents().items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != text(document)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    if parser.parse_args().check:
        names = outdated()
        if names:
            print(f"out of date, run make openapi: {', '.join(names)}", file=sys.stderr)
        return 1 if names else 0
    for name, document in documents().items():
        (FOLDER / name).write_text(text(document), "utf-8")
        print(f"wrote {FOLDER / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
