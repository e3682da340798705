"""The operations of the OpenAPI document that is served, and requests made from what it says of them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.contract.check import DOCUMENTS, METHODS

DOCUMENT: dict[str, Any] = json.loads((DOCUMENTS / "openapi.json").read_text())
JSON_BODY = "application/json"
A_DAY = "2099-01-05T10:00:00Z"
_VARIABLE = re.compile(r"{([^}]*)}")
_OTHERS: tuple[tuple[str, Any], ...] = (("object", {"no": "such"}), ("string", "no"), ("array", [[]]))
"""A value of each JSON type, to send where the schema takes none of that type."""


@dataclass(frozen=True)
class Operation:
    """One operation. `role`: public, user (anybody signed in), or the role that it needs."""

    method: str
    path: str
    described: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def role(self) -> str:
        return self.described.get("x-role", "user") if self.described["security"] else "public"

    @property
    def variables(self) -> list[str]:
        return _VARIABLE.findall(self.path)

    def at(self, **ids: str) -> str:
        """Its path with these ids. Raises KeyError for a variable that is not given."""
        return _VARIABLE.sub(lambda found: ids[found[1]], self.path)

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The schema of its JSON body, where that is the only kind of body that it takes."""
        content = self.described.get("requestBody", {}).get("content", {})
        return resolved(content[JSON_BODY]["schema"]) if list(content) == [JSON_BODY] else None

    @property
    def fields(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas of its body's fields."""
        found: Mapping[str, Mapping[str, Any]] = (self.body or {}).get("properties", {})
        return found

    @property
    def required(self) -> list[str]:
        return list((self.body or {}).get("required", []))

    @property
    def query(self) -> dict[str, Mapping[str, Any]]:
        return {one["name"]: one["schema"] for one in self.described.get("parameters", []) if one["in"] == "query"}

    def right_body(self) -> dict[str, Any] | None:
        """A body with the fields that it requires."""
        return {name: right_value(self.fields[name]) for name in self.required} or None

    def wrong_body(self) -> dict[str, Any]:
        """Every field of its body with a value of a type that the schema does not know for it."""
        fields = {name: other_type(schema) for name, schema in self.fields.items()}
        return {name: value for name, value in fields.items() if value is not None}

    def wrong_query(self) -> dict[str, str]:
        """Every query parameter whose schema bounds what it may be, out of these bounds."""
        return {name: "~" * 201 for name, schema in self.query.items() if _is_bounded(schema)}


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, described)
        for path, methods in DOCUMENT["paths"].items()
        for method, described in methods.items()
        if method in METHODS
    ]


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema takes; empty: any."""
    schema = resolved(schema)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        found = [types(option) for option in options]
        return set().union(*found) if all(found) else set()
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return {"string" if isinstance(value, str) else "number" for value in values}
    given = schema.get("type", [])
    return {given} if isinstance(given, str) else set(given)


def right_value(schema: Mapping[str, Any]) -> Any:
    """A value that a schema takes: the first of its examples or choices, or the least."""
    schema = resolved(schema)
    if first := [*schema.get("examples", []), *choices(schema)][:1]:
        return first[0]
    known = types(schema)
    if "string" in known:
        return A_DAY if schema.get("format") == "date-time" else "some words"
    if known & {"integer", "number"}:
        return schema.get("minimum", 1)
    if "object" in known:
        return {name: right_value(schema["properties"][name]) for name in schema.get("required", [])}
    return [] if "array" in known else True


def choices(schema: Mapping[str, Any]) -> list[str]:
    """The strings that a schema takes, where it names them."""
    schema = resolved(schema)
    named = [value for value in schema.get("enum", []) if isinstance(value, str)]
    return named + [value for option in schema.get("anyOf", []) for value in choices(option)]


def other_type(schema: Mapping[str, Any]) -> Any:
    """A value of a type that the schema does not take; None if it takes any."""
    known = types(schema)
    return next((value for name, value in _OTHERS if name not in known), None) if known else None


def _is_bounded(schema: Mapping[str, Any]) -> bool:
    schema = resolved(schema)
    if options := schema.get("anyOf"):
        return all(_is_bounded(option) for option in options)
    if types(schema) != {"string"}:
        return True
    return not {"enum", "const", "format"}.isdisjoint(schema) or schema.get("maxLength", 1000) <= 200
