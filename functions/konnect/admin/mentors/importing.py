"""From rows of a table to profiles: check every row, find whom it is about, write what differs.

A row is about the profile of its `id`, else of its e-mail address: the one imported for it before, or the one of the
user who has it. Anyone else is new, under an id made of the address, so that a repeat finds the same profile.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from konnect import audit, ids
from konnect.experts import profiles
from konnect.experts.linking import imported_id, normal_email
from konnect.experts.schemas import Registration
from konnect.http.validation import bad_request
from konnect.money import to_paise
from konnect.store import Database, Doc, Query, Tx

from . import csv_rows
from .csv_rows import Row
from .schemas import MentorUpdate

T = TypeVar("T")

MAX_EMAIL = 254
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")
NEW_STATUSES = ("approved", "applied")
"""What a new mentor can be: the steps between are an application's."""
REQUIRED = ("name", "title")
READ_AT_ONCE = 300
# Firestore's limit on the values of one `in`.
VALUES_AT_ONCE = 30

FieldErrors = list[dict[str, str]]


@dataclass(frozen=True)
class Checked:
    """A row after the check. `fields`: the cells of its columns as values, `pricePerMinPaise` for the price."""

    row: int
    email: str | None
    expert_id: str | None
    fields: Doc = field(default_factory=dict)
    status: str | None = None
    is_new: bool = False
    changes: bool = False
    errors: FieldErrors = field(default_factory=list)

    def refused(self, name: str, message: str) -> "Checked":
        return replace(self, errors=[*self.errors, {"field": name, "message": message}])

    def stored(self) -> Doc:
        """As a map in a document, for `apply`."""
        return {
            "row": self.row,
            "email": self.email,
            "expertId": self.expert_id,
            "fields": self.fields,
            "status": self.status,
            "isNew": self.is_new,
        }

    @property
    def outcome(self) -> str:
        """What happens to the row if it is imported now."""
        if self.errors:
            return "error"
        return "created" if self.is_new else "updated" if self.changes else "unchanged"


def check(db: Database, rows: Sequence[Row]) -> list[Checked]:
    """Every row checked, in order: by itself, against the other rows, and against the profiles there are."""
    checked = [_by_itself(row) for row in rows]
    of_email = _profiles_of(db, [row.email for row in checked if row.email and row.expert_id is None])
    wanted = {row.expert_id or of_email.get(row.email or "") for row in checked}
    docs = _read(db, [path for expert_id in wanted if expert_id for path in _paths(expert_id)])
    return _without_repeats([_located(row, of_email, docs) for row in checked])


def apply(tx: Tx, rows: Sequence[Doc], *, job_id: str, by: str, default_price_paise: int, now: datetime) -> list[Doc]:
    """Write stored rows that were checked; each change with its audit entry. Returns the report of each."""
    tx.prefetch(*(path for row in rows for path in _paths(row["expertId"])))
    return [_apply(tx, row, job_id, by, default_price_paise, now) for row in rows]


def _apply(tx: Tx, row: Doc, job_id: str, by: str, default_price_paise: int, now: datetime) -> Doc:
    expert_id = row["expertId"]
    report = {"row": row["row"], "email": row["email"], "expertId": expert_id, "errors": []}
    before: Doc | None = None
    if tx.get("experts", expert_id) is not None:
        before, after = profiles.update(tx, expert_id, row["fields"], now=now)
        status = "updated" if after else "unchanged"
    elif row["isNew"]:
        defaults = Registration.model_construct(name="", title="").model_dump(by_alias=True, exclude={"price_per_min"})
        profile = profiles.create(
            tx,
            expert_id,
            {**defaults, **row["fields"]},
            email=row["email"],
            firebase_uid=None,
            status=row["status"] or NEW_STATUSES[0],
            default_price_paise=default_price_paise,
            now=now,
        )
        after = {name: profile[name] for name in ("name", "title", "pricePerMinPaise", "mentorStatus")}
        status = "created"
    else:
        # Deleted since the check.
        return {**report, "status": "error", "errors": [{"field": "id", "message": "there is no such mentor any more"}]}
    if after:
        audit.write(
            tx,
            actor=by,
            action="mentor.import",
            target=f"experts/{expert_id}",
            before=before,
            after=after,
            reason=f"import {job_id}, row {row['row']}",
            entry_id=ids.digest("import", job_id, row["row"]),
            now=now,
        )
    return {**report, "status": status}


# A row by itself


def _by_itself(row: Row) -> Checked:
    cells = row.cells
    email = normal_email(cells.get("email", "")) or None
    checked = Checked(row.number, email, cells.get("id", "").strip() or None)
    if checked.expert_id is not None and not ids.valid(checked.expert_id):
        checked = replace(checked, expert_id=None).refused("id", "is not a mentor's id")
    elif email is None and checked.expert_id is None:
        checked = checked.refused("email", "is required")
    if email is not None and (len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email)):
        checked = checked.refused("email", "must be an e-mail address")
    if "" in cells:
        checked = checked.refused("row", "has more cells than the first row names")
    status = cells.get("mentorStatus", "").strip().lower() or None
    fields, errors = _fields(cells)
    return replace(checked, fields=fields, status=status, errors=[*checked.errors, *errors])


