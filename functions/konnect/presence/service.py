"""Presence. A user is present while any connection lives; a disconnect removes only its own.

presence/{uid} names each connection with its signaling instance, and the rooms of live things that it is in (`enter`);
presenceLeases/{instance} is renewed while that instance lives, so that the connections of one that crashed are reaped
by the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from konnect import clock
from konnect.store import Database, Doc, Query, Tx

LEASE_RENEWAL_S = 15
LEASE_S = 30
ROOMS_MAX = 50
"""Of one connection: who has been in so many connects again."""
DEAD_LEASE_S = 600
"""So long a dead instance's connections are looked for."""


@dataclass(frozen=True)
class Change:
    """What a connect or disconnect did to the user: `present` and `expert_present` afterwards, and what changed; `left`
    are the rooms in which none of the user's connections is any more."""

    present: bool
    expert_present: bool
    present_changed: bool
    expert_changed: bool
    left: tuple[str, ...] = ()


def connect(
    tx: Tx, uid: str, connection_id: str, instance_id: str, *, as_expert: bool = False, now: datetime
) -> Change:
    """Add a connection, or say of one that it is the expert's side of this user. One that has been written at this very
    `now`, by a commit that was in doubt, changes what it changed then."""
    before = _connections(tx, uid)
    known = before.get(connection_id, {})
    if known.get("since") == now:
        del before[connection_id]
    as_expert = as_expert or known.get("asExpert", False)
    added = {**known, "instance": instance_id, "asExpert": as_expert, "since": now}
    return _write(tx, uid, before, {**before, connection_id: added}, now)


def disconnect(tx: Tx, uid: str, connection_ids: list[str], *, now: datetime) -> Change:
    """Remove connections; unknown ones are removed already."""
    before = _connections(tx, uid)
    left = {key: value for key, value in before.items() if key not in connection_ids}
    return _write(tx, uid, before, left, now)


def enter(tx: Tx, uid: str, connection_id: str, room: str, *, now: datetime) -> bool:
    """A connection is in a room from now on, until it goes or leaves it. False for one that is gone already, or can be
    in no more (ROOMS_MAX)."""
    before = _connections(tx, uid)
    if connection_id not in before:
        return False
    rooms = before[connection_id].get("rooms", [])
    if room in rooms:
        return True
    if len(rooms) >= ROOMS_MAX:
        return False
    entered = {**before[connection_id], "rooms": [*rooms, room]}
    _write(tx, uid, before, {**before, connection_id: entered}, now)
    return True


def leave(tx: Tx, uid: str, room: str, *, now: datetime) -> None:
    """Take all of a user's connections out of a room."""
    before = _connections(tx, uid)
    after = {key: {**one, "rooms": [r for r in one.get("rooms", ()) if r != room]} for key, one in before.items()}
    if _rooms(before) != _rooms(after):
        _write(tx, uid, before, after, now)


def is_in(tx: Tx, uid: str, room: str) -> bool:
    """Whether a connection of `uid` is in a room."""
    return room in _rooms(_connections(tx, uid))


def is_present(tx: Tx, uid: str) -> bool:
    return bool(_connections(tx, uid))


def present(db: Database, uids: Iterable[str]) -> set[str]:
    """Who of them is present."""
    found = db.get_many([("presence", uid) for uid in dict.fromkeys(uids)])
    return {uid for (_, uid), doc in found.items() if doc is not None and doc["connections"]}


def is_present_as_expert(tx: Tx, uid: str) -> bool:
    """Whether a connection of `uid` has said that it is the expert's side."""
    return any(connection["asExpert"] for connection in _connections(tx, uid).values())


def renew(db: Database, instance_id: str, *, now: datetime) -> None:
    """Keep the instance's connections alive for another LEASE_S seconds."""
    db.set(("presenceLeases", instance_id), {"expiresAt": clock.after(now, LEASE_S)})


def is_lost(db: Database, instance_id: str) -> bool:
    """Whether others have taken an instance for dead since its last renewal."""
    lease = db.get("presenceLeases", instance_id)
    return lease is None or "reapedAt" in lease


def release(db: Database, instance_id: str, *, now: datetime) -> None:
    """An instance stops. Its lease ends now; what it may still have written is reaped under it."""
    db.set(("presenceLeases", instance_id), {"expiresAt": clock.after(now, -1)})


def reaped(db: Database, instance_id: str, expired_at: datetime, *, now: datetime) -> None:
    """An instance's connections are gone. Its lease is kept a while: a write that was under way is reaped then."""
    if clock.after(expired_at, DEAD_LEASE_S) < now:
        db.delete("presenceLeases", instance_id)
    else:
        db.set(("presenceLeases", instance_id), {"reapedAt": now}, merge=True)


def dead_instances(db: Database, *, now: datetime) -> list[Doc]:
    """Leases that ran out: {id: the instance, expiresAt}."""
    return Query(("presenceLeases",)).filter("expiresAt", "<", now).run(db)


def connections_of(db: Database, instance_id: str) -> list[tuple[str, list[str]]]:
    """(uid, connection ids) of every user who is connected through an instance."""
    found = Query(("presence",)).filter("instances", "array_contains", instance_id).run(db)
    return [
        (doc["id"], [key for key, value in doc["connections"].items() if value["instance"] == instance_id])
        for doc in found
    ]


def _connections(tx: Tx, uid: str) -> dict[str, Doc]:
    return dict((tx.get("presence", uid) or {}).get("connections", {}))


def _write(tx: Tx, uid: str, before: dict[str, Doc], after: dict[str, Doc], now: datetime) -> Change:
    if after != before:
        tx.set(
            ("presence", uid),
            {
                "connections": after,
                "instances": sorted({connection["instance"] for connection in after.values()}),
                "updatedAt": now,
            },
        )
    was_expert = any(connection["asExpert"] for connection in before.values())
    is_expert = any(connection["asExpert"] for connection in after.values())
    left = tuple(sorted(_rooms(before) - _rooms(after)))
    return Change(bool(after), is_expert, bool(before) != bool(after), was_expert != is_expert, left)


def _rooms(connections: dict[str, Doc]) -> set[str]:
    return {room for connection in connections.values() for room in connection.get("rooms", ())}
