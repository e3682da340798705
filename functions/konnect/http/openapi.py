"""The OpenAPI 3.1 document, built from the routes and their models. Run by `make openapi`, never by a request."""

import inspect
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib import import_module
from typing import Any, TypedDict, cast

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from konnect.config import Settings
from konnect.limits import configured

from . import VERSION
from .routing import MAX_BODY_BYTES, VARIABLE, Route, Router
from .schemas import ErrorBody

Refs = dict[tuple[type[BaseModel], JsonSchemaMode], str]
REF = "#/components/schemas/{model}"
_LIMITS = configured(Settings())
DESCRIPTION = (
    "One backend for platforms that sell an expert's time. Amounts are in INR; times are ISO 8601 in UTC; lists are "
    "paged by cursor. Texts are plain text, never HTML: show them as text. Sign in with Firebase Authentication and "
    "send the ID token as a Bearer token, or the `token` that `POST /auth/login` gives. "
    "Socket.IO events are described by [/api/asyncapi.json](/api/asyncapi.json).\n\n"
    "Requests are limited by user, and by address where nobody is signed in: "
    + "; ".join(f"{one.name} {one.requests} in {one.window_s // 60} min" for one in _LIMITS.values())
    + ". `x-rate-limit` of an operation says for which one it counts, the `RateLimit` headers where the caller stands."
)
_MEANINGS = {
    400: "The input is wrong; `details` names each field.",
    401: "The token is missing, expired, revoked or wrong.",
    402: "The balance is too small; `details` has the amount needed.",
    403: "The caller may not do this, or the account is disabled.",
    404: "There is no such thing, or it is not the caller's.",
    409: "The present state does not allow it, or something else was first.",
    410: "It was there, and won't be again.",
    413: "The body is too large.",
    429: "Too many requests; Retry-After says when to go on.",
    502: "The provider refused.",
    503: "Please try the same request again after Retry-After.",
}
_LIMIT_HEADERS: dict[str, Any] = {
    "RateLimit-Policy": {
        "schema": {"type": "string", "examples": ['"general";q=100;w=900']},
        "description": "The limit's name; q: requests, w: in so many seconds.",
    },
    "RateLimit": {
        "schema": {"type": "string", "examples": ['"general";r=57;t=420']},
        "description": "r: what is left, t: the seconds until the window ends.",
    },
    "RateLimit-Limit": {"schema": {"type": "integer"}, "description": "Requests in a window."},
    "RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "What is left of them."},
    "RateLimit-Reset": {"schema": {"type": "integer"}, "description": "Seconds until the window ends."},
}
_LIMIT_REFS = {name: {"$ref": f"#/components/headers/{name}"} for name in _LIMIT_HEADERS}


class Examples(TypedDict):
    """By "METHOD path" {request?, response}; by status an error's body; by a socket event's id {payload, ack?}."""

    operations: dict[str, dict[str, Any]]
    errors: dict[str, Any]
    events: dict[str, dict[str, Any]]


NO_EXAMPLES: Examples = {"operations": {}, "errors": {}, "events": {}}


def build(*tables: Mapping[str, str], examples: Examples = NO_EXAMPLES) -> dict[str, Any]:
    """The document of all routes of the modules that `tables` (path prefix → module) name."""
    modules = dict.fromkeys(module for table in tables for module in table.values())
    return document((import_module(module).router for module in modules), examples)


def document(routers: Iterable[Router], examples: Examples = NO_EXAMPLES) -> dict[str, Any]:
    """The document of these routers. Raises ValueError for two operations of one id or at one place."""
    routes = [route for router in routers for route in router.routes if route.documented]
    refs, schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for route in routes:
        operation = _operation(route, refs, schemas)
        _show(operation, route, examples)
        item = paths.setdefault(route.template, {})
        if operation["operationId"] in seen or route.method.lower() in item:
            raise ValueError(f"{route.method} {route.path}: {operation['operationId']} is there twice")
        seen.add(operation["operationId"])
        item[route.method.lower()] = operation
    for route in routes:
        # A query is spelled out as parameters.
        if route.query is not None:
            schemas.pop(refs[route.query, "validation"].rpartition("/")[2], None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Konnect", "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in routes})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {
                _response_name(status): {
                    "description": meaning,
                    "headers": {
                        "X-Request-Id": {"schema": {"type": "string"}},
                        **_retry_after(status),
                        **(_LIMIT_REFS if status == 429 else {}),
                    },
                    "content": {
                        "application/json": {
                            "schema": {"$ref": REF.format(model="ErrorBody")},
                            **_example(examples["errors"].get(str(status))),
                        }
                    },
                }
                for status, meaning in _MEANINGS.items()
            },
            "headers": _LIMIT_HEADERS,
            "securitySchemes": {
                "firebase": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A Firebase ID token.",
                }
            },
        },
    }


def _schemas(routes: list[Route]) -> tuple[Refs, dict[str, Any]]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ErrorBody, "serialization")]
    for route in routes:
        models += [(model, "validation") for model in (route.body, route.query) if model is not None]
        if route.response is not None:
            models.append((route.response, "serialization"))
    return component_schemas(models)


