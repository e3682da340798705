"""The types of notifications: what each is called, where it goes by default, where it leads. Pure data.

Every notification is stored and shown in the app, live too, unless its user has switched that off. Defaults are those
of Mentor Connect's table (PRD 7.9); push is off until its user switches it on. What tells of a change to how one signs
in or is paid can't be switched off in the app or by mail: it is the only warning of a stolen account.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import quote

Channel = Literal["inApp", "email", "push"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)

Type = Literal[
    "booking_confirmed",
    "booking_cancelled",
    "booking_reminder",
    "session_started",
    "session_completed",
    "session_notes",
    "session_not_held",
    "consult_requested",
    "consult_accepted",
    "consult_cancelled",
    "consult_completed",
    "booking_refunded",
    "dispute_opened",
    "dispute_answered",
    "dispute_decided",
    "new_message",
    "message_digest",
    "payment_received",
    "package_closed",
    "payout_processed",
    "payout_failed",
    "payout_reversed",
    "payout_details_needed",
    "subscription_activated",
    "subscription_charge_failed",
    "subscription_cancelled",
    "subscription_ended",
    "review_received",
    "mentor_approved",
    "mentor_rejected",
    "mentor_warned",
    "bookings_stopped",
    "bookings_resumed",
    "application_received",
    "application_documents_verified",
    "application_call_scheduled",
    "application_call_done",
    "course_purchased",
    "course_sold",
    "course_refunded",
    "course_completed",
    "exchange_requested",
    "exchange_accepted",
    "exchange_rejected",
    "exchange_cancelled",
    "exchange_session",
    "exchange_completed",
    "exchange_feedback",
    "course_approved",
    "course_rejected",
    "badge_earned",
    "level_up",
    "live_scheduled",
    "live_cancelled",
    "live_reminder",
    "email_changed",
    "password_changed",
    "payout_details_changed",
    "account_deleted",
]


@dataclass(frozen=True)
class Kind:
    """`label` names the type where preferences are set. `action` are the paths it leads to: the first whose {names} are
    all in the notification's data; `expert_action` where data's `side` is the expert's. A mail says
    templates/content/{type}.txt, or else the notification's message."""

    label: str
    action: tuple[str, ...] = ()
    expert_action: tuple[str, ...] = ()
    by_default: frozenset[Channel] = frozenset({"inApp", "email"})
    possible: frozenset[Channel] = frozenset(CHANNELS)
    locked: frozenset[Channel] = frozenset()
    """On, whatever its user prefers."""


_IN_APP: frozenset[Channel] = frozenset({"inApp"})
_LOCKED: frozenset[Channel] = frozenset({"inApp", "email"})
_STUDENT, _MENTOR, _APPLICANT = ("/dashboard/mentoring",), ("/mentor/dashboard",), ("/become-a-mentor",)
_PLAN = ("/dashboard/subscription",)
_REVIEW = ("/dashboard/mentoring?review={bookingId}", *_STUDENT)
_CALL = ("/call/{bookingId}", "/chat")
_LIVE = ("/live-sessions/{sessionId}",)
_CONSULT = ("/consult/{consultId}",)
_EXCHANGE = ("/skill-exchange/{exchangeId}",)
_ACHIEVEMENTS = ("/achievements",)
_MY_COURSES = ("/my-courses",)
_COURSE, _LEARN, _TEACH = ("/courses/{courseId}",), ("/learn/{courseId}",), ("/educator/courses",)

