"""A course's way from draft to sale, and who may move it. Pure."""

from konnect.errors import Conflict

# Of what is live or waits for a decision, nothing may be missing.
WHOLE = ("pending", "published")
EDUCATOR: dict[str, tuple[str, ...]] = {
    "draft": ("pending",),
    "pending": ("draft",),
    "published": ("archived",),
    "rejected": ("pending", "draft"),
    "archived": ("pending",),
}
# A rejection of a published course takes it off sale; a decision can be reversed.
ADMIN: dict[str, tuple[str, ...]] = {
    "draft": (),
    "pending": ("published", "rejected"),
    "published": ("rejected", "archived"),
    "rejected": ("published",),
    "archived": (),
}


def check(before: str, after: str, allowed: dict[str, tuple[str, ...]]) -> None:
    """Raises Conflict (INVALID_TRANSITION), whose `details` name what is allowed."""
    if after not in allowed[before]:
        raise Conflict(
            f"a course that is {before} can't become {after}",
            code="INVALID_TRANSITION",
            details=[{"status": before, "allowed": list(allowed[before])}],
        )