def component_schemas(models: Iterable[tuple[type[BaseModel], JsonSchemaMode]]) -> tuple[Refs, dict[str, Any]]:
    """References to the schemas of `models` (as input, "validation"; as output, "serialization"), and all schemas by
    name: where input and output of one model differ, there are two.
    """
    wanted = list(dict.fromkeys(models))
    found, definitions = models_json_schema(wanted, by_alias=True, ref_template=REF)
    refs = {(cast(type[BaseModel], model), mode): schema["$ref"] for (model, mode), schema in found.items()}
    schemas: dict[str, Any] = definitions.get("$defs", {})
    # pydantic's key for Listing[Thing] is Listing_Thing_; the model's own name is ThingList.
    names = {
        ref.rpartition("/")[2]: model.__name__
        for (model, _), ref in refs.items()
        if model.__pydantic_generic_metadata__["args"] and model.__name__ not in schemas
    }
    schemas = {names.get(name, name): _renamed(schema, names) for name, schema in schemas.items()}
    for schema in schemas.values():
        _tidy(schema)
    return {key: _new_ref(ref, names) for key, ref in refs.items()}, schemas


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: _new_ref(value, names) if key == "$ref" and isinstance(value, str) else _renamed(value, names)
            for key, value in node.items()
        }
    return [_renamed(item, names) for item in node] if isinstance(node, list) else node


def _new_ref(ref: str, names: dict[str, str]) -> str:
    name = ref.rpartition("/")[2]
    return REF.format(model=names.get(name, name))


def _operation(route: Route, refs: Refs, schemas: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.response is not None:
        success["content"] = {"application/json": {"schema": {"$ref": refs[route.response, "serialization"]}}}
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "operationId": to_camel(f"{route.tag.lower().replace(' ', '_')}_{route.handler.__name__}"),
        "summary": route.summary,
    }
    if route.description:
        operation["description"] = route.description
    if route.limit is not None:
        limit = _LIMITS[route.limit]
        operation["x-rate-limit"] = {"name": limit.name, "requests": limit.requests, "seconds": limit.window_s}
        success["headers"] = _LIMIT_REFS
    parameters = _parameters(route, refs, schemas)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = {"$ref": refs[route.body, "validation"]}
        operation["requestBody"] = {
            "required": any(field.is_required() for field in route.body.model_fields.values()),
            "content": {"application/json": {"schema": schema}},
        }
        if route.max_body_bytes != MAX_BODY_BYTES:
            operation["requestBody"]["description"] = f"At most {route.max_body_bytes} bytes."
    operation["responses"] = {str(route.status): success} | {
        str(status): {"$ref": f"#/components/responses/{_response_name(status)}"} for status in _statuses(route)
    }
    for part, described in route.documentation.items():
        operation[part] = {**operation.get(part, {}), **described}
    operation["security"] = [] if route.auth == "public" else [{"firebase": []}]
    if route.auth not in ("public", "user"):
        operation["x-role"] = route.auth
    return operation


def _show(operation: dict[str, Any], route: Route, examples: Examples) -> None:
    """Add the operation's example, if there is one."""
    example = examples["operations"].get(f"{route.method} {route.path}", {})
    if route.body is not None:
        operation["requestBody"]["content"]["application/json"] |= _example(example.get("request"))
    if route.response is not None:
        operation["responses"][str(route.status)]["content"]["application/json"] |= _example(example.get("response"))


def _example(value: Any) -> dict[str, Any]:
    return {} if value is None else {"example": value}


def _parameters(route: Route, refs: Refs, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": to_camel(name), "in": "path", "required": True, "schema": {"type": "string", "maxLength": 128}}
        for name in VARIABLE.findall(route.path)
    ]
    if route.query is not None:
        schema = schemas[refs[route.query, "validation"].rpartition("/")[2]]
        for name, described in schema.get("properties", {}).items():
            inner = {key: value for key, value in described.items() if key != "description"}
            parameter = {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "schema": _not_null(inner),
            }
            if "description" in described:
                parameter["description"] = described["description"]
            parameters.append(parameter)
    if route.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "A repeat with the same key and body within 24 h answers as the first did; with "
                "another body it is 409.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return parameters


def _statuses(route: Route) -> list[int]:
    statuses = {*route.errors}
    if route.body is not None or route.query is not None:
        statuses.add(400)
    if route.body is not None:
        statuses.add(413)
    if VARIABLE.search(route.path):
        statuses.add(404)
    if route.idempotent:
        statuses.add(409)
    if route.auth != "public":
        statuses |= {401, 403, 503}
    if route.limit is not None:
        statuses.add(429)
    unknown = statuses - _MEANINGS.keys()
    if unknown:
        raise ValueError(f"{route.method} {route.path}: no meaning is given for {sorted(unknown)}")
    return sorted(statuses)


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query can't send null: an optional parameter is simply left out."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    if len(options) == 1:
        return {**options[0], **rest}
    return {"anyOf": options, **rest} if options else rest


def _response_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _retry_after(status: int) -> dict[str, Any]:
    return {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}} if status in (429, 503) else {}


def _tidy(schema: Any) -> None:
    """Drop the titles that pydantic makes of field names, and the indentation of docstrings."""
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("description"), str):
        schema["description"] = inspect.cleandoc(schema["description"])
    for prop in schema.get("properties", {}).values():
        if isinstance(prop, dict):
            prop.pop("title", None)
            _tidy(prop)