KINDS: dict[str, Kind] = {
    "booking_confirmed": Kind("Booking confirmed", ("/bookings/{bookingId}/confirmed", *_STUDENT), _MENTOR),
    "booking_cancelled": Kind("Booking cancelled", _STUDENT, _MENTOR),
    "booking_reminder": Kind("Session reminder", _CALL, _CALL),
    # A mail would come too late.
    "session_started": Kind("Session started", _CALL, _CALL, by_default=_IN_APP),
    "session_completed": Kind("Session completed, review requested", _REVIEW, _MENTOR),
    "session_notes": Kind("Notes of a session", _STUDENT),
    "session_not_held": Kind("Session not held", _STUDENT, _MENTOR),
    # Mails would come too late for the minutes that they are about.
    "consult_requested": Kind("Consult requested", _CONSULT, _CONSULT, by_default=_IN_APP),
    "consult_accepted": Kind("Consult accepted", _CONSULT, _CONSULT, by_default=_IN_APP),
    "consult_cancelled": Kind("Consult not held", _CONSULT, _CONSULT, by_default=_IN_APP),
    "consult_completed": Kind("Consult ended, with what it came to", _CONSULT, _CONSULT),
    "booking_refunded": Kind("Session refunded", _STUDENT, _MENTOR),
    "dispute_opened": Kind("Dispute opened", _STUDENT, _MENTOR),
    "dispute_answered": Kind("Dispute answered", _STUDENT, _MENTOR),
    "dispute_decided": Kind("Dispute decided", _STUDENT, _MENTOR),
    # By mail as message_digest alone.
    "new_message": Kind(
        "New message",
        ("/messages/{conversationId}", "/messages"),
        by_default=_IN_APP,
        possible=frozenset({"inApp", "push"}),
    ),
    "message_digest": Kind("Digest of unread messages", ("/messages",)),
    "payment_received": Kind("Payment received", _MENTOR),
    "package_closed": Kind("Package ended, the rest paid back", _STUDENT),
    "payout_processed": Kind("Payout processed", _MENTOR),
    "payout_failed": Kind("Payout failed", _MENTOR),
    "payout_reversed": Kind("Payout returned by the bank", _MENTOR),
    "payout_details_needed": Kind("Payout details needed", _MENTOR),
    "subscription_activated": Kind("Subscription active", _PLAN),
    "subscription_charge_failed": Kind("Subscription payment failed", _PLAN),
    "subscription_cancelled": Kind("Subscription cancelled", _PLAN),
    "subscription_ended": Kind("Subscription ended", _PLAN),
    "review_received": Kind("Review received", (*_COURSE, *_MENTOR)),
    "mentor_approved": Kind("Mentor application approved", _MENTOR),
    "mentor_rejected": Kind("Mentor application rejected", _APPLICANT),
    "mentor_warned": Kind("Warning about a mentor's rating or cancellations", _MENTOR),
    "bookings_stopped": Kind("Bookings stopped", _MENTOR),
    "bookings_resumed": Kind("Bookings possible again", _MENTOR),
    "application_received": Kind("Mentor application received", _APPLICANT),
    "application_documents_verified": Kind("Mentor application: documents verified", _APPLICANT),
    "application_call_scheduled": Kind("Mentor application: call scheduled", _APPLICANT),
    "application_call_done": Kind("Mentor application: call done", _APPLICANT),
    "course_purchased": Kind("Course bought", _LEARN),
    "course_sold": Kind("Course sold", _TEACH, _TEACH),
    "course_refunded": Kind("Course refunded", _COURSE, _TEACH),
    "course_completed": Kind("Course completed", ("/certificates",)),
    "exchange_requested": Kind("Skill exchange requested", _EXCHANGE),
    "exchange_accepted": Kind("Skill exchange accepted", _EXCHANGE),
    "exchange_rejected": Kind("Skill exchange declined", _EXCHANGE),
    "exchange_cancelled": Kind("Skill exchange ended early", _EXCHANGE),
    "exchange_session": Kind("Session of a skill exchange planned", _EXCHANGE),
    "exchange_completed": Kind("Skill exchange completed", _EXCHANGE),
    "exchange_feedback": Kind("Feedback on a skill exchange", _EXCHANGE),
    "course_approved": Kind("Course published", _MY_COURSES),
    "course_rejected": Kind("Course not approved, or taken off sale", _MY_COURSES),
    "badge_earned": Kind("Badge earned", _ACHIEVEMENTS, by_default=_IN_APP),
    "level_up": Kind("Level reached", _ACHIEVEMENTS, by_default=_IN_APP),
    "live_scheduled": Kind("Live class planned or moved", _LIVE, _LIVE),
    "live_cancelled": Kind("Live class cancelled", _LIVE, _LIVE),
    "live_reminder": Kind("Live class reminder", _LIVE, _LIVE),
    "email_changed": Kind("E-mail address changed", locked=_LOCKED),
    "password_changed": Kind("Password changed", locked=_LOCKED),
    "payout_details_changed": Kind("Payout details changed", locked=_LOCKED),
    "account_deleted": Kind("Account deleted", locked=_LOCKED),
}

CODES = ("code_reset", "code_verification")
"""Mails with a code (konnect.identity.recovery): no notifications, since what they say is for the address alone."""

UNKNOWN = Kind("Other")
"""Of a type that is not declared: told all the same, since the code that told it has committed."""


def of(type: str) -> Kind:
    return KINDS.get(type, UNKNOWN)


def action_url(type: str, data: dict[str, Any]) -> str | None:
    """The path in the frontend that a notification leads to, or None."""
    kind = of(type)
    paths = kind.expert_action if kind.expert_action and data.get("side") == "expert" else kind.action
    known = {name: quote(str(value), safe="") for name, value in data.items() if value is not None}
    for path in paths:
        try:
            return path.format_map(known)
        except KeyError:
            continue
    return None
