"""What admins have made of an account: users/{uid}.status, beside `disabled`, which is what closes it. Pure.

active: nothing. inactive: it signs in as ever, but is not offered to others until it is active again. suspended (for a
while) and banned (for good): disabled, so that it signs in nowhere and its token, sockets and sessions end.
"""

from typing import Any, Literal

from konnect.store import Doc

Status = Literal["active", "inactive", "suspended", "banned"]
CLOSED: tuple[Status, ...] = ("suspended", "banned")


def of(user: Doc) -> Status:
    """`disabled` decides: it can be set without a status, and a deleted account has none."""
    status: Any = user.get("status")
    if user.get("disabled"):
        return status if status in CLOSED else "suspended"
    return "inactive" if status == "inactive" else "active"
