"""A studio for each test, with an approved educator."""

from collections.abc import Iterator

import pytest

from tests.courses.studio import Studio, opened


@pytest.fixture
def studio() -> Iterator[Studio]:
    with opened() as studio:
        yield studio
