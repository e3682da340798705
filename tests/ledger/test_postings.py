"""Movements and the parts of a wallet, as tables."""

import pytest

from konnect.ledger import accounts
from konnect.ledger.postings import Leg, Movement, Overdraft, split

FULL = {"promotional": 100, "deposited": 200, "earned": 300}


@pytest.mark.parametrize(
    ("leg", "change"),
    [
        (Leg("wallet:u", -50), {"promotional": -50}),
        (Leg("wallet:u", -150), {"promotional": -100, "deposited": -50}),
        (Leg("wallet:u", -600), {"promotional": -100, "deposited": -200, "earned": -300}),
        (Leg("wallet:u", -300, part="earned"), {"earned": -300}),
        (Leg("wallet:u", 70, part="deposited"), {"deposited": 70}),
        (Leg("wallet:u", 70, parts={"promotional": 50, "earned": 20}), {"promotional": 50, "earned": 20}),
    ],
)
def test_split(leg: Leg, change: dict[str, int]) -> None:
    assert split(FULL, leg) == change


@pytest.mark.parametrize(
    ("leg", "needed", "available"),
    [(Leg("wallet:u", -601), 601, 600), (Leg("wallet:u", -301, part="earned"), 301, 300)],
)
def test_overdraft(leg: Leg, needed: int, available: int) -> None:
    with pytest.raises(Overdraft) as refused:
        split(FULL, leg)
    assert (refused.value.needed_paise, refused.value.available_paise) == (needed, available)


@pytest.mark.parametrize("leg", [Leg("wallet:u", 70), Leg("wallet:u", 70, parts={"earned": 60})])
def test_a_credit_names_its_parts_in_full(leg: Leg) -> None:
    with pytest.raises(ValueError, match="parts"):
        split(FULL, leg)


@pytest.mark.parametrize(
    "legs",
    [
        (Leg("wallet:a", -10), Leg("wallet:b", 11)),
        (Leg("wallet:a", 0), Leg("wallet:b", 0)),
        (Leg("wallet:a", -10), Leg("wallet:a", 10)),
        (),
    ],
)
def test_a_movement_that_is_none(legs: tuple[Leg, ...]) -> None:
    with pytest.raises(ValueError, match="m1"):
        Movement("m1", "test", legs)


@pytest.mark.parametrize(
    ("account", "path", "field"),
    [
        ("wallet:u1", ("wallets", "u1"), "balancePaise"),
        ("hold:session:s1", ("sessions", "s1"), "heldPaise"),
        ("payout:p1", ("payouts", "p1"), "heldPaise"),
        ("receivable:u1", ("receivables", "u1"), "balancePaise"),
        ("platform:fees", ("counters", "platform:fees"), ""),
    ],
)
def test_places(account: str, path: tuple[str, ...], field: str) -> None:
    assert accounts.place(account) == accounts.Place(path, field)


@pytest.mark.parametrize("account", ["wallet", "wallet:", "nothing:u1"])
def test_no_account(account: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        accounts.place(account)
