"""Wire types that every product shares."""

import pytest
from pydantic import TypeAdapter, ValidationError

from konnect import clock
from konnect.http.schemas import Moment

MOMENT = TypeAdapter(Moment)


@pytest.mark.parametrize("given", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-05T10:00:00"])
def test_a_time_that_can_be_reckoned_with(given: str) -> None:
    """Else it is a fault as soon as it is put into another zone, or a minute is added."""
    with pytest.raises(ValidationError):
        MOMENT.validate_python(given)
    assert clock.iso(MOMENT.validate_python("2026-01-05T10:00:00+05:30")) == "2026-01-05T04:30:00.000Z"
