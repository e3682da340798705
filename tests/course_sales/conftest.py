"""A till for each test, at one sandbox."""

from collections.abc import Iterator

import pytest

from .till import Running, Till, opened, running


@pytest.fixture(scope="module")
def stripe() -> Iterator[Running]:
    with running() as made:
        yield made


@pytest.fixture
def till(stripe: Running) -> Iterator[Till]:
    with opened(stripe) as till:
        yield till
