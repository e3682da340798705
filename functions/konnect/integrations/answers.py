"""Reading what a payment provider says. Of an entity's fields, a missing or wrong one raises ValueError with its name;
an answer that can't be read is logged with the provider's, and Unavailable: it may have done what it was asked for."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from konnect.errors import Unavailable

log = logging.getLogger(__name__)

Entity = Mapping[str, Any]
T = TypeVar("T")


def text(entity: Entity, name: str) -> str:
    value = entity.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing")
    return value


def whole(entity: Entity, name: str) -> int:
    """A whole number, 0 where there is none."""
    value = entity.get(name) or 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} is not a whole number")
    return value


def amount(entity: Entity, name: str = "amount") -> int:
    """What is moved, in paise: never nothing."""
    value = whole(entity, name)
    if value <= 0:
        raise ValueError(f"{name} is not a positive amount")
    return value


def moment(entity: Entity, name: str) -> datetime:
    value = whole(entity, name)
    if value <= 0:
        raise ValueError(f"{name} is not a time")
    return datetime.fromtimestamp(value, UTC)


def moment_if_any(entity: Entity, name: str) -> datetime | None:
    return moment(entity, name) if entity.get(name) else None


def parsed(provider: str, parse: Callable[[Any], T], answer: Any) -> T:
    try:
        return parse(answer)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        log.error("a payment provider answered something else", extra={"provider": provider, "error": str(error)})
        raise Unavailable("the payment provider answered something unexpected") from error


def listed(provider: str, parse: Callable[[Any], T], answer: Any, name: str) -> list[T]:
    """The entities of a list, which the field `name` has."""
    items = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(items, list):
        log.error("a payment provider answered something else than a list", extra={"provider": provider})
        raise Unavailable("the payment provider answered something else than a list")
    return [parsed(provider, parse, item) for item in items]
