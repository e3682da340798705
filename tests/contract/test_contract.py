"""The frontends' contract is kept: nothing that was served goes away unnoticed."""

from tests.contract.check import problems


def test_every_row_is_served() -> None:
    found, total, done = problems()
    assert found == []
    assert done == total
