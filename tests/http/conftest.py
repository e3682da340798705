"""A context on the run's emulators, whose project and tokens are the stack's."""

from collections.abc import Iterator

import pytest

from konnect.config import load
from konnect.context import Context
from tests.support import new_context

ORIGIN = "https://app.konnect.test"


@pytest.fixture(scope="module")
def web_context(stack_env: dict[str, str]) -> Iterator[Context]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack_env.items():
            patch.setenv(name, value)
        yield new_context(load({**stack_env, "CORS_ORIGINS": f"{ORIGIN},https://other.test"}))
