"""What a price is divided into, to the paisa."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnect.bookings import pricing
from konnect.bookings.pricing import Parts
from konnect.rates.service import Rates

ON_TOP = Rates(gst_added_to_bill=True)


def test_of_a_thousand_the_mentor_gets_seven_hundred_and_eighty() -> None:
    bill = pricing.bill(1000_00, Rates())
    assert bill.total_paise == 1000_00
    parts = pricing.divide(1000_00, bill)
    assert parts == Parts(mentor_paise=780_00, fee_paise=169_49, gst_paise=30_51, gateway_paise=20_00)
    assert parts.fee_paise + parts.gst_paise == 200_00


def test_gst_on_the_bill() -> None:
    bill = pricing.bill(1000_00, ON_TOP)
    assert bill.total_paise == 1036_00
    assert pricing.divide(1036_00, bill) == Parts(780_00, 200_00, 36_00, 20_00)
    assert pricing.divide(518_00, bill) == Parts(390_00, 100_00, 18_00, 10_00)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (0, Parts(0, 0, 0, 0)),
        (500_00, Parts(390_00, 84_75, 15_25, 10_00)),
        (1, Parts(1, 0, 0, 0)),
    ],
)
def test_what_is_kept_is_divided_as_a_price_of_that_amount(kept: int, expected: Parts) -> None:
    assert pricing.divide(kept, pricing.bill(1000_00, Rates())) == expected


def test_a_waived_commission_has_no_gst() -> None:
    bill = pricing.bill(1000_00, Rates(commission_percent=0))
    assert pricing.divide(1000_00, bill) == Parts(980_00, 0, 0, 20_00)


percents = st.floats(min_value=0, max_value=50, allow_nan=False).map(lambda value: round(value, 2))


@given(
    price=st.integers(min_value=1, max_value=10_000_00),
    kept=st.floats(min_value=0, max_value=1),
    commission=percents,
    gateway=st.floats(min_value=0, max_value=10).map(lambda value: round(value, 2)),
    gst=percents,
    on_top=st.booleans(),
)
def test_the_parts_add_up(price: int, kept: float, commission: float, gateway: float, gst: float, on_top: bool) -> None:
    rates = Rates(commission_percent=commission, gateway_percent=gateway, gst_percent=gst, gst_added_to_bill=on_top)
    bill = pricing.bill(price, rates)
    assert bill.total_paise == price or on_top
    for amount in (bill.total_paise, int(bill.total_paise * kept)):
        parts = pricing.divide(amount, bill)
        assert parts.total_paise == amount
        assert min(parts.mentor_paise, parts.fee_paise, parts.gst_paise, parts.gateway_paise) >= 0
