"""The console's functions, and their dry runs: everything checked and computed, nothing written."""

from typing import Any

import flask
import pytest
from werkzeug.test import EnvironBuilder

from konnect.admin import users
from konnect.http.internal import serve_job
from konnect.rehearsal import Rehearsal
from konnect.store import Query
from tests.admin.conftest import EXPERT, USER, Panel
from tests.admin.test_users import add
from tests.support import give, kept_events, kept_tasks, movements, wallet_of

CONSOLE = "konnect.admin.console:"


def call(panel: Panel, function: str, payload: dict[str, Any], status: int = 200) -> Any:
    request = flask.Request(EnvironBuilder(method="POST", json=payload).get_environ())
    response = serve_job(request, CONSOLE + function, panel.ctx, can_rehearse=True)
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json()


def everything(panel: Panel) -> dict[str, Any]:
    return {
        f"{collection.id}/{snapshot.id}": snapshot.to_dict()
        for collection in panel.ctx.db.client.collections()
        for snapshot in collection.stream()
    }


def test_refund_session(panel: Panel) -> None:
    session_id = panel.paid_session(3)
    payload = {"sessionId": session_id, "amount": 10, "reason": "poor connection", "refundId": "t7", "by": "ops"}
    before = everything(panel)
    dry = call(panel, "refund_session", {**payload, "dryRun": True})
    assert everything(panel) == before
    assert dry["dryRun"] is True
    assert dry["result"]["expertShare"] == 8
    paths = {write["path"]: write["write"] for write in dry["wouldWrite"]}
    assert paths[f"movements/session:{session_id}:refund:t7"] == "create"
    assert paths[f"wallets/{USER}"] == "update"
    done = call(panel, "refund_session", payload)
    assert done == dry["result"]
    assert call(panel, "refund_session", {**payload, "dryRun": False}) == done
    [entry] = Query(("audit",)).filter("action", "==", "session.refund").run(panel.ctx.db)
    assert entry["actor"] == "console:ops"
    panel.check_books()


def test_adjust_wallet(panel: Panel) -> None:
    give(panel.ctx, USER, 1000)
    payload = {"userId": USER, "amount": -5, "reason": "paid twice"}
    dry = call(panel, "adjust_wallet", {**payload, "dryRun": True})
    assert (dry["result"]["balance"], len(movements(panel.ctx))) == (5, 1)
    assert call(panel, "adjust_wallet", payload)["balance"] == 5
    refused = call(panel, "adjust_wallet", {**payload, "amount": -50, "dryRun": True}, 402)
    assert refused["error"]["code"] == "INSUFFICIENT_BALANCE"
    assert wallet_of(panel.ctx, USER)["balancePaise"] == 500
    panel.check_books()


def test_set_user(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("set_role", "set_disabled", "revoke"):
        monkeypatch.setattr(users.auth, name, lambda *args, name=name, **options: calls.append(name))
    add(panel, USER, "Meera")
    session_id = panel.stage().started(USER, 100)
    kept_tasks(panel.ctx).by_name.clear()
    before, events = everything(panel), len(kept_events(panel.ctx).sent)
    dry = call(panel, "set_user", {"uid": USER, "disabled": True, "dryRun": True})
    assert everything(panel) == before
    assert (calls, kept_tasks(panel.ctx).by_name, len(kept_events(panel.ctx).sent)) == ([], {}, events)
    assert dry["result"]["disabled"] is True
    assert dry["wouldCall"] == [f"disable the account of {USER}", f"revoke the sign-ins of {USER}"]
    assert {"room": f"user:{USER}", "event": "disconnect"} in dry["wouldSend"]
    assert [task["path"] for task in dry["wouldSchedule"]] == [
        "/sessions/cancel-all",
        "/sessions/advance",
        "/live/cancel-all",
        "/courses/withdraw",
        "/bookings/cancel-all",
        "/subscriptions/cancel-all",
    ]
    assert f"sessions/{session_id}" in {write["path"] for write in dry["wouldWrite"]}
    call(panel, "set_user", {"uid": USER, "disabled": True})
    assert calls == ["set_disabled", "revoke"]
    assert panel.doc("sessions", session_id)["endReason"] == "admin-ended"
    panel.check_books()
    banned = call(panel, "set_user", {"uid": USER, "status": "banned"})
    assert (banned["status"], banned["disabled"]) == ("banned", True)


def test_set_config(panel: Panel) -> None:
    dry = call(panel, "set_config", {"set": {"platformFeePercent": 18}, "reason": "contract", "dryRun": True})
    assert (dry["result"]["version"], dry["result"]["platformFeePercent"]) == (1, 18)
    assert panel.ctx.db.get("config", "platform") is None
    assert call(panel, "set_config", {"set": {"platformFeePercent": 18}})["version"] == 1
    stale = call(panel, "set_config", {"set": {"platformFeePercent": 17}, "version": 0}, 409)
    assert stale["error"]["code"] == "VERSION_CONFLICT"


@pytest.mark.parametrize(
    ("function", "payload", "field"),
    [
        ("refund_session", {"reason": "poor"}, "sessionId"),
        ("refund_session", {"sessionId": "s", "reason": "poor", "amount": 0}, "amount"),
        ("adjust_wallet", {"userId": USER, "amount": 0, "reason": "poor"}, "amount"),
        ("adjust_wallet", {"userId": USER, "amount": 5}, "reason"),
        ("set_user", {"uid": USER, "role": "king"}, "role"),
        ("set_user", {"uid": USER, "email": "a@b.c"}, "email"),
        ("set_config", {"set": {"fee": 5}}, "fee"),
        ("set_config", {}, "set"),
        ("set_config", {"set": {"platformFeePercent": 5}, "dryRun": "yes"}, "dryRun"),
    ],
)
def test_bad_payloads_name_the_field(panel: Panel, function: str, payload: dict[str, Any], field: str) -> None:
    error = call(panel, function, payload, 400)["error"]
    assert error["details"][0]["field"] == field


def test_a_function_without_a_dry_run_refuses_to_be_tried(panel: Panel) -> None:
    request = flask.Request(EnvironBuilder(method="POST", json={"dryRun": True}).get_environ())
    response = serve_job(request, "konnect.admin.days:roll_up", panel.ctx)
    assert response.status_code == 400
    assert response.get_json()["error"]["details"][0]["field"] == "dryRun"


def test_later_steps_of_a_dry_run_see_earlier_ones(panel: Panel) -> None:
    give(panel.ctx, USER, 1000)
    add(panel, EXPERT, "Asha")
    rehearsal = Rehearsal.of(panel.ctx)
    rehearsal.run(lambda tx: tx.update(("users", EXPERT), {"name": "Asha Rao"}))
    assert rehearsal.run(lambda tx: tx.get("users", EXPERT))["name"] == "Asha Rao"
    rehearsal.db.set(("users", EXPERT), {"title": "Dr"}, merge=True)
    assert rehearsal.db.get("users", EXPERT)["name"] == "Asha Rao"
    rehearsal.db.delete("users", EXPERT)
    assert rehearsal.run(lambda tx: tx.get("users", EXPERT)) is None
    rehearsal.db.create(("users", "new"), {"name": "New"})
    assert rehearsal.db.get_many([("users", "new"), ("wallets", USER)])["wallets", USER] is not None
    assert panel.doc("users", EXPERT)["name"] == "Asha"
    assert [write["write"] for write in rehearsal.report(None)["wouldWrite"]] == ["update", "merge", "delete", "create"]
