"""What is divided between cash and benefits, to the paisa."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnect.benefits import Benefit
from konnect.bookings import benefits
from konnect.store import Doc

PROMOTIONS = "platform:promotions"


def booking(payable: int, *amounts: int) -> Doc:
    kinds = ("subscription-minutes", "subscription-discount", "coupon")
    given = [Benefit(kinds[n], f"b{n}", amount, "Something") for n, amount in enumerate(amounts)]
    return {"benefits": [one.fields for one in given], "payablePaise": payable, "totalPaise": payable + sum(amounts)}


@pytest.mark.parametrize(
    ("of", "before", "back", "cash", "portions"),
    [
        (booking(1000_00), 0, 500_00, 500_00, []),
        (booking(800_00, 200_00), 0, 1000_00, 800_00, [200_00]),
        (booking(800_00, 200_00), 0, 500_00, 400_00, [100_00]),
        (booking(800_00, 200_00), 500_00, 500_00, 400_00, [100_00]),
        (booking(0, 1000_00), 0, 500_00, 0, [500_00]),
        (booking(333_33, 333_33, 333_34), 0, 500_00, 166_66, [166_67, 166_67]),
        # Of 75 paise no refund can be made.
        (booking(1_50, 998_50), 0, 500_00, 0, [500_00]),
        (booking(1_50, 998_50), 0, 1000_00, 1_50, [998_50]),
    ],
)
def test_what_goes_back(of: Doc, before: int, back: int, cash: int, portions: list[int]) -> None:
    assert benefits.returned(of, before, back) == (cash, portions)


shares = st.lists(st.integers(0, 300_000), min_size=1, max_size=4).filter(sum)


@given(shares, st.data())
def test_the_parts_add_up_and_none_exceeds_its_share(shares: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(shares)))
    parts = benefits.proportions(amount, shares)
    assert sum(parts) == amount
    assert all(0 <= part <= share for part, share in zip(parts, shares, strict=True))
    assert all(
        abs(part - amount * share / sum(shares)) < len(shares) for part, share in zip(parts, shares, strict=True)
    )
    assert benefits.proportions(sum(shares), shares) == shares


@given(shares, st.data())
def test_no_part_shrinks_when_more_goes_back(shares: list[int], data: st.DataObject) -> None:
    steps = sorted(data.draw(st.lists(st.integers(0, sum(shares)), min_size=2, max_size=6)))
    for less, more in pairwise(steps):
        grown = zip(benefits.proportions(less, shares), benefits.proportions(more, shares), strict=True)
        assert all(before <= after for before, after in grown)


@given(
    st.integers(1_00, 1000_00),
    st.lists(st.integers(1, 500_00), max_size=3),
    st.lists(st.integers(1, 400_00), max_size=5),
)
def test_in_several_steps_as_much_goes_back_as_was_given(payable: int, amounts: list[int], steps: list[int]) -> None:
    of = booking(payable, *amounts)
    before, cash_back, given_back = 0, 0, 0
    for step in [*steps, of["totalPaise"]]:
        paise = min(step, of["totalPaise"] - before)
        cash, portions = benefits.returned(of, before, paise)
        assert cash + sum(portions) == paise
        assert min([cash, *portions]) >= 0
        before, cash_back, given_back = before + paise, cash_back + cash, given_back + sum(portions)
    assert cash_back <= payable
    assert cash_back + given_back == of["totalPaise"]
    if not amounts:
        assert cash_back == payable


def test_what_two_benefits_give_from_one_account_is_one_leg() -> None:
    found = [
        Benefit("subscription-discount", "s", 100, ""),
        Benefit("coupon", "C", 50, ""),
        Benefit("package", "p", 0, ""),
    ]
    assert benefits.sums(found, [100, 50, 0]) == {PROMOTIONS: 150}
    assert benefits.sums(found, [0, 0, 7]) == {"hold:package:p": 7}
