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
_PLAN = {"subscriptionId": "sub_1", "planId": "pro", "planName": "Pro", "amount": 499}
_STUDENT, _MENTOR = {"side": "user", "with": "Asha Rao"}, {"side": "expert", "with": "Meera Nair"}

_CLASS = {
    "sessionId": "l1",
    "title": "Recursion, live",
    "courseId": None,
    "scheduledAt": "2026-01-05T10:00:00.000Z",
    "duration": 60,
    "with": "Asha Rao",
}

# Name of the sample (its type, and what sets it apart) → title, message, data.
_SAMPLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "course_approved": (
        "Your course is published",
        "Python from Zero can be found and enrolled in.",
        {"courseId": "c1", "courseTitle": "Python from Zero"},
    ),
    "course_rejected": (
        "Your course was not approved",
        "Python from Zero: The second video has no sound.",
        {"courseId": "c1", "courseTitle": "Python from Zero", "reason": "The second video has no sound."},
    ),
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
    "booking_confirmed/moved": (
        "A session was moved",
        "The session with Asha Rao is now on 5 January 2026 at 15:30 IST.",
        {**_BOOKING, **_STUDENT, "amount": 1000, "movedFrom": "2026-01-03T10:00:00.000Z"},
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
    "course_completed": (
        "You have completed a course",
        "Well done: you have completed “Sharding from scratch”. Your certificate is ready.",
        {"courseId": "c", "courseTitle": "Sharding from scratch", "certificateId": "7K3M9QPX2R4T8WYZ"},
    ),
    "booking_reminder": (
        "Your session begins in 15 minutes",
        "With Asha Rao, at 15:30.",
        {**_BOOKING, **_STUDENT},
    ),
    "booking_reminder/day": (
        "A reminder of your session",
        "Your session with Asha Rao begins on 5 January 2026 at 15:30 IST.",
        {**_BOOKING, **_STUDENT, "leadMinutes": 1440},
    ),
    "session_started": ("Your session has started", "Asha Rao is waiting for you.", {**_BOOKING, **_STUDENT}),
    "session_completed": ("How was your session?", "Your session with Asha Rao is over.", {**_BOOKING, **_STUDENT}),
    "session_completed/mentor": (
        "Your session is over",
        "Your session with Meera Nair is over.",
        {**_BOOKING, **_MENTOR},
    ),
    "session_notes": (
        "Notes of your session",
        "Asha Rao has written notes of your session on 5 January 2026 at 15:30 IST.",
        {**_BOOKING, **_STUDENT, "actionItems": ["Draw the design of a URL shortener.", "Read on consistent hashing."]},
    ),
    "session_not_held": (
        "A session has not taken place",
        "Asha Rao did not come. 1000 INR are back in your wallet.",
        {**_WHEN, **_STUDENT, "sessionId": "s1", "amount": 1000},
    ),
    "session_not_held/booking": (
        "A session has not taken place",
        "The session with Asha Rao on Monday has not taken place: Asha Rao did not come.",
        {**_BOOKING, **_STUDENT, "amount": 1000, "refundAmount": 1000},
    ),
    "consult_requested": (
        "You are asked for a consult",
        "Meera Nair asks for a consult of 30 minutes. Accept it until 5 January 2026 at 15:35 IST.",
        {**_MENTOR, "consultId": "c1", "duration": 30, "price": 300},
    ),
    "consult_accepted": (
        "Your consult is accepted",
        "Asha Rao has accepted your consult. Please join it now.",
        {**_STUDENT, "consultId": "c1", "duration": 30, "price": 300},
    ),
    "consult_cancelled": (
        "A consult has not taken place",
        "Your consult with Asha Rao: it was not accepted in time. 300 INR are back in your wallet.",
        {**_STUDENT, "consultId": "c1", "duration": 30, "price": 300, "refundAmount": 300},
    ),
    "consult_completed": (
        "Your consult has ended",
        "You were together for 20 min 30 s. 205 INR were charged. 95 INR are back in your wallet.",
        {**_STUDENT, "consultId": "c1", "duration": 30, "price": 300, "seconds": 1230, "refundAmount": 95},
    ),
    "booking_refunded": (
        "A session was refunded",
        "Of the session with Asha Rao, 500 INR go back to where you paid from.",
        {**_BOOKING, **_STUDENT, "amount": 1000, "refundAmount": 500},
    ),
    "booking_refunded/mentor": (
        "A session was refunded",
        "The session with Meera Nair was refunded: 390 INR of your share are taken back.",
        {**_BOOKING, **_MENTOR, "amount": 1000, "takenBack": 390},
    ),
    "package_closed": (
        "Your package has ended",
        "Its time is up: 3600 INR for 4 of 5 sessions with Asha Rao go back to where you paid from.",
        {"packagePurchaseId": "p1", "refundAmount": 3600},
    ),
    "dispute_opened": (
        "A dispute was opened",
        "Meera Nair has opened a dispute about the session. You can answer once, before we decide.",
        {**_BOOKING, **_MENTOR, "dispute": {"reason": "technical", "description": "The call broke off.\nTwice."}},
    ),
    "dispute_answered": (
        "Your dispute was answered",
        "Asha Rao has answered your dispute about the session.",
        {**_BOOKING, **_STUDENT, "dispute": {"reason": "technical", "description": "It was your connection."}},
    ),
    "dispute_decided": (
        "A dispute is decided",
        "The dispute about the session with Asha Rao is decided: 500 INR go back to where you paid from.",
        {**_BOOKING, **_STUDENT, "refundAmount": 500, "note": "Half of the session was held."},
    ),
    "dispute_decided/mentor": (
        "A dispute is decided",
        "The dispute about the session with Meera Nair is decided: nothing is refunded.",
        {**_BOOKING, **_MENTOR, "note": "All of the session was held."},
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
        "Your earnings are paid",
        "12480.5 INR for 17 sessions are on their way to HDFC Bank, account ending in 4321.",
        {
            "payoutId": "p1",
            "kind": "earnings",
            "amount": 12480.5,
            "sessions": 17,
            "tds": 126.06,
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
    "payout_failed/weekly": (
        "Your weekly payout failed",
        "780 INR for 1 session could not be sent to asha@okbank: The account is closed. They are due to you as before.",
        {
            "payoutId": "p4",
            "kind": "earnings",
            "amount": 780,
            "sessions": 1,
            "account": "asha@okbank",
            "reason": "The account is closed.",
            "periodStart": "2025-12-29",
            "periodEnd": "2026-01-04",
        },
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
    "subscription_activated": (
        "Your Pro plan is active",
        "You have the Pro plan for 499 INR a month.",
        {**_PLAN, "minutes": 30, "discountPercent": 10, "until": "2026-02-05T10:00:00.000Z"},
    ),
    "subscription_charge_failed": (
        "The payment for your Pro plan has failed",
        "The month's payment for your Pro plan has failed. It is tried again in the next days.",
        {**_PLAN, "until": None, "isLast": False},
    ),
    "subscription_charge_failed/twice": (
        "Your payment is returned",
        "Your payment of 499 INR was a second one for the same month and is returned to you.",
        {**_PLAN, "refundAmount": 499},
    ),
    "subscription_cancelled": (
        "Your Pro plan is cancelled",
        "Your Pro plan ends on 5 February 2026 at 15:30 IST. Until then all of it is yours; nothing more is charged.",
        {**_PLAN, "until": "2026-02-05T10:00:00.000Z"},
    ),
    "subscription_ended": (
        "Your Pro plan has ended",
        "Your Pro plan has ended; you are on the Free plan now.",
        _PLAN,
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
    "mentor_warned": (
        "Please look at your sessions",
        "We want you to know that your average rating is 3.2 of 5.",
        {"reason": "rating", "value": 3.2, "bound": 3.5, "stopBound": 3.0},
    ),
    "mentor_warned/cancellations": (
        "Please look at your sessions",
        "We want you to know that you have called off 25 % of your bookings.",
        {"reason": "cancellations", "value": 25, "bound": 20, "stopBound": 40},
    ),
    "bookings_stopped": (
        "You take no new bookings for now",
        "Nobody can book you at present, since your average rating is 2.8 of 5.",
        {"reason": "rating", "value": 2.8, "bound": 3.0, "stopBound": 3.0},
    ),
    "bookings_resumed": (
        "You can be booked again",
        "We have looked at your profile: students can book sessions with you again.",
        {},
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
    "live_scheduled": (
        "A live class is planned",
        "Asha Rao teaches “Recursion, live” of Python from Zero live on 5 January 2026 at 15:30 IST.",
        {**_CLASS, "side": "user"},
    ),
    "live_cancelled": (
        "A live class is cancelled",
        "The live class “Recursion, live” on 5 January 2026 at 15:30 IST is cancelled: Something came up.",
        {**_CLASS, "side": "user", "reason": "Something came up."},
    ),
    "live_reminder": (
        "Your live class begins soon",
        "“Recursion, live” with Asha Rao begins on 5 January 2026 at 15:30 IST.",
        {**_CLASS, "side": "user", "leadMinutes": 15},
    ),
    "live_reminder/a-day-before": (
        "A reminder of your live class",
        "“Recursion, live” begins on 5 January 2026 at 15:30 IST.",
        {**_CLASS, "with": None, "side": "expert", "leadMinutes": 1440},
    ),
    "exchange_requested": (
        "You are asked for a skill exchange",
        "Meera Rao offers you Guitar for SQL. Answer it until 12 January 2026 at 15:30 IST.",
        {"exchangeId": "x1", "with": "Meera Rao"},
    ),
    "exchange_accepted": (
        "Your skill exchange is accepted",
        "Arjun Rao has accepted your exchange: Guitar and SQL. You can write to each other.",
        {"exchangeId": "x1", "with": "Arjun Rao"},
    ),
    "exchange_rejected": (
        "Your skill exchange was declined",
        "Arjun Rao does not want to exchange Guitar and SQL.",
        {"exchangeId": "x1", "with": "Arjun Rao"},
    ),
    "exchange_cancelled": (
        "A skill exchange has ended",
        "The exchange of Guitar and SQL has ended. The other side has left it.",
        {"exchangeId": "x1", "with": "Arjun Rao", "reason": "cancelled"},
    ),
    "exchange_session": (
        "A session of your exchange is planned",
        "The session about Joins, of 60 minutes, on 5 January 2026 at 15:30 IST.",
        {"exchangeId": "x1", "with": "Arjun Rao", "scheduledAt": "2026-01-05T10:00:00.000Z", "duration": 60},
    ),
    "exchange_completed": (
        "Your skill exchange is complete",
        "Your exchange of Guitar and SQL is complete. Please tell each other how it was.",
        {"exchangeId": "x1", "with": "Arjun Rao", "status": "completed"},
    ),
    "exchange_feedback": (
        "You have feedback on a skill exchange",
        "Arjun Rao gives you 5 of 5 stars for your exchange: Thank you!",
        {"exchangeId": "x1", "with": "Arjun Rao", "rating": 5},
    ),
    "course_purchased": (
        "Your course is ready",
        "“Sharding from scratch” is yours: ₹500.00 paid. You can begin at once.",
        {"courseId": "c1", "course": "Sharding from scratch", "purchaseId": "p1", "side": "user", "price": 500},
    ),
    "course_sold": (
        "You have sold a course",
        "Somebody has bought “Sharding from scratch”. You have earned ₹400.00.",
        {"courseId": "c1", "course": "Sharding from scratch", "purchaseId": "p1", "side": "expert", "earning": 400},
    ),
    "course_refunded": (
        "A course was refunded",
        "₹500.00 for “Sharding from scratch” are in your wallet. The course is closed for you.",
        {"courseId": "c1", "course": "Sharding from scratch", "purchaseId": "p1", "side": "user", "refundAmount": 500},
    ),
    "badge_earned": (
        "You have earned a badge: Bookworm",
        "Complete ten courses: done!",
        {"badge": "bookworm", "name": "Bookworm", "icon": "📚"},
    ),
    "level_up": (
        "Level 2: Learner",
        "You have come to 1,000 points.",
        {"level": 2, "levelName": "Learner"},
    ),
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
_CODE = {"code": "QhJ7cT0vR2mXw5nB8yKdLfUa3sZgE1pI", "hasLink": True}
for _type, _title, _page in (
    ("code_reset", "Reset your password", "/reset-password"),
    ("code_verification", "Verify your e-mail address", "/verify-email"),
):
    _link = f"{_page}?token={_CODE['code']}"
    SAMPLES[_type] = {"type": _type, "title": _title, "message": _title, "data": _CODE, "actionUrl": _link}
    SAMPLES[f"{_type}/without-a-link"] = {**SAMPLES[_type], "data": {**_CODE, "hasLink": False}, "actionUrl": None}
