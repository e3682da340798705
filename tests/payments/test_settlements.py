"""Gateway settlements against the ledger, through the sandbox's real shapes."""

import csv
import io
import time
from datetime import date, timedelta
from typing import Any

import requests

from konnect import clock
from konnect.integrations.razorpay.client import RazorpayGateway
from konnect.payments import settlements
from tests.payments.api import TIMEOUT_S
from tests.payments.conftest import Shop
from tests.payments.gateway import KEY_ID, KEY_SECRET


def settle(shop: Shop, at: float | None = None) -> dict[str, Any]:
    return shop._sandbox("POST", "/sandbox/settlements", {"at": int(at or time.time())})


def compare(shop: Shop, first: date, last: date) -> dict[str, Any]:
    gateway = RazorpayGateway(shop.ctx.settings)
    return settlements.compare(shop.ctx.db, gateway, first, last, now=clock.now())


def paid(shop: Shop, rupees: float) -> str:
    return shop.pay(shop.deposit(rupees)["orderId"]).payment_id


def own(report: dict[str, Any], *ids: str) -> list[dict[str, Any]]:
    """Differences about these; the sandbox is shared with shops before, whose ledgers are others."""
    return [one for one in report["differences"] if one["entityId"] in ids]


def test_settled_payments_and_refunds_are_in_the_ledger(shop: Shop) -> None:
    today = clock.business_day(clock.now())
    if shop.provider_orders():
        settle_the_past(shop)
    kept, returned = paid(shop, 500), paid(shop, 200)
    refund_id = shop.refund(returned)["id"]
    before = compare(shop, today, today)
    assert (before["unsettled"]["count"], before["unsettled"]["amount"]) == (2, 700)
    made = settle(shop)
    report = compare(shop, today, today)
    assert own(report, kept, returned, refund_id, made["id"]) == []
    assert report["unsettled"]["count"] == 0
    [row] = report["items"]
    assert made["id"] in {one["id"] for one in row["settlements"]}
    assert row["ledger"] == 500
    # 2 % and 18 % of that on each payment; the refund of 200 goes off whole.
    assert made["amount"] == 70000 - 1652 - 20000


def test_what_another_gateway_has_is_not_waited_for(shop: Shop) -> None:
    payment = {"gateway": "stripe", "amountPaise": 1000_00, "createdAt": clock.now() - timedelta(days=30)}
    shop.ctx.db.set(("payments", "pi_1"), payment)
    day = clock.business_day(payment["createdAt"])  # type: ignore[arg-type]
    report = compare(shop, day, day)
    assert (report["unsettled"]["count"], own(report, "pi_1")) == (0, [])


def test_what_differs_is_named(shop: Shop) -> None:
    today = clock.business_day(clock.now())
    if shop.provider_orders():
        settle_the_past(shop)
    unknown, different = paid(shop, 100), paid(shop, 50)
    shop.ctx.db.delete("movements", f"payment:{unknown}")
    movement = shop.ctx.db.get("movements", f"payment:{different}")
    assert movement is not None
    movement["legs"][0]["amountPaise"] = -4000
    shop.ctx.db.set(("movements", f"payment:{different}"), movement)
    settle(shop)
    report = compare(shop, today, today)
    assert sorted(own(report, unknown, different), key=lambda one: str(one["problem"])) == [
        {"problem": "amount_differs", "entityId": different, "provider": 50, "ledger": 40},
        {"problem": "not_in_ledger", "entityId": unknown, "provider": 100, "ledger": 0},
    ]
    assert (report["ok"], report["items"][-1]["ok"]) == (False, False)


def test_a_payment_that_is_never_settled(shop: Shop) -> None:
    payment_id = paid(shop, 100)
    captured_at = clock.now() - timedelta(days=9)
    shop.ctx.db.ref("payments", payment_id).update({"createdAt": captured_at})
    day = clock.business_day(captured_at)
    assert own(compare(shop, day, day), payment_id) == [
        {"problem": "not_settled", "entityId": payment_id, "provider": 100, "ledger": 0}
    ]


def test_over_http_as_json_and_as_a_file(shop: Shop) -> None:
    paid(shop, 100)
    settle(shop)
    admin = shop.api.user("root", role="admin")
    report = admin.get("/api/admin/settlements").json()
    assert {"from", "to", "items", "unsettled", "differences", "ok", "currency"} <= set(report)
    rows = list(csv.DictReader(io.StringIO(admin.get("/api/admin/settlements", format="csv").text)))
    assert [row["date"] for row in rows] == [item["date"] for item in report["items"]]
    too_long = admin.get("/api/admin/settlements", **{"from": "2026-01-01", "to": "2026-03-01"})
    assert (too_long.status_code, too_long.json()["error"]["details"][0]["field"]) == (400, "from")


def test_the_provider_is_away(shop: Shop) -> None:
    shop.fault(api={"status": 503, "times": 10})
    response = shop.api.user("root", role="admin").get("/api/admin/settlements")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "UNAVAILABLE")


def test_the_sandbox_refuses_as_razorpay_does(shop: Shop) -> None:
    def status(path: str) -> int:
        return requests.get(shop.sandbox.url + path, auth=(KEY_ID, KEY_SECRET), timeout=TIMEOUT_S).status_code

    assert status("/v1/settlements/recon/combined?year=2026") == 400
    assert status("/v1/settlements/recon/combined?year=2026&month=13") == 400
    assert status("/v1/settlements/recon/combined?year=2026&month=1&count=1001") == 400
    assert status("/v1/settlements/recon/combined?year=2026&month=1&day=31") == 200
    assert status("/v1/settlements/setl_00000000000000") == 400


def settle_the_past(shop: Shop) -> None:
    """So that what earlier tests left in the shared sandbox is no part of this one's settlement."""
    requests.post(
        f"{shop.sandbox.url}/sandbox/settlements",
        json={"at": int(time.time() - 40 * 86400)},
        auth=(KEY_ID, KEY_SECRET),
        timeout=TIMEOUT_S,
    )
