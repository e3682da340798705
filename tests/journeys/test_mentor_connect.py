"""A mentor and a student, by the API, stock sockets, Razorpay and mails: applied, booked, met, paid out; called off;
talked; and paid for in each way there is.
"""

import csv
import io
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pypdfium2
import pytest
import requests

from konnect import clock
from konnect.bookings import repository, schedule
from konnect.calendar import service as calendar
from konnect.context import context
from konnect.earnings import policy
from konnect.store import Database, Doc, Tx
from local.clients import SocketClients
from local.person import CallError, Person, wait_until
from tests import people
from tests.bookings.test_stack import WEEK, attached, book, open_slot
from tests.mentors.conftest import APPLICATION
from tests.payments.api import serve
from tests.payouts.conftest import BANK
from tests.payouts.test_stack import wait_for_mail
from tests.subscriptions.test_stack import pay as pay_subscription

Env = dict[str, str]
TIMEOUT_S = 60
JITSI = {"jitsi_url": "https://call.konnect.test", "jitsi_app_id": "konnect", "jitsi_app_secret": "s" * 32}
NOTES = b"%PDF-1.7 what to read until then"
CODE = {"language": "python", "code": "def walk(node):\n\tyield node\n"}


@pytest.fixture
def sockets(stack_env: Env) -> Iterator[SocketClients]:
    with SocketClients(stack_env) as clients:
        yield clients


@pytest.fixture
def with_jitsi() -> Iterator[Env]:
    """The stack's API once more, with a Jitsi server of one's own, whose rooms open by token; the stack has a public
    one."""
    settings = context().settings.model_copy(update=JITSI)
    with serve(replace(context(), settings=settings)) as api:
        yield {"API_URL": api.url}


@pytest.fixture
def ravi(stack_env: Env) -> Person:
    """A mentor at 600 and 1,000 INR, at any time, whom the bank can pay."""
    mentor = people.expert(stack_env, "Ravi")
    mentor.call("PUT", "/api/mentors/profile", {"pricing": {"30": 600, "60": 1000}})
    mentor.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "America/New_York"})
    mentor.call("PUT", "/api/mentors/payout-details", BANK)
    return mentor


def listen(sockets: SocketClients, person: Person, instance: int, namespace: str = "/notifications") -> str:
    """A page that is open: the name of its socket."""
    name = f"{namespace}-{person.uid}"
    sockets.connect(name, person.env[f"SIGNALING_{instance}_URL"], namespace=namespace, token=person.token)
    return name


def rung(sockets: SocketClients, person: Person, kind: str, about: str = "") -> dict[str, Any]:
    """What the person's bell shows of this type, and of this booking if one is named; it is in the list as well."""

    def wanted(data: dict[str, Any]) -> bool:
        shown = data["notification"]
        return shown["type"] == kind and about in ("", shown["data"].get("bookingId"))

    shown: dict[str, Any] = sockets.wait_for(f"/notifications-{person.uid}", "new_notification", wanted).args[0]
    listed = person.get("/api/notifications?limit=100")["items"]
    assert shown["notification"]["id"] in [one["id"] for one in listed]
    return dict(shown["notification"])


def paid(student: Person, made: dict[str, Any]) -> str:
    """Pay for a booking at Razorpay's checkout, as the page does; the booking's id."""
    booking_id = str(made["booking"]["id"])
    student.post("/api/payments/verify", student.pay(made["order"]["orderId"]))
    wait_until("the confirmation", lambda: student.get(f"/api/bookings/{booking_id}")["status"] == "confirmed")
    return booking_id


def bring(booking_id: str, begins: datetime) -> None:
    """A booking's time comes sooner than a test can wait for; what is due then is a task, as ever."""

    def move(tx: Tx) -> None:
        now = clock.now()
        booking = repository.get(tx, booking_id)
        calendar.release(tx, booking["participants"], booking_id, booking["scheduledAt"], booking["endsAt"])
        times: Doc = {"scheduledAt": begins, "endsAt": begins + timedelta(hours=1), "nextActionAt": begins}
        repository.update(tx, booking_id, now=now, **times)
        schedule.pending(tx, {**booking, **times}, now)

    context().run(move)


