"""Phone numbers and birth details: sealed, each number one account's, readable after a rotation of the keys."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from konnect import encryption
from konnect.auth import Principal
from konnect.context import Context
from konnect.deletion import service as deletion
from konnect.errors import BadRequest, Conflict, Unavailable
from konnect.identity import birth, phones, service
from konnect.store import Query
from tests.support import START, at_once

BORN = {"dateOfBirth": "1990-02-03", "timeOfBirth": "06:15", "placeOfBirth": "पुणे"}
PHONE, OTHER = "+919876543210", "+919876543211"
NOT_INDIAN = ["+91 91 98765 43210", "+91 98765 432100", "+91 12345", "+91 0"]
"""Too long or too short for India, where each number has ten digits."""


def somebody(uid: str) -> Principal:
    expires_at = START + timedelta(hours=1)
    return Principal(uid, f"{uid}@konnect.test", False, uid.title(), "user", expires_at, auth_time=START)


def change(ctx: Context, uid: str, **fields: Any) -> dict[str, Any]:
    return service.change(ctx, somebody(uid), fields, now=START)


def stored(ctx: Context) -> str:
    """All that is kept of everybody, as text."""
    kept = [ctx.db.get("users", uid) for uid in ("meera", "ravi")]
    for uid in ("meera", "ravi"):
        kept += Query(("users", uid, "sealed")).run(ctx.db)
    return json.dumps([kept, Query(("phones",)).run(ctx.db)], default=str, ensure_ascii=False)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("+91 98765 43210", PHONE),
        ("98765-43210", PHONE),
        ("098765 43210", PHONE),
        ("0091 98765 43210", PHONE),
        ("+91 (0) 98765 43210", PHONE),
        ("+91 00 98765 43210", PHONE),
        ("+91 (022) 6426 8401", "+912264268401"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("+44 20 7946 0000", "+442079460000"),
    ],
)
def test_numbers_as_people_write_them(given: str, number: str) -> None:
    assert phones.e164(given) == number


@pytest.mark.parametrize(
    "given", ["", "+", "12345", "5876543210", "+0123456789", "+1234567890123456", "९८७६५४३२१०", "x", *NOT_INDIAN]
)
def test_what_is_no_number(given: str) -> None:
    with pytest.raises(ValueError, match="phone number"):
        phones.e164(given)


class TestPhone:
    def test_nobody_reads_it_but_its_owner(self, sealing: Context) -> None:
        assert change(sealing, "meera", phone=PHONE)["phone"] == PHONE
        assert service.own(sealing, somebody("meera"), now=START)["phone"] == PHONE
        assert PHONE[-6:] not in stored(sealing)
        assert (sealing.db.get("users", "meera") or {})["phone"] == "••••3210"

    def test_one_account_each(self, sealing: Context) -> None:
        change(sealing, "meera", phone=PHONE)
        with pytest.raises(Conflict) as refused:
            change(sealing, "ravi", phone=PHONE, name="Not Ravi")
        assert (refused.value.code, refused.value.details[0]["field"]) == ("PHONE_TAKEN", "phone")
        assert service.own(sealing, somebody("ravi"), now=START)["name"] == "Ravi"
        # The same again is no change; another one frees the first, and so does none.
        change(sealing, "meera", phone=PHONE)
        change(sealing, "meera", phone=OTHER)
        change(sealing, "ravi", phone=PHONE)
        change(sealing, "meera", phone=None)
        assert change(sealing, "ravi", phone=OTHER)["phone"] == OTHER
        [kept] = Query(("phones",)).run(sealing.db)
        assert kept["uid"] == "ravi"

    def test_twenty_at_once_want_one_number(self, sealing: Context) -> None:
        uids = [f"user{index}" for index in range(20)]
        for uid in uids:
            service.own(sealing, somebody(uid), now=START)
        results = at_once(20, lambda index: change(sealing, uids[index], phone=PHONE))
        assert all(isinstance(one, dict | Conflict | Unavailable) for one in results)
        for uid in uids:
            # Who was only in the way of another.
            try:
                change(sealing, uid, phone=PHONE)
            except Conflict:
                continue
        [kept] = Query(("phones",)).run(sealing.db)
        assert [uid for uid in uids if phones.of(sealing, uid) == PHONE] == [kept["uid"]]

    def test_a_deleted_account_s_number_is_free(self, sealing: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        change(sealing, "meera", phone=PHONE, dateOfBirth=date(1990, 2, 3))
        monkeypatch.setattr(deletion.identity, "require_recent_sign_in", lambda *_: None)
        deletion.request(sealing, somebody("meera"), now=START)
        assert deletion.run(sealing, "meera", now=START)
        assert Query(("phones",)).run(sealing.db) == Query(("users", "meera", "sealed")).run(sealing.db) == []
        assert birth.of(sealing, "meera") is None
        assert change(sealing, "ravi", phone=PHONE)["phone"] == PHONE


class TestBirth:
    def give(self, ctx: Context) -> None:
        change(ctx, "meera", **{**BORN, "dateOfBirth": date(1990, 2, 3)})

    def test_sealed(self, sealing: Context) -> None:
        assert birth.of(sealing, "meera") is None
        self.give(sealing)
        assert birth.of(sealing, "meera") == BORN
        assert not [told for told in ("1990", "06:15", "पुणे") if told in stored(sealing)]

    def test_a_part_is_changed_and_all_is_removed(self, sealing: Context) -> None:
        self.give(sealing)
        change(sealing, "meera", timeOfBirth=None)
        assert birth.of(sealing, "meera") == {**BORN, "timeOfBirth": None}
        change(sealing, "meera", dateOfBirth=None, placeOfBirth=None)
        assert birth.of(sealing, "meera") is None
        assert (sealing.db.get("users", "meera") or {})["hasBirthDetails"] is False

    def test_another_s_are_not_taken_for_one_s_own(self, sealing: Context) -> None:
        self.give(sealing)
        moved = sealing.db.get("users", "meera", "sealed", "birth")
        assert moved is not None
        sealing.db.set(("users", "ravi", "sealed", "birth"), moved)
        with pytest.raises(encryption.Unreadable):
            birth.of(sealing, "ravi")

    def test_not_in_the_future(self, sealing: Context) -> None:
        # It is tomorrow in India already.
        late = START.replace(hour=19)
        assert birth.check({"dateOfBirth": date(2026, 1, 6)}, now=late) is None
        with pytest.raises(BadRequest) as refused:
            birth.check({"dateOfBirth": date(2026, 1, 6)}, now=START)
        assert refused.value.details[0]["field"] == "dateOfBirth"


def test_a_rotation_leaves_what_is_old_readable_and_unique(sealing: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    change(sealing, "meera", phone=PHONE, placeOfBirth="Pune")
    assert encryption.rotate(sealing, {}, START) == {"key": 2}
    monkeypatch.setattr(encryption, "_keys", {})
    monkeypatch.setattr(encryption, "_newest", {})
    change(sealing, "meera", timeOfBirth="06:15")
    assert phones.of(sealing, "meera") == PHONE
    assert birth.of(sealing, "meera") == {"dateOfBirth": None, "timeOfBirth": "06:15", "placeOfBirth": "Pune"}
    kept = {doc["id"]: doc["sealed"].split(".")[1] for doc in Query(("users", "meera", "sealed")).run(sealing.db)}
    assert kept == {"phone": "1", "birth": "2"}
    with pytest.raises(Conflict, match="phone number"):
        change(sealing, "ravi", phone=PHONE)
