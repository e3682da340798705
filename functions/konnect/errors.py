"""One tree of errors for HTTP, socket acknowledgements and tasks. A subclass fixes status and stable code.

Wire form (design): {"error": {"code": "INSUFFICIENT_BALANCE", "message": "…", "details": [...]}}.
"""

from typing import Any


class KonnectError(Exception):
    """An answer that is not a success. `details` is a list of JSON objects; `retry_after_s` becomes Retry-After."""

    status = 500
    code = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: list[dict[str, Any]] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details or []
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """The wire form, the same for an HTTP response and for a socket's acknowledgement."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


class BadRequest(KonnectError):
    """The input is wrong; `details` names each field: {"field": "amount", "message": "…"}."""

    status = 400
    code = "INVALID_INPUT"

    @classmethod
    def field(cls, name: str, message: str, *, code: str | None = None) -> "BadRequest":
        return cls(f"{name}: {message}", code=code, details=[{"field": name, "message": message}])


class Unauthenticated(KonnectError):
    status = 401
    code = "UNAUTHENTICATED"


class PaymentRequired(KonnectError):
    status = 402
    code = "INSUFFICIENT_BALANCE"


class Forbidden(KonnectError):
    status = 403
    code = "FORBIDDEN"


class NotFound(KonnectError):
    status = 404
    code = "NOT_FOUND"


class Conflict(KonnectError):
    status = 409
    code = "CONFLICT"


class Gone(KonnectError):
    """It was there, and won't be again."""

    status = 410
    code = "GONE"


class PayloadTooLarge(KonnectError):
    status = 413
    code = "PAYLOAD_TOO_LARGE"


class RateLimited(KonnectError):
    status = 429
    code = "RATE_LIMITED"


class BadGateway(KonnectError):
    """A provider refused what we sent: repeating the request does not help."""

    status = 502
    code = "PROVIDER_REFUSED"


class Unavailable(KonnectError):
    """A dependency failed or a document was contended: the same request may be sent again."""

    status = 503
    code = "UNAVAILABLE"

    def __init__(self, message: str = "please try again", **kwargs: Any) -> None:
        kwargs.setdefault("retry_after_s", 1)
        super().__init__(message, **kwargs)
