"""What an admin does to an account: role, name, status, disabled. A loss of rights takes effect at once: sign-ins are
revoked, sockets disconnected, running sessions ended and settled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect import audit, auth, clock
from konnect.bookings import tasks as bookings
from konnect.consults import course as consults
from konnect.context import Context
from konnect.courses import withdrawal as courses
from konnect.errors import Conflict, NotFound
from konnect.experts import service as experts
from konnect.identity import standing
from konnect.identity.standing import Status
from konnect.live import service as live
from konnect.members import service as members
from konnect.platform import PlatformConfig, platform_config
from konnect.realtime import DISCONNECT, user_room
from konnect.sessions import listing
from konnect.sessions import service as sessions
from konnect.sessions.metering import Pace
from konnect.store import Doc, Emit, Tx
from konnect.subscriptions import tasks as subscriptions

Role = Literal["user", "expert", "admin"]
RECENT_SESSIONS = 10
_RANK = {"user": 0, "expert": 1, "admin": 2}


@dataclass(frozen=True)
class Change:
    """What is to be changed; None: nothing. A `status` says whether the account is disabled, too."""

    uid: str
    by: str
    role: Role | None = None
    disabled: bool | None = None
    status: Status | None = None
    name: str | None = None
    reason: str | None = None

    @property
    def closes(self) -> bool | None:
        """Whether the account is to be disabled."""
        return self.disabled if self.status is None else self.status in standing.CLOSED

    def fields(self, user: Doc) -> Doc:
        """What the profile then has. Disabled without a status, an account is suspended, if it is not banned."""
        status = self.status
        if status is None and self.disabled is not None:
            status = standing.of({**user, "disabled": self.disabled})
        given = {"role": self.role, "disabled": self.closes, "status": status, "name": self.name}
        return {name: value for name, value in given.items() if value is not None}


def detail(ctx: Context, uid: str) -> dict[str, Any]:
    """A user with wallet and latest sessions. Raises NotFound (USER_NOT_FOUND)."""
    found = ctx.db.get_many([("users", uid), ("wallets", uid)])
    user = found["users", uid]
    if user is None:
        raise _not_found()
    recent = listing.of_person(ctx.db, uid, "user", limit=RECENT_SESSIONS, cursor=None)
    wallet = found["wallets", uid]
    return {**user, "id": uid, "wallet": {**wallet, "id": uid} if wallet else None, "sessions": recent.items}


def check_exists(ctx: Context, uid: str) -> None:
    """Raises NotFound (USER_NOT_FOUND)."""
    if ctx.db.get("users", uid) is None:
        raise _not_found()


def change(ctx: Context, given: Change, *, now: datetime) -> Doc:
    """Change an account. Safe to repeat: each step is, and a repeat makes good what failed after the commit.

    Raises NotFound (USER_NOT_FOUND), Conflict (OWN_ACCOUNT: nobody locks themselves out), Unavailable.
    """
    config, pace = platform_config(ctx.db), Pace.of(ctx.settings)
    user = ctx.run(lambda tx: _write(tx, given, config=config, pace=pace, now=now))
    uid, using = given.uid, ctx.settings
    if given.role is not None:
        ctx.outside(f"set the role of {uid} to {given.role}", auth.set_role, uid, given.role, using=using)
        # Tokens issued before this moment still say the old role: they must not bring it back into the profile. Whoever
        # signed in after the commit and before the claim was set has done just that, and is sent out once more.
        claimed_at = clock.now()
        claimed: Doc = {"claimsChangedAt": claimed_at, "role": given.role}
        if user.get("tokensValidAfter") == now:
            claimed["tokensValidAfter"] = claimed_at
        ctx.run(lambda tx: tx.update(("users", uid), claimed))
    if given.closes is not None:
        what = "disable" if given.closes else "enable"
        ctx.outside(f"{what} the account of {uid}", auth.set_disabled, uid, given.closes, using=using)
    if given.closes or user.get("tokensValidAfter") == now:
        ctx.outside(f"revoke the sign-ins of {uid}", auth.revoke, uid, using=using)
        # Not an effect of the transaction: one whose commit was in doubt would have lost it.
        ctx.emit([Emit(user_room(uid), DISCONNECT, None)])
    auth.forget(uid)
    return user


def _write(tx: Tx, given: Change, *, config: PlatformConfig, pace: Pace, now: datetime) -> Doc:
    """The profile afterwards."""
    uid = given.uid
    user = tx.get("users", uid)
    if user is None or user.get("deletedAt") is not None:
        raise _not_found()
    if uid == given.by and (given.closes or _lowers(user, given.role)):
        raise Conflict("you can't disable your own account or lower its role", code="OWN_ACCOUNT")
    had = {**user, "status": standing.of(user)}
    changed = {name: value for name, value in given.fields(user).items() if had.get(name) != value}
    if not changed:
        if given.closes:
            # What had to follow the change that was made before may have failed.
            _end_all(tx, uid, pace, now)
        return {**user, "id": uid}
    fields: Doc = {**changed, "updatedAt": now}
    loses = changed.get("disabled") or _lowers(user, changed.get("role"))
    if loses:
        # Ends the ID tokens that are out, which a revocation of sign-ins alone does not.
        fields["tokensValidAfter"] = now
    expert_id = experts.id_of(tx, uid)
    if changed.get("disabled"):
        _end_all(tx, uid, pace, now)
    if (loses or changed.get("status") == "inactive") and tx.get("experts", expert_id) is not None:
        experts.set_available(tx, expert_id, False, config, now=now)
    if "status" in changed and members.get(tx, uid) is not None:
        members.set_status(tx, uid, changed["status"], now=now)
    tx.update(("users", uid), fields)
    audit.write(
        tx,
        actor=given.by,
        action="user.change",
        target=f"users/{uid}",
        before={name: had.get(name) for name in changed},
        after=changed,
        reason=given.reason,
        now=now,
    )
    return {**user, **fields, "id": uid}


def _end_all(tx: Tx, uid: str, pace: Pace, now: datetime) -> None:
    """What a closed account has under way, and what is booked."""
    sessions.end_all(tx, uid, pace=pace, now=now)
    consults.end_all(tx, uid, pace=pace, now=now)
    live.end_all(tx, uid, now=now)
    courses.schedule(tx, uid, now=now)
    bookings.schedule_cancelling(tx, uid, now=now)
    subscriptions.schedule_cancelling(tx, uid, now=now)


def _lowers(user: Doc, role: str | None) -> bool:
    return role is not None and _RANK.get(role, 0) < _RANK.get(str(user.get("role")), 0)


def _not_found() -> NotFound:
    return NotFound("there is no such user", code="USER_NOT_FOUND")
