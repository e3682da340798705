"""One local stack for a run; a project of its own in it for each test that asks for `ctx`."""

import os
from collections.abc import Iterator

import pytest
from konnect.context import Context

from tests import support


@pytest.fixture
def ctx() -> Iterator[Context]:
    """A context on an empty project in the run's Firestore emulator."""
    yield support.new_context()