def a_week_passes(env: Env, booking_id: str) -> None:
    """What was earned by a booking was earned last week."""
    settled_at = policy.until(clock.now()) - timedelta(hours=1)
    terms = ("bookings", booking_id, "private", "terms")
    Database(env["GOOGLE_CLOUD_PROJECT"]).set(terms, {"settledAt": settled_at}, merge=True)


def job(env: Env, name: str) -> dict[str, Any]:
    """Run a scheduled function, or one of the console's, now."""
    answer = requests.post(f"{env['FUNCTIONS_URL']}/{name}", json={}, timeout=120)
    answer.raise_for_status()
    return dict(answer.json())


def test_from_the_application_to_the_payout(stack_env: Env, with_jitsi: Env, sockets: SocketClients) -> None:
    ravi, meera, admin = people.person(stack_env, "Ravi"), people.user(stack_env), people.admin(stack_env)
    listen(sockets, ravi, 1)
    listen(sockets, meera, 2)
    slug, company = become_mentor(ravi, meera, admin, sockets)

    # Found by what a student filters by, and booked at a time that is shown.
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    found = f"/api/mentors?company={company}&expertise=DSA&priceMax=1000&availability={day}&tz=Asia/Kolkata"
    [card] = wait_until("the list", lambda: meera.get(found)["items"])
    assert (card["slug"], card["startingPrice"], card["isAcceptingBookings"]) == (slug, 600, True)
    booking_id = paid(meera, book(meera, ravi, open_slot(meera, ravi)))
    for person, subject in ((meera, "Your session is booked"), (ravi, "You have a booking")):
        assert rung(sockets, person, "booking_confirmed", booking_id)["title"] == subject
        [event] = wait_until("the invitation", lambda person=person, mail=subject: attached(person, mail))
        assert (event["ATTENDEE"], event["STATUS"]) == (f"mailto:{person.email}", "CONFIRMED")
    rung(sockets, ravi, "payment_received", booking_id)
    meet(sockets, with_jitsi, booking_id, meera, ravi)

    review = meera.post(f"/api/bookings/{booking_id}/review", {"rating": 4, "comment": "Clear and patient."})
    assert rung(sockets, ravi, "review_received")["data"]["rating"] == 4

    def stands() -> tuple[Any, ...]:
        page = meera.get(f"/api/mentors/{slug}")
        return page["rating"], page["reviewCount"], page["totalSessions"]

    wait_until("the rating", lambda: stands() == (4, 1, 1))
    assert [one["id"] for one in meera.get(f"/api/mentors/{ravi.uid}/reviews")["items"]] == [review["id"]]
    pay_out(stack_env, sockets, booking_id, ravi)


def become_mentor(ravi: Person, student: Person, admin: Person, sockets: SocketClients) -> tuple[str, str]:
    """Apply, be approved, set up what students need; (slug, company)."""
    company = f"Acme {secrets.token_hex(4)}"
    experience = {**APPLICATION["experience"], "currentCompany": company}
    form = {**APPLICATION, "name": "Ravi Nair", "experience": experience, "pricing": {"30": 600, "60": 1000}}
    applied = ravi.post("/api/mentors/apply", form)
    slug = str(applied["slug"])
    assert applied["applicationStatus"] == "pending"
    with pytest.raises(CallError, match="404"):
        student.get(f"/api/mentors/{slug}")
    with pytest.raises(CallError, match="403"):
        ravi.get("/api/mentors/dashboard/stats")
    waiting = admin.get("/api/admin/mentor-applications?status=pending&limit=100")["items"]
    assert ravi.uid in [one["id"] for one in waiting]
    assert admin.call("PUT", f"/api/admin/mentors/{ravi.uid}/approve", {})["applicationStatus"] == "approved"
    rung(sockets, ravi, "mentor_approved")
    wait_for_mail(ravi, "Your application is approved")
    ravi.sign_in()
    ravi.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "America/New_York"})
    ravi.call("PUT", "/api/mentors/payout-details", BANK)
    page = student.get(f"/api/mentors/{slug}")
    assert (page["headline"], page["pricing"]) == (APPLICATION["headline"], {"30": 600, "60": 1000})
    return slug, company


