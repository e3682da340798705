"""The keys by which guesses and mails are counted are wrapped by KMS's sandbox, as in tests of sign-in."""

from tests.identity.conftest import kms, sealing

__all__ = ["kms", "sealing"]
