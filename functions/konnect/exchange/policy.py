"""What an exchange may be, and for how long. Pure."""

from typing import Literal, get_args

Status = Literal["open", "pending", "accepted", "completed", "rejected", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
WAITING: tuple[Status, ...] = ("open", "pending")
"""For somebody to accept."""
LIVE: tuple[Status, ...] = (*WAITING, "accepted")
MET: tuple[Status, ...] = ("accepted", "completed")
"""Its two know each other, and can write."""
EndReason = Literal["completed", "rejected", "withdrawn", "cancelled", "expired", "idle", "account-closed"]

DAY_S = 86_400.0
OPEN_DAYS = 28
"""An offer to everybody."""
PENDING_DAYS = 7
"""A request to one."""
IDLE_DAYS = 90
"""An exchange in which nothing happens, from its acceptance or its last session on."""
WAITING_MAX = 20
"""Of one's own, at a time."""
ASKED_A_DAY = 5
"""One member by another: each request is a mail, and so is its withdrawal."""
SESSIONS_MAX = 50
MILESTONES_MAX = 20
SHORTEST_MINS, LONGEST_MINS = 15, 240
FURTHEST_DAYS = 365
"""Ahead, for a session."""
OPENS_MINS, CLOSES_MINS = 10, 30
"""Its call: before the beginning, after the end."""