def meet(sockets: SocketClients, with_jitsi: Env, booking_id: str, student: Person, mentor: Person) -> None:
    """Both come into the call, once its time has come, and the mentor says that it was held."""
    path = f"/api/bookings/{booking_id}"
    waiting = student.get(f"{path}/meeting-link")
    assert (waiting["status"], waiting["url"], waiting["secondsLeft"] > 3600) == ("waiting", None, True)
    with pytest.raises(CallError, match="SESSION_NOT_STARTED"):
        mentor.call("PUT", f"{path}/complete")
    bring(booking_id, clock.now())
    wait_until("the beginning", lambda: student.get(path)["status"] == "in_progress")
    for person, role in ((student, "participant"), (mentor, "moderator")):
        link = person.get(f"{path}/meeting-link")
        assert (link["status"], link["role"]) == ("open", role)
        own = replace(person, env={**person.env, **with_jitsi}).get(f"{path}/meeting-link")
        assert own["roomName"] == link["roomName"] in link["url"]
        claims = jwt.decode(own["token"], JITSI["jitsi_app_secret"], algorithms=["HS256"], audience="jitsi")
        assert (claims["room"], claims["context"]["user"]["id"]) == (link["roomName"], person.uid)
        assert claims["context"]["user"]["moderator"] == str(person is mentor).lower()
    for person in (student, mentor):
        rung(sockets, person, "session_started", booking_id)
    with pytest.raises(CallError, match="MENTOR_ONLY"):
        student.call("PUT", f"{path}/complete")
    assert mentor.call("PUT", f"{path}/complete")["status"] == "completed"
    for person in (student, mentor):
        rung(sockets, person, "session_completed", booking_id)


def pay_out(env: Env, sockets: SocketClients, booking_id: str, ravi: Person) -> None:
    """What the mentor sees of the money, until it is at the bank."""
    report = ravi.get("/api/mentors/dashboard/earnings")
    [session] = report["items"]
    assert (session["bookingId"], session["earned"], session["payout"]) == (booking_id, 780, "pending")
    assert (report["pending"]["amount"], report["paid"]["amount"]) == (780, 0)
    a_week_passes(env, booking_id)
    for _ in range(2):
        job(env, "pay_earnings")

    def completed() -> list[dict[str, Any]]:
        return [one for one in ravi.get("/api/payouts")["items"] if one["status"] == "completed"]

    [payout] = wait_until("the payout", completed)
    assert (payout["amount"], payout["platformFee"], payout["gatewayFee"], payout["netAmount"]) == (1000, 200, 20, 780)
    rung(sockets, ravi, "payout_processed")
    wait_for_mail(ravi, "Your earnings are paid")
    report = ravi.get("/api/mentors/dashboard/earnings")
    assert (report["items"][0]["payout"], report["pending"]["amount"], report["paid"]["amount"]) == ("paid", 0, 780)
    statement = f"/api/payouts/{payout['id']}/statement"
    lines = list(csv.DictReader(io.StringIO(ravi.response("GET", f"{statement}?format=csv").text)))
    assert [(one["line"], one["bookingId"], one["earned"]) for one in lines] == [
        ("session", booking_id, "780"),
        ("sum of sessions", "", "780"),
        ("paid out", "", "780"),
    ]
    [page] = pypdfium2.PdfDocument(ravi.response("GET", statement).content)
    # An id may go on in the next line.
    text = "".join(page.get_textpage().get_text_range().split())
    assert all(said in text for said in (booking_id, "₹780.00", payout["transactionId"])), text