def _fields(cells: dict[str, str]) -> tuple[Doc, FieldErrors]:
    """The profile's fields in a row, validated as at registration. An empty cell clears, where that is possible."""
    values: dict[str, Any] = {}
    empty: Doc = {}
    errors: FieldErrors = []
    for name in csv_rows.PROFILE:
        if name not in cells:
            continue
        cell = cells[name].strip()
        if name in csv_rows.LISTS:
            values[name] = csv_rows.list_of(cell)
        elif not cell:
            empty[name] = None
        elif name in csv_rows.TEXTS:
            values[name] = cell
        elif not _NUMBER.fullmatch(cell):
            errors.append({"field": name, "message": "must be a number"})
        else:
            values[name] = float(cell) if "." in cell else int(cell)
    try:
        found = MentorUpdate.model_validate(values).model_dump(by_alias=True, exclude_unset=True)
    except ValidationError as error:
        return {}, [*errors, *bad_request(error, where="row").details]
    for name in empty:
        if name in REQUIRED:
            errors.append({"field": name, "message": "is required"})
        elif name != "pricePerMin":
            found[name] = Registration.model_fields[_FIELD_NAMES[name]].get_default(call_default_factory=True)
    if "pricePerMin" in found:
        found["pricePerMinPaise"] = to_paise(found.pop("pricePerMin"))
    return found, errors


_FIELD_NAMES = {info.alias: name for name, info in Registration.model_fields.items()}


# Against the other rows and the profiles there are


def _without_repeats(checked: list[Checked]) -> list[Checked]:
    """Two rows must not be about one mentor, named in one way or in two."""
    first: dict[str, int] = {}
    found: list[Checked] = []
    for row in checked:
        before = first.setdefault(row.expert_id, row.row) if row.expert_id else row.row
        found.append(row if before == row.row else row.refused("email", f"is the mentor of row {before} too"))
    return found


def _located(row: Checked, of_email: dict[str, str], docs: dict[tuple[str, ...], Doc | None]) -> Checked:
    by_id = row.expert_id is not None
    expert_id = row.expert_id or of_email.get(row.email or "")
    if expert_id is None:
        return row
    public_path, private_path = _paths(expert_id)
    public, private = docs.get(public_path), docs.get(private_path) or {}
    row = replace(row, expert_id=expert_id, is_new=public is None)
    if public is None:
        return _new(row, by_id)
    if by_id and row.email and row.email != normal_email(private.get("email") or row.email):
        row = row.refused("email", "is not the address of the mentor with this id")
    if row.status is not None and row.status != public["mentorStatus"]:
        row = row.refused("mentorStatus", f"is {public['mentorStatus']}; the application's status changes it")
    return replace(row, changes=bool(profiles.changed(public, private, row.fields)))


def _new(row: Checked, by_id: bool) -> Checked:
    if by_id and row.expert_id != imported_id(row.email or ""):
        return row.refused("id", "there is no such mentor; leave it empty for a new one")
    for name in REQUIRED:
        if not row.fields.get(name) and not any(error["field"] == name for error in row.errors):
            row = row.refused(name, "is required")
    if row.status is not None and row.status not in NEW_STATUSES:
        row = row.refused("mentorStatus", f"must be {' or '.join(NEW_STATUSES)} for a new mentor")
    return row


def _profiles_of(db: Database, emails: list[str]) -> dict[str, str]:
    """The id of the profile of each address: the imported one, or that of the user who has it; else the id it gets."""
    found = {email: imported_id(email) for email in emails}
    imported = _read(db, [("experts", expert_id) for expert_id in found.values()])
    others = [email for email, expert_id in found.items() if imported[("experts", expert_id)] is None]
    uids: dict[str, str] = {}
    for part in _parts(others, VALUES_AT_ONCE):
        for user in Query(("users",)).filter("email", "in", part).run(db):
            uids[user["id"]] = user["email"]
    links = _read(db, [("expertsByUid", uid) for uid in uids])
    own = {uid: str((links[("expertsByUid", uid)] or {}).get("expertId", uid)) for uid in uids}
    experts = _read(db, [("experts", expert_id) for expert_id in own.values()])
    for uid, expert_id in own.items():
        if experts[("experts", expert_id)] is not None:
            found[uids[uid]] = expert_id
    return found


def _paths(expert_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ("experts", expert_id), ("experts", expert_id, "private", "onboarding")


def _read(db: Database, paths: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Doc | None]:
    found: dict[tuple[str, ...], Doc | None] = {}
    for part in _parts(list(dict.fromkeys(paths)), READ_AT_ONCE):
        found |= db.get_many(part)
    return found


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
