"""The page at `/`: the latest orders, payments, refunds, payouts and webhook deliveries, and buttons that pay an open
order or say what became of a payout."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import Any

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.payouts import NEXT
from local.sandboxes.razorpay.state import Entity

MAX_ROWS = 100

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Razorpay sandbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #b9c2cf } td { border-bottom: 1px solid #e7ebf0 }
code { font-size: .85rem } .amount { text-align: right; font-variant-numeric: tabular-nums } .muted { color: #66707d }
button { font: inherit; margin-right: .3rem }
</style></head><body>
<h1>Razorpay sandbox</h1>
<p class="muted">No money moves here. Webhooks go to <code>__URL__</code>. Faults set: __FAULTS__.
<a href="/">Refresh</a></p>
__TABLES__
<script>
document.addEventListener("click", async (event) => {
  const { order, payout, outcome } = event.target.dataset;
  if (!order && !payout) return;
  const [path, body] = order ? [`orders/${order}/pay`, { outcome }] : [`payouts/${payout}`, { status: outcome }];
  const answer = await fetch(`/sandbox/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!answer.ok) alert(await answer.text());
  location.reload();
});
</script>
</body></html>
"""


def _rupees(paise: int) -> str:
    return f'<span class="amount">₹ {paise / 100:,.2f}</span>'


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _code(value: Any) -> str:
    return f"<code>{escape(str(value))}</code>" if value is not None else ""


def _notes(entity: Entity) -> str:
    notes = entity["notes"] or {}
    return escape(", ".join(f"{name}: {value}" for name, value in notes.items()))


def _pay(order: Entity) -> str:
    if order["status"] == "paid":
        return ""
    buttons = (("captured", "Pay"), ("failed", "Fail"))
    return "".join(
        f'<button data-order="{order["id"]}" data-outcome="{outcome}">{label}</button>' for outcome, label in buttons
    )


def _move(payout: Entity) -> str:
    return "".join(
        f'<button data-payout="{payout["id"]}" data-outcome="{status}">{status}</button>'
        for status in NEXT.get(payout["status"], ())
    )


def _delivery(delivery: Entity) -> str:
    result = delivery.get("status") or delivery.get("error", "")
    return escape(f"{delivery['kind']} → {result} ({delivery['duration_ms']:g} ms)")


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    body = body or f'<tr><td class="muted" colspan="{len(heads)}">none yet</td></tr>'
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _latest(entities: Iterable[Entity]) -> Iterable[Entity]:
    return islice(reversed(list(entities)), MAX_ROWS)


def render(core: Core) -> str:
    """The page. Every value from outside is escaped."""
    state = core.state
    tables = [
        _table(
            "Orders",
            ("Time (UTC)", "Order", "Amount", "Status", "Attempts", "Receipt", "Notes", "Customer"),
            (
                (
                    _time(order["created_at"]),
                    _code(order["id"]),
                    _rupees(order["amount"]),
                    order["status"],
                    str(order["attempts"]),
                    _code(order["receipt"]),
                    _notes(order),
                    _pay(order),
                )
                for order in _latest(state.all("orders"))
            ),
        ),
        _table(
            "Payments",
            ("Time (UTC)", "Payment", "Order", "Amount", "Status", "Method", "Refunded"),
            (
                (
                    _time(payment["created_at"]),
                    _code(payment["id"]),
                    _code(payment["order_id"]),
                    _rupees(payment["amount"]),
                    payment["status"],
                    payment["method"],
                    _rupees(payment["amount_refunded"]),
                )
                for payment in _latest(state.all("payments"))
            ),
        ),
        _table(
            "Refunds",
            ("Time (UTC)", "Refund", "Payment", "Amount", "Status"),
            (
                (
                    _time(refund["created_at"]),
                    _code(refund["id"]),
                    _code(refund["payment_id"]),
                    _rupees(refund["amount"]),
                    refund["status"],
                )
                for refund in _latest(state.all("refunds"))
            ),
        ),
        _table(
            "Payouts",
            ("Time (UTC)", "Payout", "Reference", "Amount", "Status", "Mode", "UTR", "Bank"),
            (
                (
                    _time(payout["created_at"]),
                    _code(payout["id"]),
                    _code(payout["reference_id"]),
                    _rupees(payout["amount"]),
                    payout["status"],
                    payout["mode"],
                    _code(payout["utr"]),
                    _move(payout),
                )
                for payout in _latest(state.all("payouts"))
            ),
        ),
        _table(
            "Webhooks",
            ("Time (UTC)", "Event", "Id", "About", "State", "Deliveries"),
            (
                (
                    _time(event["created_at"]),
                    event["event"],
                    _code(event["id"]),
                    _code(event["payout_id"] or event["refund_id"] or event["payment_id"] or event["order_id"]),
                    event["state"],
                    "<br>".join(_delivery(delivery) for delivery in event["deliveries"][-5:]),
                )
                for event in _latest(state.events.values())
            ),
        ),
    ]
    return (
        PAGE.replace("__URL__", escape(core.webhooks.url or "nowhere"))
        .replace("__FAULTS__", str(len(core.faults.items())))
        .replace("__TABLES__", "".join(tables))
    )
