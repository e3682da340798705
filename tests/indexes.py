"""Which queries firestore.indexes.json serves: the emulator does not check that, production refuses what has no index.

A shape is what konnect.store logs of each distinct query: collection, filters and order (see Query.shape).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEXES = Path(__file__).resolve().parent.parent / "firestore.indexes.json"
_EQUALITY = {"==", "in"}
_CONTAINS = {"array_contains", "array_contains_any"}


@dataclass(frozen=True)
class Index:
    """A composite index: its equality prefix can be any leading fields, its suffix serves an order."""

    collection: str
    group: bool
    fields: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.collection}({', '.join(f'{name} {direction}' for name, direction in self.fields)})"


@dataclass(frozen=True)
class Shape:
    collection: str
    group: bool
    equal: frozenset[str]
    contains: frozenset[str]
    ranges: frozenset[str]
    order: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "Shape":
        raw = json.loads(text)
        order = [(name, direction) for name, direction in raw["order"] if name != "__name__"]
        ranges = {name for name, op in raw["where"] if op not in _EQUALITY | _CONTAINS}
        # A range without an order is ordered by its field.
        order += [(name, "asc") for name in sorted(ranges) if not order]
        return cls(
            raw["collection"],
            raw["group"],
            frozenset(name for name, op in raw["where"] if op in _EQUALITY),
            frozenset(name for name, op in raw["where"] if op in _CONTAINS),
            frozenset(ranges),
            tuple(order),
        )

    @property
    def needs_composite(self) -> bool:
        """Equality filters alone merge single-field indexes; with an order, or several, they don't."""
        filters = self.equal | self.contains
        return bool(self.order and filters - {name for name, _ in self.order}) or len(self.order) > 1


def load(path: Path = INDEXES) -> tuple[list[Index], dict[tuple[str, str], dict[str, Any]]]:
    """The composite indexes, and the overrides of single-field ones by (collection, field)."""
    document = json.loads(path.read_text())
    indexes = [
        Index(
            index["collectionGroup"],
            index["queryScope"] == "COLLECTION_GROUP",
            tuple((f["fieldPath"], "asc" if f.get("order") == "ASCENDING" else "desc") for f in index["fields"]),
        )
        for index in document["indexes"]
    ]
    overrides = {(o["collectionGroup"], o["fieldPath"]): o for o in document["fieldOverrides"]}
    return indexes, overrides


def serving(shape: Shape, indexes: Iterable[Index]) -> set[Index]:
    """The composite indexes that serve a shape together (they merge when they share the order), or none."""
    size = len(shape.order)
    fitting = {
        index
        for index in indexes
        if (index.collection, index.group) == (shape.collection, shape.group)
        and (index.fields[len(index.fields) - size :] if size else ()) == shape.order
        and {name for name, _ in index.fields[: len(index.fields) - size]} <= shape.equal | shape.contains
    }
    exact = {index for index in fitting if len(index.fields) - size == len(shape.equal | shape.contains)}
    if exact:
        return exact
    covered = {name for index in fitting for name, _ in index.fields[: len(index.fields) - size]}
    return fitting if covered == shape.equal | shape.contains else set()


def problems(
    shapes: Iterable[Shape],
    indexes: list[Index],
    overrides: dict[tuple[str, str], dict[str, Any]],
    *,
    complete: bool,
) -> list[str]:
    """What is missing, and (when the shapes are those of the whole suite) what nothing uses."""
    found: list[str] = []
    used: set[Index] = set()
    for shape in shapes:
        if shape.needs_composite:
            serve = serving(shape, indexes)
            used |= serve
            if not serve:
                found.append(f"no index serves {shape}")
            continue
        for name in {*shape.equal, *shape.contains, *shape.ranges, *(field for field, _ in shape.order)}:
            override = overrides.get((shape.collection, name))
            scope = "COLLECTION_GROUP" if shape.group else "COLLECTION"
            scopes = {index["queryScope"] for index in override["indexes"]} if override else {"COLLECTION"}
            if scope not in scopes:
                found.append(f"{shape.collection}.{name} has no single-field index in scope {scope}, for {shape}")
    if complete:
        found += [f"no query uses the index {index}" for index in indexes if index not in used]
    return found


def logged(folder: Path) -> set[Shape]:
    """The shapes in the JSON logs of a folder."""
    lines = (line for log in folder.glob("*.log") for line in log.read_text(errors="replace").splitlines())
    return {Shape.parse(json.loads(line)["shape"]) for line in lines if '"query shape"' in line and line[0] == "{"}
