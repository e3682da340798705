"""Money: integer paise inside, rupees on the wire. 1 INR = 100 paise."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

CURRENCY = "INR"


def rupees(paise: int) -> int | float:
    """Paise as the rupees that clients show: 50000 → 500, 1050 → 10.5."""
    return paise // 100 if paise % 100 == 0 else paise / 100


def inr(paise: int) -> str:
    """Paise as people in India read them: 10000000 → ₹1,00,000.00."""
    whole, rest = divmod(abs(paise), 100)
    digits = str(whole)
    groups = [digits[-3:]]
    for end in range(len(digits) - 3, 0, -2):
        groups.insert(0, digits[max(end - 2, 0) : end])
    return f"{'−' if paise < 0 else ''}₹{','.join(groups)}.{rest:02}"


def percent_of(amount_paise: int, percent: Decimal | float | int) -> int:
    """`percent` of an amount, rounded half up to the paisa (design, Money)."""
    exact = Decimal(amount_paise) * Decimal(str(percent)) / 100
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def _two_decimals(value: float) -> float:
    if Decimal(str(value)) != Decimal(str(value)).quantize(Decimal("0.01")):
        raise ValueError("must have at most two decimals")
    return value


def to_paise(value: int | float) -> int:
    """Rupees of the wire as paise. The value has at most two decimals (`Rupees` has checked it)."""
    return int((Decimal(str(value)) * 100).to_integral_value())


Rupees = Annotated[
    float,
    Field(allow_inf_nan=False, gt=0, le=10_000_000, json_schema_extra={"multipleOf": 0.01}),
    BeforeValidator(_number),
    AfterValidator(_two_decimals),
]
"""A positive amount in INR as a JSON number with at most two decimals."""

RupeesOrZero = Annotated[
    float,
    Field(allow_inf_nan=False, ge=0, le=10_000_000, json_schema_extra={"multipleOf": 0.01}),
    BeforeValidator(_number),
    AfterValidator(_two_decimals),
]
"""The same, or nothing."""
