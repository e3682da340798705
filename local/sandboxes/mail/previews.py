"""Every mail that Konnect sends, with sample data: for the previews, and for the tests of the templates."""

from typing import Any

from konnect.notifications import types
from konnect.store import Doc

NAME = "Meera"
_WHEN = {"scheduledAt": "2026-01-05T10:00:00.000Z", "duration": 60}
_BOOKING = {
    **_WHEN,
    "bookingId": "GRP-20260105-7KQ",
    "topic": "System design interviews",
    "agenda": "Sharding, queues, and how to speak about trade-offs.",
}
_STUDENT, _MENTOR = {"side": "user", "with": "Asha Rao"}, {"side": "expert", "with": "Meera Nair"}

# Name of the sample (its type, and what sets it apart) → title, message, data.
_SAMPLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "booking_confirmed": (
        "Your session is booked",
        "Asha Rao, Monday at 15:30.",
        {**_BOOKING, **_STUDENT, "amount": 1000},
    ),
    "booking_confirmed/mentor": (
        "A session with you is booked",
        "Meera Nair, Monday at 05:00.",
        {**_BOOKING, **_MENTOR, "timeZone": "America/New_York"},
    ),
    "booking_cancelled": (
        "Your session was cancelled",
        "Asha Rao can't make it. You get everything back.",
        {**_BOOKING, **_STUDENT, "reason": "I have fallen ill.", "refundAmount": 1000},
    ),
    "booking_cancelled/late": (
        "Your session is cancelled",
        "You have cancelled less than 4 hours before the start: nothing is refunded.",
        {**_BOOKING, **_STUDENT, "reason": "My train is late.", "refundAmount": 0},
    ),
    "booking_cancelled/mentor": (
        "A session with you was cancelled",
        "Meera Nair has cancelled.",
        {**_BOOKING, **_MENTOR, "reason": "Something came up."},
    ),
    "booking_reminder": (
        "Your session begins in 15 minutes",
        "With Asha Rao, at 15:30.",
        {**_BOOKING, **_STUDENT},
    ),
    "session_started": ("Your session has started", "Asha Rao is waiting for you.", {**_BOOKING, **_STUDENT}),
    "session_completed": ("How was your session?", "Your session with Asha Rao is over.", {**_BOOKING, **_STUDENT}),
    "session_completed/mentor": (
        "Your session is over",
        "Your session with Meera Nair is over.",
        {**_BOOKING, **_MENTOR},
    ),
    "session_not_held": (
        "A session has not taken place",
        "Asha Rao did not come. 1000 INR are back in your wallet.",
        {**_WHEN, **_STUDENT, "sessionId": "s1", "amount": 1000},
    ),
    "new_message": (
        "Meera Nair wrote to you",
        "Thank you, that helped a lot!",
        {"conversationId": "c1", "with": "Meera Nair"},
    ),
    "message_digest": (
        "You have 3 unread messages",
        "From Meera Nair and Ravi Iyer.",
        {
            "count": 3,
            "conversations": [
                {"conversationId": "c1", "with": "Meera Nair", "count": 2, "lastMessage": "Can we do Friday?"},
                {"conversationId": "c2", "with": "Ravi Iyer", "count": 1, "lastMessage": "def f(x):\n  return x"},
            ],
        },
    ),
    "payment_received": (
        "You have received a payment",
        "₹1,000 from Meera Nair.",
        {**_BOOKING, **_MENTOR, "amount": 1000, "fee": 220, "net": 780},
    ),
    "payout_processed": (
        "Your payout is on its way",
        "₹12,480.50 to your account ending in 4321.",
        {
            "payoutId": "p1",
            "amount": 12480.5,
            "account": "HDFC Bank, account ending in 4321",
            "reference": "UTR2026010500123",
            "periodStart": "2025-12-29",
            "periodEnd": "2026-01-04",
        },
    ),
    "payout_failed": (
        "Your withdrawal failed",
        "500 INR could not be sent to your account ending in 4321, and are in your wallet again.",
        {"payoutId": "p2", "amount": 500, "account": "account ending in 4321", "reason": "The account is closed."},
    ),
    "payout_reversed": (
        "Your withdrawal came back",
        "Your bank returned 500 INR that we had sent; they are in your wallet again.",
        {"payoutId": "p3", "amount": 500, "account": "asha@okbank", "reason": "The beneficiary's bank is offline."},
    ),
    "payout_details_needed": (
        "Where shall we send your money?",
        "Give us a bank account or a UPI address in your settings, and your withdrawal is paid.",
        {},
    ),
    "review_received": (
        "You have a new review",
        "5 of 5 from Meera Nair.",
        {"reviewId": "r1", "rating": 5, "comment": "Clear, patient, and to the point.", "with": "Meera Nair"},
    ),
    "mentor_approved": ("Your application is approved", "Welcome! You are a mentor now.", {"applicationId": "e1"}),
    "mentor_rejected": (
        "Your application was not approved",
        "You may apply again.",
        {"applicationId": "e1", "reason": "Your work history could not be verified."},
    ),
    "application_received": ("We have your application", "We check your documents next.", {"applicationId": "e1"}),
    "application_documents_verified": (
        "Your documents are verified",
        "Next, we fix a time for a short call.",
        {"applicationId": "e1"},
    ),
    "application_call_scheduled": (
        "Your call is scheduled",
        "We call you on 5 January 2026 at 15:30 IST.",
        {"applicationId": "e1", "callScheduledAt": "2026-01-05T10:00:00.000Z"},
    ),
    "application_call_done": ("Thank you for the call", "We will decide soon.", {"applicationId": "e1"}),
    "email_changed": (
        "Your e-mail address was changed",
        "You sign in with meera@new.test from now on.",
        {"email": "meera@new.test"},
    ),
    "password_changed": ("Your password was changed", "If this was not you, reset it at once.", {}),
    "payout_details_changed": (
        "Your payout details were changed",
        "Your earnings go to the account ending in 4321.",
        {"account": "HDFC Bank, account ending in 4321"},
    ),
    "account_deleted": ("Your account has been deleted", "Your profile and what it said about you are gone.", {}),
}


def _notification(name: str, title: str, message: str, data: dict[str, Any]) -> Doc:
    type = name.partition("/")[0]
    return {
        "type": type,
        "title": title,
        "message": message,
        "data": data,
        "actionUrl": types.action_url(type, data),
    }


SAMPLES: dict[str, Doc] = {name: _notification(name, *sample) for name, sample in _SAMPLES.items()}
"""Name → {type, title, message, data, actionUrl}. Every type has one; some have several."""
