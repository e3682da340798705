"""Notifications: /api/notifications."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import devices, preferences, service
from .schemas import (
    Device,
    Marked,
    NewDevice,
    Notification,
    NotificationQuery,
    PreferenceChanges,
    PreferenceList,
    UnreadCount,
)

router = Router("Notifications")


@router.get("/api/notifications", response=Listing[Notification])
def list_notifications(call: Call, query: NotificationQuery) -> dict[str, Any]:
    """List one's notifications, newest first. Those switched off in the app are left out."""
    found = service.of_user(
        call.ctx.db, call.user.uid, limit=query.limit, cursor=query.cursor, number=query.page, unread=query.unread
    )
    return {"items": [service.view(one) for one in found.items], "nextCursor": found.next_cursor}


@router.get("/api/notifications/unread-count", response=UnreadCount)
def count_unread(call: Call) -> dict[str, Any]:
    """How many are unread. The socket's `unread_count` tells it on connection and whenever some were read."""
    return {"count": service.unread_count(call.ctx.db, call.user.uid)}


@router.put("/api/notifications/read-all", response=Marked)
def read_all(call: Call) -> dict[str, Any]:
    """Mark all as read."""
    return {"marked": service.mark_all_read(call.ctx, call.user.uid, now=call.now)}


@router.put("/api/notifications/<notification_id>/read", response=Notification, errors=(404,))
def read_one(call: Call, notification_id: str) -> dict[str, Any]:
    """Mark one as read. A repeat changes nothing."""
    return service.view(service.mark_read(call.ctx, notification_id, call.user.uid, now=call.now))


@router.get("/api/notifications/preferences", response=PreferenceList)
def get_preferences(call: Call) -> dict[str, Any]:
    """What one is told by which channel: every type, its channels, and which of them can't be switched off."""
    return {"items": preferences.read(call.ctx.db, call.user.uid).view()}


@router.put("/api/notifications/preferences", response=PreferenceList)
def change_preferences(call: Call, body: PreferenceChanges) -> dict[str, Any]:
    """Switch channels of types on or off; what is not named stays. It counts from the next notification on."""
    wanted = [(item.type, item.chosen) for item in body.items]
    changed = call.ctx.run(lambda tx: preferences.change(tx, call.user.uid, wanted, now=call.now))
    return {"items": changed.view()}


@router.post("/api/notifications/devices", response=Device, status=201)
def register_device(call: Call, body: NewDevice) -> dict[str, Any]:
    """Register this installation for push, at each start. A token that was another user's is the caller's now.

    What is pushed is chosen by the preferences; nothing is until the user says so.
    """
    return call.ctx.run(lambda tx: devices.register(tx, call.user.uid, body.token, body.platform, now=call.now))


@router.delete("/api/notifications/devices/<device_id>", status=204, errors=(404,))
def remove_device(call: Call, device_id: str) -> None:
    """Push no more to a device: at sign-out."""
    call.ctx.run(lambda tx: devices.remove(tx, call.user.uid, device_id))
