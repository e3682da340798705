"""The examples of the API's documents: real traffic of the tests, kept in docs/examples.json.

`make captures` runs the tests with a recorder and gives every operation and event that has no fitting example the most
telling one that was seen. One that no longer fits its model is left out by `make openapi`; `make contract` misses it.
"""

import argparse
import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from konnect.http import routes
from konnect.http.asyncapi import Event
from konnect.http.openapi import NO_EXAMPLES, Examples
from konnect.http.routing import Route
from konnect.http.schemas import ErrorBody

FILE = Path(__file__).resolve().parent.parent / "docs" / "examples.json"
LONGEST = 3_000
_LOCAL = re.compile(r"https?://127\.0\.0\.1:\d+")
_TOKEN = re.compile(r"eyJ[\w-]{20,}=*(?:\.[\w-]*){0,2}")


def load() -> Examples:
    """The examples that fit the models as they are now."""
    kept: Examples = json.loads(FILE.read_text("utf-8")) if FILE.exists() else NO_EXAMPLES
    return merge(kept, [])


def every_route() -> list[Route]:
    tables = (routes.ROUTES, routes.ADMIN_ROUTES, routes.WEBHOOK_ROUTES)
    modules = dict.fromkeys(module for table in tables for module in table.values())
    return [route for module in modules for route in importlib.import_module(module).router.routes if route.documented]


def every_event() -> list[Event]:
    events: list[Event] = importlib.import_module("signaling.payloads").EVENTS
    return events


def merge(kept: Examples, captures: Iterable[dict[str, Any]]) -> Examples:
    """What is kept and still fits, completed from `captures`."""
    seen = list(captures)
    operations: dict[str, Any] = {}
    for route in every_route():
        named = f"{route.method} {route.path}"
        old = kept["operations"].get(named)
        found = old if old and _operation_fits(route, old) else _best(_of_route(route, seen))
        if found:
            operations[named] = found
    events: dict[str, Any] = {}
    for event in every_event():
        old = kept["events"].get(event.id)
        found = old if old and _event_fits(event, old) else _best(_of_event(event, seen))
        if found:
            events[event.id] = found
    errors = dict(kept["errors"])
    for one in seen:
        if one.get("status", 0) >= 400 and fits(ErrorBody, one["response"]):
            errors.setdefault(str(one["status"]), _clean(one["response"]))
    return {"operations": dict(sorted(operations.items())), "errors": dict(sorted(errors.items())), "events": events}


def missing(examples: Examples) -> list[str]:
    """Operations that answer with a model, and events, that have no example."""
    wanted = [f"{route.method} {route.path}" for route in every_route() if route.response is not None]
    lacking = [named for named in wanted if named not in examples["operations"]]
    return lacking + [event.id for event in every_event() if event.payload and event.id not in examples["events"]]


def fits(model: type[BaseModel], value: Any) -> bool:
    """Whether `model` accepts `value` and knows each of its fields."""
    try:
        known = model.model_validate(value).model_dump(mode="json", by_alias=True)
    except ValidationError:
        return False
    return _covers(known, value)


def _covers(known: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(known, dict) and all(key in known and _covers(known[key], value[key]) for key in value)
    if isinstance(value, list):
        return isinstance(known, list) and all(_covers(*pair) for pair in zip(known, value, strict=False))
    return True


def _of_route(route: Route, seen: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    pattern = re.compile(re.sub(r"<[^>]+>", "[^/]+", route.path))
    for one in seen:
        if one.get("method") == route.method and one["status"] == route.status and pattern.fullmatch(one["path"]):
            example = {"request": one["request"]} if route.body is not None else {}
            example["response"] = one["response"]
            if _operation_fits(route, example):
                yield _clean(example)


def _of_event(event: Event, seen: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in seen:
        if (one.get("event"), one.get("direction"), one.get("namespace")) == (
            event.name,
            event.direction,
            event.namespace,
        ):
            example = {"payload": one["payload"], **({"ack": one["ack"]} if event.ack else {})}
            if _event_fits(event, example):
                yield _clean(example)


def _operation_fits(route: Route, example: dict[str, Any]) -> bool:
    pairs = ((route.body, example.get("request")), (route.response, example["response"]))
    return all(model is None or fits(model, value) for model, value in pairs)


def _event_fits(event: Event, example: dict[str, Any]) -> bool:
    pairs = ((event.payload, example["payload"]), (event.ack, example.get("ack")))
    return all(model is None or fits(model, value) for model, value in pairs)


def _best(candidates: Iterable[Any]) -> Any:
    """The one that says most (fewest nulls and empty lists) within a readable length."""
    return max(candidates, key=_telling, default=None)


def _telling(example: Any) -> tuple[bool, int, int]:
    length = len(json.dumps(example))
    return length <= LONGEST, _leaves(example), -length


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        # A second item says nothing new.
        return _leaves(value[0]) if value else 0
    return value not in (None, "")


def _clean(value: Any) -> Any:
    """Without what is true of one run on one machine alone: addresses and tokens."""
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return _TOKEN.sub("eyJhbGciOi…", _LOCAL.sub("https://konnect.example", value))
    return value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", type=Path, nargs="?", help="the folder that the recorder wrote; without: check")
    folder = parser.parse_args().captures
    examples = load()
    if folder is not None:
        lines = (line for file in sorted(folder.glob("*.jsonl")) for line in file.open(encoding="utf-8"))
        examples = merge(examples, map(json.loads, lines))
        FILE.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(f"wrote {FILE.name}: {len(examples['operations'])} operations, {len(examples['events'])} events")
    lacking = missing(examples)
    if lacking:
        print("without an example, run make captures: " + ", ".join(lacking), file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
