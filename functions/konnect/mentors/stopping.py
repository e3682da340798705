"""Warning a mentor, and stopping their bookings, by the numbers (standing_policy.py); an admin lifts a stop.

experts/{id}.bookingsStopped, true or absent, is what everybody's bookings are held to; why and since when, the mentor
and the admins see: experts/{id}/private/onboarding has bookingsStopped: {reason, at} | None, and standing: {reason:
{verdict, count, liftedCount, at}}, where the counts are of the reviews, or bookings, that it was judged by and lifted
at. What was booked before stays booked.
"""

from datetime import datetime
from typing import Any

from konnect.notifications import service as notifications
from konnect.platform import PlatformConfig
from konnect.store import Doc, Tx

from .standing_policy import Measure, Reason, Verdict, bounds, judge

_SAID: dict[Reason, str] = {
    "rating": "your average rating is {value:g} of 5",
    "cancellations": "you have called off {value:g} % of your bookings",
}


def review(tx: Tx, expert_id: str, measure: Measure, config: PlatformConfig, *, now: datetime) -> None:
    """Do what a mentor's numbers ask for, in the transaction that has changed them: warn once, until they are fine
    again; stop bookings. After an admin has lifted a stop, a mentor is stopped again only once as many more reviews
    (or bookings) have come in as it takes to be judged at all. Repeats change nothing.
    """
    public, private = ("experts", expert_id), ("experts", expert_id, "private", "onboarding")
    expert = tx.get(*public)
    verdict = judge(measure, config)
    if expert is None or verdict is None:
        return
    kept = tx.get(*private) or {}
    standing: Doc = (kept.get("standing") or {}).get(measure.reason) or {"verdict": "fine", "liftedCount": 0}
    before: Verdict = standing["verdict"]
    least = bounds(measure.reason, config).least
    if verdict == "stopped" and standing["liftedCount"] and measure.count < standing["liftedCount"] + least:
        verdict = "warned"
    if before == "stopped":
        # That ends by an admin's word alone.
        verdict = "stopped"
    if verdict == before != "stopped":
        return
    after = {
        "verdict": verdict,
        "count": measure.count,
        "liftedCount": 0 if verdict == "fine" else standing["liftedCount"],
        "at": standing["at"] if verdict == before else now,
    }
    changed: Doc = {"standing": {**(kept.get("standing") or {}), measure.reason: after}}
    if verdict == "stopped" and not expert.get("bookingsStopped"):
        changed["bookingsStopped"] = {"reason": measure.reason, "at": now}
        tx.update(public, {"bookingsStopped": True, "updatedAt": now})
    tx.merge(private, changed)
    if verdict != before and expert["firebaseUid"] is not None:
        _tell(tx, expert_id, expert["firebaseUid"], measure, verdict, config, now)


def lift(tx: Tx, expert_id: str, *, now: datetime) -> Doc | None:
    """An admin lets a mentor be booked again. Returns the stop that was, {reason, at}, or None."""
    public, private = ("experts", expert_id), ("experts", expert_id, "private", "onboarding")
    tx.prefetch(public, private)
    expert, kept = tx.get(*public), tx.get(*private) or {}
    stop: Doc | None = kept.get("bookingsStopped")
    if expert is None or not expert.get("bookingsStopped"):
        return None
    standing = {
        reason: {**one, "verdict": "warned", "liftedCount": one["count"], "at": now}
        if one["verdict"] == "stopped"
        else one
        for reason, one in (kept.get("standing") or {}).items()
    }
    tx.update(public, {"bookingsStopped": False, "updatedAt": now})
    tx.merge(private, {"bookingsStopped": None, "standing": standing})
    if expert["firebaseUid"] is not None:
        notifications.notify(
            tx,
            expert["firebaseUid"],
            "bookings_resumed",
            about=(expert_id, now.isoformat()),
            title="You can be booked again",
            body="We have looked at your profile: students can book sessions with you again.",
            now=now,
        )
    return stop


def view(private: Doc) -> dict[str, Any]:
    """What the mentor sees of it, by the profile's private part: {bookingsStopped, warnedFor}."""
    standing = private.get("standing") or {}
    return {
        "bookingsStopped": private.get("bookingsStopped"),
        "warnedFor": sorted(reason for reason, one in standing.items() if one["verdict"] == "warned"),
    }


def _tell(
    tx: Tx, expert_id: str, uid: str, measure: Measure, verdict: Verdict, config: PlatformConfig, now: datetime
) -> None:
    if verdict == "fine":
        return
    found, said = bounds(measure.reason, config), _SAID[measure.reason].format(value=measure.value)
    bound = found.warn if verdict == "warned" else found.stop
    data = {"reason": measure.reason, "value": measure.value, "bound": bound, "stopBound": found.stop}
    about = (expert_id, measure.reason, now.isoformat())
    if verdict == "warned":
        title, body = "Please look at your sessions", f"We want you to know that {said}."
        notifications.notify(tx, uid, "mentor_warned", about=about, title=title, body=body, data=data, now=now)
    else:
        title, body = "You take no new bookings for now", f"Nobody can book you at present, since {said}."
        notifications.notify(tx, uid, "bookings_stopped", about=about, title=title, body=body, data=data, now=now)
