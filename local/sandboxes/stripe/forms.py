"""Stripe's way of writing parameters: a form whose names nest, `line_items[0][price_data][currency]=inr`."""

import operator
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from aiohttp import web

from local.sandboxes.stripe.errors import StripeError, required

_COMPARED = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_NAME = re.compile(r"^[^\[\]]+(?:\[[^\[\]]*\])*$")


async def read(request: web.Request) -> dict[str, Any]:
    """The parameters of a request: its query's for a GET, else its form's."""
    if request.method == "GET":
        return nested(request.query.items())
    data = await request.post()
    return nested((name, str(value)) for name, value in data.items())


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """{"a[b][0][c]": "1"} as {"a": {"b": [{"c": "1"}]}}."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not _NAME.match(name):
            raise StripeError(f"Invalid parameter name: {name}", param=name)
        *path, last = re.findall(r"[^\[\]]+", name)
        place = found
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise StripeError(f"Invalid object: {name}", param=name)
        # "expand[]=a": lists without numbers.
        place[last if not name.endswith("[]") else f"{last}[]"] = value
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    """Objects whose names are numbers from 0 are lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def refuse_unknown(params: dict[str, Any], allowed: Collection[str]) -> None:
    """As Stripe does: a parameter that it does not know is refused, not ignored."""
    for name in params:
        if name.removesuffix("[]") not in allowed:
            raise StripeError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def whole(params: dict[str, Any], name: str, *, least: int = 1) -> int:
    if name not in params:
        raise required(name)
    value = str(params[name])
    if not value.isdecimal():
        raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    if int(value) < least:
        raise StripeError(f"This value must be greater than or equal to {least}.", param=name)
    return int(value)


def text(params: dict[str, Any], name: str, *, most: int = 5000) -> str:
    value = params.get(name)
    if value is None or value == "":
        raise required(name)
    if not isinstance(value, str) or len(value) > most:
        raise StripeError(f"Invalid string: {name}", param=name)
    return value


def metadata(params: dict[str, Any]) -> dict[str, str]:
    """At most 50 pairs, names of 40 characters, values of 500."""
    given = params.get("metadata") or {}
    if not isinstance(given, dict) or len(given) > 50:
        raise StripeError("Metadata must be at most 50 keys", param="metadata")
    for name, value in given.items():
        if len(name) > 40 or not isinstance(value, str) or len(value) > 500:
            raise StripeError("Metadata values can have up to 500 characters", param=f"metadata[{name}]")
    return dict(given)


def page(
    entities: Iterable[dict[str, Any]],
    params: dict[str, Any],
    url: str,
    wanted: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> dict[str, Any]:
    """A list of what is wanted, the newest first: 10 of them, or as many as `limit` says, those that follow
    `starting_after` or come right before `ending_before`, which need not be wanted themselves."""
    limit = whole(params, "limit") if "limit" in params else 10
    if limit > 100:
        raise StripeError("This value must be less than or equal to 100.", param="limit")
    if "starting_after" in params and "ending_before" in params:
        raise StripeError("You may only specify one of these parameters: ending_before, starting_after.")
    found = list(entities)[::-1]
    if "ending_before" in params:
        found = [one for one in found[: _place(found, params, "ending_before")] if wanted(one)]
        shown = found[-limit:]
    else:
        first = _place(found, params, "starting_after") + 1 if "starting_after" in params else 0
        found = [one for one in found[first:] if wanted(one)]
        shown = found[:limit]
    return {"object": "list", "data": shown, "has_more": len(found) > limit, "url": url}


def _place(found: list[dict[str, Any]], params: dict[str, Any], name: str) -> int:
    for place, one in enumerate(found):
        if one["id"] == params[name]:
            return place
    raise StripeError(f"No such object: '{params[name]}'", code="resource_missing", param=name)


def between(params: dict[str, Any], name: str) -> Callable[[int], bool]:
    """Whether a time is the one of a parameter, or within its gt, gte, lt and lte."""
    given = params.get(name)
    if given is None:
        return lambda _: True
    if not isinstance(given, dict):
        exact = whole(params, name, least=0)
        return lambda at: at == exact
    refuse_unknown(given, _COMPARED)
    limits = [(_COMPARED[one], whole(given, one, least=0)) for one in given]
    return lambda at: all(compare(at, limit) for compare, limit in limits)


def listed(params: dict[str, Any], name: str) -> list[str]:
    """A list of texts, which may come as `name[]`, then the last of them alone."""
    given = params.get(name, params.get(f"{name}[]", []))
    return [given] if isinstance(given, str) else list(given)
