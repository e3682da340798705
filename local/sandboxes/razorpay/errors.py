"""Razorpay's errors. Descriptions are those of its documentation where it gives them, since clients keep only these."""

from typing import Any

BAD_REQUEST = "BAD_REQUEST_ERROR"
GATEWAY = "GATEWAY_ERROR"
SERVER = "SERVER_ERROR"


class RazorpayError(Exception):
    """An API error: `status` is HTTP's, `body()` is what the client reads."""

    def __init__(
        self,
        description: str,
        *,
        status: int = 400,
        code: str = BAD_REQUEST,
        source: str = "business",
        step: str = "payment_initiation",
        reason: str = "input_validation_failed",
        field: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error: dict[str, Any] = {
            "code": code,
            "description": description,
            "source": source,
            "step": step,
            "reason": reason,
            "metadata": metadata or {},
        }
        if field is not None:
            self.error["field"] = field

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def not_applicable(description: str, status: int = 400, code: str = BAD_REQUEST) -> RazorpayError:
    """An error about no step of a payment: Razorpay says NA for source, step and reason."""
    return RazorpayError(description, status=status, code=code, source="NA", step="NA", reason="NA")


def authentication_failed() -> RazorpayError:
    return not_applicable("Authentication failed", 401)


def url_not_found() -> RazorpayError:
    # 400, not 404: that is what Razorpay answers to a wrong path or method.
    return not_applicable("The requested URL was not found on the server.")


def id_not_found() -> RazorpayError:
    return not_applicable("The id provided does not exist")


def id_invalid(value: str) -> RazorpayError:
    return not_applicable(f"{value} is not a valid id")


def of_status(status: int) -> RazorpayError:
    """The error that Razorpay shows for a failure of its own (5xx) or a refusal (4xx) without further cause."""
    if status in (502, 504):
        return not_applicable("The gateway request timed out", status, GATEWAY)
    if status >= 500:
        trouble = "We are facing some trouble completing your request at the moment. Please try again shortly."
        return not_applicable(trouble, status, SERVER)
    if status == 429:
        return not_applicable("Too many requests", status)
    return not_applicable("Request failed", status)
