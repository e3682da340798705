"""Posting, on the Firestore emulator: once, again, at once, across a crash; the sum stays zero."""

import pytest

from konnect.context import Context
from konnect.errors import PaymentRequired
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.reconciliation.service import reconcile
from tests.support import START, at_once, give, movements, sum_of_all_legs, wallet_of


def payment(amount: int, movement_id: str = "m1") -> Movement:
    return Movement(
        movement_id, "test", (Leg(accounts.wallet("a"), -amount), Leg(accounts.wallet("b"), amount, part="earned"))
    )


def post(ctx: Context, movement: Movement) -> ledger.Posted:
    return ctx.run(lambda tx: ledger.post(tx, movement, now=START))


def test_a_movement_changes_both_wallets(ctx: Context) -> None:
    give(ctx, "a", 500)
    posted = post(ctx, payment(200))
    assert (posted.repeat, posted.balances) == (False, {"wallet:a": 300, "wallet:b": 200})
    assert wallet_of(ctx, "a")["balance"] == 3
    assert wallet_of(ctx, "b")["withdrawablePaise"] == 200
    assert reconcile(ctx).differences == []


def test_the_same_again_changes_nothing(ctx: Context) -> None:
    give(ctx, "a", 500)
    post(ctx, payment(200))
    again = post(ctx, payment(200))
    assert again.repeat
    assert again.parts == {"wallet:a": {"deposited": -200}, "wallet:b": {"earned": 200}}
    assert wallet_of(ctx, "a")["balancePaise"] == 300


def test_the_same_id_with_other_legs_is_an_error(ctx: Context) -> None:
    give(ctx, "a", 500)
    post(ctx, payment(200))
    with pytest.raises(ledger.MovementDiffers):
        post(ctx, payment(201))
    assert wallet_of(ctx, "a")["balancePaise"] == 300


def test_an_overdraft_changes_nothing_and_names_the_amounts(ctx: Context) -> None:
    give(ctx, "a", 150)
    with pytest.raises(PaymentRequired) as refused:
        post(ctx, payment(200))
    assert refused.value.details == [{"needed": 2, "neededPaise": 200, "available": 1.5, "availablePaise": 150}]
    assert wallet_of(ctx, "a")["balancePaise"] == 150
    assert len(movements(ctx)) == 1


def test_twenty_at_once(ctx: Context) -> None:
    give(ctx, "a", 500)
    at_once(20, lambda _: post(ctx, payment(200)))
    post(ctx, payment(200))
    assert wallet_of(ctx, "a")["balancePaise"] == 300
    assert sum_of_all_legs(ctx) == 0


def test_twenty_different_ones_never_overdraw(ctx: Context) -> None:
    give(ctx, "a", 500)
    at_once(20, lambda i: post(ctx, payment(200, f"m{i}")))
    assert wallet_of(ctx, "a")["balancePaise"] in {100, 300, 500}
    assert reconcile(ctx).differences == []


def test_a_crash_before_the_commit_leaves_nothing(ctx: Context) -> None:
    give(ctx, "a", 500)

    def crash(tx: object) -> None:
        ledger.post(tx, payment(200), now=START)
        raise SystemExit

    with pytest.raises(SystemExit):
        ctx.run(crash)
    assert wallet_of(ctx, "a")["balancePaise"] == 500
    assert not post(ctx, payment(200)).repeat


class TestReconcile:
    """Each kind of difference is found."""

    def test_a_wallet_that_was_tampered_with(self, ctx: Context) -> None:
        give(ctx, "a", 500)
        ctx.db.set(("wallets", "a"), {"balancePaise": 501}, merge=True)
        assert reconcile(ctx).differences == ["wallet:a: 501 paise written, 500 by its movements"]

    def test_a_movement_that_does_not_sum(self, ctx: Context) -> None:
        give(ctx, "a", 500)
        ctx.db.set(
            ("movements", "bad"),
            {"kind": "x", "legs": [{"account": "platform:fees", "amountPaise": 5}], "subject": {}},
        )
        found = reconcile(ctx).differences
        assert "movement bad: its legs sum to 5 paise" in found
        assert "platform:fees: 0 paise written, 5 by its movements" in found

    def test_a_lost_wallet(self, ctx: Context) -> None:
        give(ctx, "a", 500)
        ctx.db.delete("wallets", "a")
        assert reconcile(ctx).differences == ["wallet:a: has movements and no balance document"]
