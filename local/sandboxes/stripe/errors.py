"""Stripe's errors: {"error": {"type", "code", "message", "param"}}."""

from typing import Any


class StripeError(Exception):
    """An API error: `status` is HTTP's, `body()` is what the client reads."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self._error = {"type": type, "code": code, "message": message, "param": param}

    @property
    def begun(self) -> bool:
        """Whether the request was in order, and failed as it was being done."""
        return str(self._error["code"]).startswith("charge_")

    def body(self) -> dict[str, Any]:
        return {"error": {name: value for name, value in self._error.items() if value is not None}}


def missing(what: str, entity_id: str, param: str | None = None) -> StripeError:
    return StripeError(f"No such {what}: '{entity_id}'", status=404, code="resource_missing", param=param)


def required(param: str) -> StripeError:
    return StripeError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def authentication_failed() -> StripeError:
    return StripeError("Invalid API Key provided", status=401)


def of_status(status: int) -> StripeError:
    """What a server in trouble answers."""
    type = "api_error" if status >= 500 else "invalid_request_error"
    return StripeError("An unknown error occurred", status=status, type=type)
