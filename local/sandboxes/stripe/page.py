"""The hosted checkout, and the page at `/`: the latest sessions, refunds, disputes and webhook deliveries."""

from collections.abc import Iterable
from html import escape
from itertools import islice
from typing import Any

from local.sandboxes.stripe.core import Core

MAX_ROWS = 100
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2430; }
main { max-width: 24rem; margin: 4rem auto } h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top }
th { font-weight: 600; border-bottom: 1px solid #b9c2cf } td { border-bottom: 1px solid #e7ebf0 }
code { font-size: .85rem; overflow-wrap: anywhere } .muted { color: #66707d } .problem { color: #b3261e }
button { font: inherit; padding: .4rem .8rem; margin: 0 .4rem .4rem 0 }
"""
_FORM = """<form method="post">
<button name="outcome" value="paid">Pay</button>
<button name="outcome" value="processing">Pay by a bank that takes its time</button>
<button name="outcome" value="declined">Use a card that is declined</button>
</form><p><a href="__CANCEL__">Back</a></p>"""


def checkout(session: dict[str, Any], name: str, problem: str = "") -> str:
    """The page that a customer pays at."""
    is_open = session["status"] == "open"
    form = _FORM.replace("__CANCEL__", escape(session["cancel_url"], quote=True))
    over = f'<p class="muted">This checkout is {escape(session["status"])}.</p>'
    failed = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    return _page(
        "Stripe sandbox: checkout",
        f"<main><h1>{escape(name)}</h1><p>{_rupees(session['amount_total'])}</p>{failed}"
        f'{form if is_open else over}<p class="muted">No money moves here.</p></main>',
    )


def overview(core: Core) -> str:
    """Every value from outside is escaped."""
    tables = [
        _table(
            "Checkout sessions",
            ("Session", "Amount", "Status", "Payment", ""),
            (
                (
                    _code(one["id"]),
                    _rupees(one["amount_total"]),
                    f"{one['status']}, {one['payment_status']}",
                    _code(one["payment_intent"]),
                    f'<a href="{escape(one["url"])}">Pay</a>' if one["url"] else "",
                )
                for one in _latest(core.all("sessions"))
            ),
        ),
        _table(
            "Refunds",
            ("Refund", "Payment", "Amount", "Status"),
            (
                (_code(one["id"]), _code(one["payment_intent"]), _rupees(one["amount"]), one["status"])
                for one in _latest(core.all("refunds"))
            ),
        ),
        _table(
            "Disputes",
            ("Dispute", "Payment", "Amount", "Status"),
            (
                (_code(one["id"]), _code(one["payment_intent"]), _rupees(one["amount"]), one["status"])
                for one in _latest(core.all("disputes"))
            ),
        ),
        _table(
            "Webhooks",
            ("Event", "Id", "State", "Deliveries"),
            (
                (escape(one["type"]), _code(one["id"]), one["state"], escape(_deliveries(one)))
                for one in _latest(core.webhooks.events.values())
            ),
        ),
    ]
    about = f'<p class="muted">No money moves here. Webhooks go to {_code(core.webhooks.url or "nowhere")}.</p>'
    return _page("Stripe sandbox", f"<h1>Stripe sandbox</h1>{about}{''.join(tables)}")


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    body = body or f'<tr><td class="muted" colspan="{len(heads)}">none yet</td></tr>'
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _deliveries(event: dict[str, Any]) -> str:
    return ", ".join(str(one.get("status") or one.get("error")) for one in event["deliveries"][-5:])


def _latest(entities: Iterable[Any]) -> Iterable[Any]:
    return islice(reversed(list(entities)), MAX_ROWS)


def _code(value: Any) -> str:
    return f"<code>{escape(str(value))}</code>" if value is not None else ""


def _rupees(paise: int) -> str:
    return f"₹ {paise / 100:,.2f}"
