"""The registry of types: complete, used by everybody who tells something, and leading somewhere."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import konnect
from konnect.context import Context
from konnect.notifications import service, templates, types
from konnect.notifications.preferences import Preferences
from local.sandboxes.mail.previews import SAMPLES
from tests.support import START

PRD = {
    "booking_confirmed",
    "booking_cancelled",
    "booking_reminder",
    "session_started",
    "session_completed",
    "new_message",
    "message_digest",
    "payment_received",
    "payout_processed",
    "review_received",
    "mentor_approved",
    "mentor_rejected",
}
# PRD 7.9: by mail too.
MAILED = {
    "booking_confirmed",
    "booking_reminder",
    "booking_cancelled",
    "payment_received",
    "review_received",
    "mentor_approved",
    "payout_processed",
}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in Path(konnect.__file__).parent.rglob("*.py"):
        yield path, ast.parse(path.read_text())


def told(tree: ast.Module) -> Iterator[str]:
    """The types that are spelled out in calls of notify(); of those that are not, mypy knows (types.Type)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name != "notify":
            continue
        given: list[ast.expr] = [*node.args[2:3], *(word.value for word in node.keywords if word.arg == "type")]
        for one in given:
            # Either of two: "a" if … else "b".
            branches = [one.body, one.orelse] if isinstance(one, ast.IfExp) else [one]
            yield from (value.value for value in branches if isinstance(value, ast.Constant))


def test_every_type_is_declared_once_and_each_of_the_product_is_there() -> None:
    assert set(types.KINDS) == set(get_args(types.Type))
    assert set(types.KINDS) >= PRD


def test_every_type_that_is_told_is_declared() -> None:
    found = {type: path.name for path, tree in sources() for type in told(tree)}
    assert found, "nobody tells anything: has notify() another name?"
    assert {type: path for type, path in found.items() if type not in types.KINDS} == {}


def test_every_template_belongs_to_a_type() -> None:
    names = {path.stem for path in (templates.FOLDER / "content").iterdir()}
    assert names - {"default"} <= {*types.KINDS, *types.CODES}


def test_the_defaults_of_the_product() -> None:
    wants = Preferences().wants
    assert all(wants(type, "inApp") for type in types.KINDS)
    assert all(wants(type, "email") for type in MAILED)
    assert not any(wants(type, "push") for type in types.KINDS)
    assert (wants("new_message", "email"), wants("message_digest", "email")) == (False, True)


def test_what_warns_of_theft_can_t_be_silenced() -> None:
    silent = Preferences({type: dict.fromkeys(types.CHANNELS, False) for type in types.KINDS})
    locked = {type for type in types.KINDS if silent.wants(type, "inApp") and silent.wants(type, "email")}
    assert locked == {"email_changed", "password_changed", "payout_details_changed", "account_deleted"}
    assert not any(silent.wants(type, "push") for type in types.KINDS)


@pytest.mark.parametrize(
    ("type", "data", "path"),
    [
        ("booking_confirmed", {"bookingId": "GRP-1"}, "/bookings/GRP-1/confirmed"),
        ("booking_confirmed", {"sessionId": "s1"}, "/dashboard/mentoring"),
        ("booking_confirmed", {"bookingId": "GRP-1", "side": "expert"}, "/mentor/dashboard"),
        ("booking_reminder", {"bookingId": "GRP-1", "side": "expert"}, "/call/GRP-1"),
        ("booking_reminder", {"sessionId": "s1"}, "/chat"),
        ("new_message", {"conversationId": "a/b c"}, "/messages/a%2Fb%20c"),
        ("new_message", {"conversationId": None}, "/messages"),
        ("email_changed", {"email": "a@b.c"}, None),
        ("unheard_of", {}, None),
    ],
)
def test_where_it_leads(type: str, data: dict[str, Any], path: str | None) -> None:
    assert types.action_url(type, data) == path


def test_an_undeclared_type_is_told_all_the_same_and_logged(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "konnect.notifications"):
        told_id = ctx.run(
            lambda tx: service.notify(tx, "meera", "unheard_of", about=(), title="T", body="B", now=START)  # type: ignore[arg-type]
        )
    assert (ctx.db.get("notifications", told_id) or {})["channels"] == ["email", "push"]
    assert [record.message for record in caplog.records] == ["notification of an undeclared type"]


def test_every_type_has_a_sample() -> None:
    assert {sample["type"] for sample in SAMPLES.values()} == {*types.KINDS, *types.CODES}
