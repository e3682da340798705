"""Input into models, and pydantic's complaints into messages for people."""

import json
import re
from typing import Any, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from werkzeug.datastructures import MultiDict

from konnect.errors import BadRequest

MAX_DETAILS = 20
_SUBJECT = re.compile(r"^(Input|Value|String|Number|URL|Datetime|Date|\w+) should ")
_FIXED = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_TIMES = ("datetime", "timezone")
_CHOICES = {"literal_error", "enum"}


def parse_body(model: type[BaseModel], data: bytes) -> Any:
    """A model from a JSON body; no body at all counts as {}. Raises BadRequest (INVALID_JSON if it is no object)."""
    try:
        return model.model_validate_json(data if data.strip() else b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if not first["loc"] and first["type"] in {"json_invalid", "model_type", "model_attributes_type"}:
            raise BadRequest("the body must be a JSON object", code="INVALID_JSON") from error
        raise bad_request(error, where="body") from error


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object of an internal request; no body at all counts as {}. Raises BadRequest (INVALID_JSON)."""
    try:
        payload = json.loads(data or b"{}")
    except ValueError as error:
        raise BadRequest("the payload must be a JSON object", code="INVALID_JSON") from error
    if not isinstance(payload, dict):
        raise BadRequest("the payload must be a JSON object", code="INVALID_JSON")
    return payload


def parse_query(model: type[BaseModel], args: MultiDict[str, str]) -> Any:
    """A model from the query string; an empty value counts as absent (forms send `?type=`). Raises BadRequest."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        for key in _names(name, field):
            given = [value for value in args.getlist(key) if value != ""]
            if given:
                values[key] = given if _is_list(field.annotation) else given[0]
                break
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise bad_request(error, where="query") from error


def bad_request(error: ValidationError, *, where: str) -> BadRequest:
    """Each field by its name on the wire, with what it must be; `where` stands for rules about the whole."""
    details: dict[tuple[str, str], dict[str, Any]] = {}
    for item in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in item["loc"]) or where
        message = _message(item["type"], item["msg"])
        details.setdefault((field, message), {"field": field, "message": message})
    found = list(details.values())[:MAX_DETAILS]
    return BadRequest("; ".join(f"{d['field']}: {d['message']}" for d in found[:3]), details=found)


def _message(kind: str, message: str) -> str:
    if kind in _FIXED:
        return _FIXED[kind]
    if kind.startswith(_TIMES):
        return "must be a date and time with zone (ISO 8601)"
    if kind in {"value_error", "assertion_error"}:
        return message.partition(", ")[2] or message
    told = _SUBJECT.sub("must ", message)
    return told if kind in _CHOICES else told.partition(", ")[0]


def _names(name: str, field: FieldInfo) -> list[str]:
    """Every name under which a field is accepted, the documented one first."""
    wire = field.validation_alias or field.alias
    choices = wire.choices if isinstance(wire, AliasChoices) else [wire]
    return list(dict.fromkeys([*(choice for choice in choices if isinstance(choice, str)), name]))


def _is_list(annotation: Any) -> bool:
    return any(get_origin(option) is list for option in (annotation, *get_args(annotation)))
