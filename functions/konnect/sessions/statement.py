"""What a session leaves in its two sides' own lists of transactions."""

from datetime import datetime

from konnect.store import Doc, Tx
from konnect.wallet import transactions

from .metering import Side


def write(
    tx: Tx,
    session: Doc,
    entry_id: str,
    side: Side,
    type: transactions.Type,
    amount_paise: int,
    description: str,
    *,
    now: datetime,
    taken_back: bool = False,
) -> None:
    """A completed transaction of one side. `taken_back`: the amount comes off what the expert has earned."""
    transactions.write(
        tx,
        entry_id,
        uid=session["userId"] if side == "user" else session["expertUid"],
        type=type,
        status="completed",
        amount_paise=amount_paise,
        description=description,
        reference_id=session["id"],
        now=now,
        taken_back=taken_back,
    )


def write_earning(tx: Tx, session: Doc, share_paise: int, *, now: datetime) -> None:
    """The expert's share of a session, settled."""
    text = f"Session with {session['userName']}"
    write(tx, session, f"{session['id']}-earning", "expert", "earning", share_paise, text, now=now)
