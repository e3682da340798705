"""Razorpay's refusals, with what decides whether repeating a request helps."""

from typing import Any

from konnect.integrations import gateway

DEFINITE = {400, 404, 422}
"""The request was read and refused: nothing was done, and the same request is refused again."""


class Refused(gateway.Refused):
    """A 4xx. `provider_status` is Razorpay's, `description` and `field` what it says is wrong ("" if it doesn't)."""

    def __init__(
        self, message: str, *, provider_status: int, shown: dict[str, Any], details: list[dict[str, Any]] | None
    ) -> None:
        super().__init__(message, details=details)
        self.provider_status = provider_status
        self.description = str(shown.get("description", ""))
        self.field_name = str(shown.get("field", ""))

    @property
    def definite(self) -> bool:
        """Whether this says something of the request: not of our keys, and not of another request under way."""
        return self.provider_status in DEFINITE
