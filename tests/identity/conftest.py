"""A context whose keys are wrapped by KMS's sandbox."""

from collections.abc import Iterator

import pytest

from konnect.config import load
from konnect.context import Context
from local.environment import KMS_KEY
from local.sandboxes import background
from local.sandboxes.kms import KmsSandbox
from tests.support import new_context


@pytest.fixture(scope="module")
def kms() -> Iterator[KmsSandbox]:
    with background(made := KmsSandbox(0)):
        yield made


@pytest.fixture
def sealing(kms: KmsSandbox) -> Context:
    return new_context(load().model_copy(update={"kms_url": kms.url, "kms_key": KMS_KEY}))