def test_called_off_in_time_and_too_late(stack_env: Env, sockets: SocketClients, ravi: Person) -> None:
    meera = people.user(stack_env)
    bell = listen(sockets, ravi, 1)
    listen(sockets, meera, 2)
    early = paid(meera, book(meera, ravi, open_slot(meera, ravi)))
    cancelled = meera.call("PUT", f"/api/bookings/{early}/cancel", {"reason": "I am travelling."})
    assert (cancelled["status"], cancelled["cancelledBy"], cancelled["refund"]["amount"]) == (
        "cancelled",
        "student",
        1000,
    )

    late = paid(meera, book(meera, ravi, open_slot(meera, ravi)))
    # The stack's four hours are eight minutes.
    bring(late, clock.now() + timedelta(minutes=4))
    kept = meera.call("PUT", f"/api/bookings/{late}/cancel", {"reason": "I am ill."})
    assert (kept["status"], kept["refund"], kept["payment"]["status"]) == ("cancelled", None, "paid")
    for booking_id, said in ((early, "₹1,000.00 goes back"), (late, "Nothing is refunded.")):
        for person in (meera, ravi):
            told = rung(sockets, person, "booking_cancelled", booking_id)
            assert (said in told["message"]) == (person is meera), told
    assert ravi.get("/api/notifications/unread-count")["count"] >= 2
    mark = sockets.mark()
    ravi.call("PUT", "/api/notifications/read-all")
    sockets.wait_for(bell, "unread_count", lambda data: data["count"] == 0, since=mark)
    [event] = wait_until("the cancellation", lambda: attached(ravi, "A session is cancelled"))
    assert event["STATUS"] == "CANCELLED"

    def refund() -> Any:
        shown = meera.get(f"/api/bookings/{early}")
        return shown if shown["refund"]["status"] == "processed" else None

    shown = wait_until("the webhook of the refund", refund)
    assert (shown["payment"]["status"], shown["payment"]["refunded"]) == ("refunded", 1000)
    assert [at_razorpay(meera, one)["amount_refunded"] for one in (early, late)] == [1000_00, 0]
    # The hour that nobody can book any more is the mentor's all the same.
    assert ravi.get("/api/mentors/dashboard/earnings")["pending"]["amount"] == 780
    with pytest.raises(CallError, match="409"):
        meera.post(f"/api/bookings/{late}/review", {"rating": 1})


def at_razorpay(student: Person, booking_id: str) -> dict[str, Any]:
    """The payment of a booking as Razorpay has it."""
    payment_id = student.get(f"/api/bookings/{booking_id}")["payment"]["paymentId"]
    keys = (student.env["RAZORPAY_KEY_ID"], student.env["RAZORPAY_KEY_SECRET"])
    url = f"{student.env['RAZORPAY_URL']}/v1/payments/{payment_id}"
    return dict(requests.get(url, auth=keys, timeout=TIMEOUT_S).json())


def test_text_code_and_a_file_in_real_time(stack_env: Env, sockets: SocketClients, ravi: Person) -> None:
    meera = people.user(stack_env)
    booking_id = paid(meera, book(meera, ravi, open_slot(meera, ravi)))
    listed = wait_until("the conversation", lambda: meera.get("/api/conversations")["items"])
    assert [(one["id"], one["other"]["name"]) for one in listed] == [(booking_id, "Ravi")]
    listen(sockets, ravi, 2)
    student, mentor = listen(sockets, meera, 1, "/chat"), listen(sockets, ravi, 2, "/chat")
    of = {"conversationId": booking_id}
    assert sockets.call(mentor, "join_conversation", of)["unreadCount"] == 0
    sockets.call(student, "typing_start", of)
    assert sockets.wait_for(mentor, "user_typing").args[0]["userId"] == meera.uid

    def say(**fields: Any) -> dict[str, Any]:
        """Send a message, and return it as the other side has got it."""
        ack = sockets.call(student, "send_message", {**of, **fields})
        assert "error" not in ack, ack
        new = sockets.wait_for(mentor, "new_message", lambda data: data["message"]["id"] == ack["message"]["id"])
        assert new.args[0]["message"] == ack["message"]
        return dict(ack["message"])

    assert say(content="**Hello**, and <b>thanks</b>", type="text")["content"] == "**Hello**, and <b>thanks</b>"
    shown = say(content="", type="code", codeBlock=CODE)
    assert (shown["type"], shown["codeBlock"]) == ("code", CODE)
    file = {"purpose": "attachment", "contentType": "application/pdf", "size": len(NOTES), "fileName": "notes.pdf"}
    upload = meera.post("/api/uploads", {**file, **of})
    sent = requests.put(upload["url"], data=NOTES, headers=upload["headers"], timeout=TIMEOUT_S)
    assert sent.status_code == 200, sent.text
    last = say(content="", type="file", attachmentId=upload["id"])
    link = ravi.get(last["attachment"]["url"])["url"]
    assert (last["attachment"]["fileName"], requests.get(link, timeout=TIMEOUT_S).content) == ("notes.pdf", NOTES)

    # Not read for a while, the bell tells of it; read, both see so.
    def told() -> bool:
        job(stack_env, "tell_messages")
        return "new_message" in [one["type"] for one in ravi.get("/api/notifications")["items"]]

    wait_until("the notice", told)
    assert rung(sockets, ravi, "new_message")["data"]["conversationId"] == booking_id
    assert sockets.call(mentor, "mark_read", {**of, "messageId": last["id"]})["unreadCount"] == 0
    assert sockets.wait_for(student, "message_read").args[0]["messageId"] == last["id"]
    history = meera.get(f"/api/conversations/{booking_id}/messages")["items"]
    assert sorted((one["type"], one["read"]) for one in history) == [("code", True), ("file", True), ("text", True)]


def test_paid_by_coupon_package_and_plan(stack_env: Env, ravi: Person) -> None:
    """Three sessions with one mentor, each paid in another way: the share is that of the price all the same."""
    meera, admin = people.user(stack_env), people.admin(stack_env)
    code = f"NEW-{secrets.token_hex(4)}".upper()
    admin.post("/api/admin/coupons", {"code": code, "percent": 10, "maxUses": 1})
    size = {"sessions": 2, "duration": 60, "discountPercent": 20, "validDays": 30}
    [offered] = ravi.call("PUT", "/api/mentors/packages", {"packages": [size]})["items"]
    bookings = []

    def wanted(**more: Any) -> dict[str, Any]:
        return {"mentorId": ravi.uid, "duration": 60, "topic": "Custom", "scheduledAt": open_slot(meera, ravi), **more}

    made = meera.post("/api/bookings", wanted(couponCode=code, price=900))
    assert made["order"]["amount"] == 900
    bookings.append(paid(meera, made))

    bought = meera.post(f"/api/packages/{offered['id']}/purchase", {"price": 1600})
    meera.post("/api/payments/verify", meera.pay(bought["order"]["orderId"]))
    made = meera.post("/api/bookings", wanted(packagePurchaseId=bought["package"]["purchase"]["id"]))
    assert (made["order"], made["booking"]["status"], made["booking"]["price"]) == (None, "confirmed", 800)
    bookings.append(made["booking"]["id"])

    pay_subscription(meera, meera.post("/api/subscriptions", {"planId": "premium"})["subscriptionId"])
    wait_until("the plan", lambda: meera.get("/api/subscriptions/current")["plan"]["id"] == "premium")
    made = meera.post("/api/bookings", wanted())
    assert (made["order"], made["booking"]["status"], made["booking"]["payable"]) == (None, "confirmed", 0)
    assert meera.get("/api/subscriptions/current")["minutesLeft"] == 0
    bookings.append(made["booking"]["id"])

    for booking_id in bookings:
        bring(booking_id, clock.now())
        assert ravi.call("PUT", f"/api/bookings/{booking_id}/complete")["status"] == "completed"
    report = ravi.get("/api/mentors/dashboard/earnings")
    assert [one["earned"] for one in report["items"]] == [780, 624, 780]
    assert report["pending"]["amount"] == 2184

    def papers() -> list[float]:
        return sorted(one["amount"] for one in meera.get("/api/payments/invoices")["items"])

    wait_until("an invoice of each payment", lambda: papers() == [900, 999, 1600])
    books = job(stack_env, "reconcile")
    assert (books["differences"], books["sumPaise"]) == ([], 0)
