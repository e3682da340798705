"""Namespace /chat: conversations of bookings and of sessions, on two instances, through the stock client."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from konnect.contacts import MAIL_HIDDEN, PHONE_HIDDEN
from konnect.store import Database, Query
from local.clients import SocketClients
from local.person import Person
from tests import people
from tests.signaling.conftest import QUICK, Instance, Pair, Seat, connections, wait_until


class Desk(Seat):
    """A seat in the namespace of conversations."""

    def connect(self, *, options: Any = None, **auth: Any) -> "Desk":
        self.since = self.clients.mark()
        given = {"token": self.person.token, **auth}
        options = {**QUICK, **(options or {})}
        self.clients.connect(self.name, self.url, auth=given, namespace="/chat", options=options)
        return self

    def send(self, conversation_id: str, content: str, **fields: Any) -> dict[str, Any]:
        ack = self.call("send_message", {"conversationId": conversation_id, "content": content, **fields})
        assert "error" not in ack, ack
        message: dict[str, Any] = ack["message"]
        return message

    def told(self, event: str, conversation_id: str) -> list[Any]:
        found = [one.get("message", one) for one in self.seen(event)]
        return [one for one in found if one["conversationId"] == conversation_id]


@pytest.fixture
def desk(clients: SocketClients, urls: tuple[str, str]) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(person: Person, url: str = urls[0]) -> Desk:
        made.append(Desk(clients, person, url, f"desk-{uuid.uuid4().hex[:8]}"))
        return made[-1]

    yield make
    for one in made:
        clients.drop(one.name)


@pytest.fixture(scope="module")
def mentor(stack_env: dict[str, str], stack_db: Database) -> Person:
    """Who can be booked at any time."""
    mentor = people.expert(stack_env, "Kiran")
    stack_db.set(("experts", mentor.uid), {"pricing": {"60": 1000}, "pricingPaise": {"60": 1000_00}}, merge=True)
    days = [{"dayOfWeek": day, "slots": [{"start": "00:00", "end": "24:00"}]} for day in range(7)]
    mentor.call("PUT", "/api/mentors/availability", {"timeZone": "UTC", "availability": days})
    return mentor


@pytest.fixture(scope="module")
def student(stack_env: dict[str, str]) -> Person:
    return people.user(stack_env, "Leela")


@pytest.fixture(scope="module")
def booking(student: Person, mentor: Person) -> Iterator[str]:
    """A booking that was paid for: its id, which is its conversation's."""
    at = (datetime.now(UTC) + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    wanted = {"mentorId": mentor.uid, "scheduledAt": at.isoformat(), "duration": 60, "topic": "Custom"}
    booked = student.post("/api/bookings", wanted)
    student.post("/api/payments/verify", student.pay(booked["order"]["orderId"]))
    booking_id = str(booked["booking"]["id"])
    wait_until(lambda: [one for one in listed(student) if one["id"] == booking_id])
    yield booking_id
    mentor.call("PUT", f"/api/bookings/{booking_id}/cancel", {"reason": "the tests are done"})


@pytest.fixture
def both(desk: Callable[..., Desk], student: Person, mentor: Person, urls: tuple[str, str]) -> tuple[Desk, Desk]:
    return desk(student, urls[0]).connect(), desk(mentor, urls[1]).connect()


def listed(person: Person, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get(f"/api/conversations?limit=100{query}")["items"]
    return found


def only(person: Person, conversation_id: str) -> dict[str, Any]:
    return next(one for one in listed(person) if one["id"] == conversation_id)


class TestBooking:
    def test_a_message_with_all_that_belongs_to_it(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        joined = mentor.call("join_conversation", {"conversationId": booking})
        assert joined["conversationId"] == booking
        code = {"language": "Python", "code": "print(1)\n"}
        first = student.send(booking, "**hi**", type="code", codeBlock=code, clientMessageId=uuid.uuid4().hex)
        assert (first["type"], first["content"], first["message"]) == ("code", "**hi**", "**hi**")
        got = mentor.wait("new_message", lambda told: told["message"]["id"] == first["id"])
        assert got == {"eventId": first["id"], "message": first}
        student.wait("new_message", lambda told: told["message"]["id"] == first["id"])
        unread = joined["unreadCount"] + 1
        mentor.wait("unread_count", lambda told: (told["conversationId"], told["count"]) == (booking, unread))
        assert only(mentor.person, booking)["unreadCount"] == unread
        assert student.told("unread_count", booking) == []
        answer = mentor.send(booking, "yes", replyTo=first["id"])
        assert answer["replyTo"] == {"id": first["id"], "senderId": student.uid, "preview": "**hi**"}

    def test_typing_reaches_the_other_alone(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        for sent, event in (("typing_start", "user_typing"), ("typing_stop", "user_stopped_typing")):
            payload = {"conversationId": booking, "userId": "somebody"}
            assert student.call(sent, payload) == {"conversationId": booking}
            told = mentor.wait(event, lambda told: told["conversationId"] == booking)
            assert (set(told), told["userId"]) == ({"eventId", "userId", "conversationId"}, student.uid)
            assert not student.seen(event)

    def test_marks_and_counts_on_all_devices(
        self, both: tuple[Desk, Desk], desk: Callable[..., Desk], booking: str, urls: tuple[str, str]
    ) -> None:
        student, mentor = both
        phone = desk(mentor.person, urls[0]).connect()
        ids = [student.send(booking, str(number))["id"] for number in range(3)]
        ack = mentor.call("mark_read", {"conversationId": booking, "messageId": ids[1]})
        assert ack == {"conversationId": booking, "messageId": ids[1], "unreadCount": 1}
        told = student.wait("message_read", lambda told: told["messageId"] == ids[1])
        assert (told["conversationId"], told["readBy"]) == (booking, mentor.uid)
        phone.wait("unread_count", lambda told: (told["conversationId"], told["count"]) == (booking, 1))
        mentor.person.call("PUT", f"/api/messages/{ids[2]}/read")
        phone.wait("unread_count", lambda told: (told["conversationId"], told["count"]) == (booking, 0))
        student.wait("message_read", lambda told: told["messageId"] == ids[2])

    def test_requests_and_sockets_are_one(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        sent = student.person.post(f"/api/conversations/{booking}/messages", {"content": "by request"})
        got = mentor.wait("new_message", lambda told: told["message"]["id"] == sent["id"])["message"]
        assert {name: got[name] for name in got} == {name: sent[name] for name in got}
        history = mentor.person.get(f"/api/conversations/{booking}/messages?limit=1")["items"]
        assert history[0]["id"] == sent["id"]

    def test_edits_reactions_and_the_pin_are_live(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        sent = student.send(booking, "helo")
        path = f"/api/messages/{sent['id']}"
        edited = student.person.call("PATCH", path, {"content": "hello"})
        assert (edited["content"], edited["isEdited"]) == ("hello", True)
        mentor.person.post(f"{path}/reactions", {"emoji": "👍"})
        mentor.person.call("PUT", f"/api/conversations/{booking}/pin", {"messageId": sent["id"]})
        for one in both:
            one.wait("message_updated", lambda told: told["message"]["content"] == "hello")
            told = one.wait("message_updated", lambda told: bool(told["message"]["reactions"]))["message"]
            assert (told["id"], told["reactions"]) == (sent["id"], [{"emoji": "👍", "userId": mentor.uid}])
            pinned = one.wait("conversation_updated")
            assert (pinned["conversationId"], pinned["pinnedMessage"]["preview"]) == (booking, "hello")

    def test_put_away_on_ones_own_devices_until_the_next_message(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        mentor.send(booking, "one more")
        student.person.call("PUT", f"/api/conversations/{booking}/archive", {"archived": True})
        assert student.wait("conversation_updated")["archived"] is True
        assert booking not in [one["id"] for one in listed(student.person)]
        assert booking in [one["id"] for one in listed(student.person, "&archived=true")]
        mentor.send(booking, "and another")
        assert booking in [one["id"] for one in listed(student.person)]
        assert not mentor.seen("conversation_updated")

    def test_contacts_never_reach_the_other_side(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        sent = student.send(booking, "98765 43210, leela@example.com")
        got = mentor.wait("new_message", lambda told: told["message"]["id"] == sent["id"])["message"]
        assert got["content"] == sent["content"] == f"{PHONE_HIDDEN}, {MAIL_HIDDEN}"

    def test_a_file(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        picture = b"\x89PNG\r\n\x1a\n a board"
        wanted = {"purpose": "attachment", "contentType": "image/png", "size": len(picture), "fileName": "board.png"}
        upload = student.person.post("/api/uploads", {**wanted, "conversationId": booking})
        requests.put(upload["url"], data=picture, headers=upload["headers"], timeout=60).raise_for_status()
        sent = student.send(booking, "", attachmentId=upload["id"])
        got = mentor.wait("new_message", lambda told: told["message"]["id"] == sent["id"])["message"]
        assert (got["type"], got["attachment"]["fileName"]) == ("image", "board.png")
        link = mentor.person.get(got["attachment"]["url"])
        assert requests.get(link["url"], timeout=60).content == picture

    def test_what_was_missed_comes_with_joining(
        self, both: tuple[Desk, Desk], desk: Callable[..., Desk], booking: str
    ) -> None:
        student, mentor = both
        ids = [student.send(booking, str(number))["id"] for number in range(3)]
        back = desk(mentor.person).connect()
        payload = {"conversationId": booking, "lastMessageId": ids[0]}
        joined = back.call("join_conversation", payload)
        assert [one["id"] for one in joined["missed"]] == ids[1:]
        assert joined["missed"][0]["conversationId"] == booking

    def test_no_calls_without_a_session(self, seat: Callable[..., Seat], student: Person, booking: str) -> None:
        refused = seat(student).connect().call("call-offer", {"chatId": booking, "offer": {"type": "offer", "sdp": ""}})
        assert refused["error"]["code"] == "NOT_A_SESSION"

    def test_refusals(self, both: tuple[Desk, Desk], desk: Callable[..., Desk], stranger: Person, booking: str) -> None:
        other = desk(stranger).connect()
        for event, fields in (
            ("join_conversation", {}),
            ("send_message", {"content": "hi"}),
            ("typing_start", {}),
            ("typing_stop", {}),
            ("mark_read", {}),
        ):
            for who, conversation_id, code in (
                (other, booking, "NOT_A_PARTICIPANT"),
                (both[0], "nowhere", "SESSION_NOT_FOUND"),
                (both[0], "a/b", "INVALID_INPUT"),
                (both[0], None, "INVALID_INPUT"),
            ):
                ack = who.call(event, {"conversationId": conversation_id, **fields})
                assert ack["error"]["code"] == code, (event, conversation_id)
        for payload, field in (
            ({"content": ""}, "message"),
            ({"content": 1}, "content"),
            ({"content": "x", "replyTo": "s.none"}, "replyTo"),
            ({"content": "x", "attachmentId": "none"}, "attachmentId"),
            ({"codeBlock": {"language": "python"}}, "codeBlock.code"),
        ):
            error = both[0].call("send_message", {"conversationId": booking, **payload})["error"]
            assert error["details"][0]["field"] == field
        assert both[0].call("chat-message", {"chatId": booking, "message": "hi"})["error"]["code"] == "UNKNOWN_EVENT"


class TestSession:
    def test_one_conversation_in_both_namespaces(
        self, pair: Pair, desk: Callable[..., Desk], urls: tuple[str, str]
    ) -> None:
        chat_id = pair.start()
        user, expert = desk(pair.user.person, urls[1]).connect(), desk(pair.expert.person, urls[0]).connect()
        by_root = pair.user.call("chat-message", {"chatId": chat_id, "message": "by /"})
        by_chat = expert.send(chat_id, "by /chat")
        for root, chat in ((pair.user, user), (pair.expert, expert)):
            for sent, text in ((by_root, "by /"), (by_chat, "by /chat")):
                got = root.wait("new-message", lambda told, sent=sent: told["id"] == sent["id"])
                twin = chat.wait("new_message", lambda told, sent=sent: told["message"]["id"] == sent["id"])["message"]
                assert got["message"] == twin["content"] == text
        told = pair.expert.wait("new-message", lambda told: told["id"] == by_root["id"])
        assert told["unread"] == 1
        pair.user.call("chat-typing", {"chatId": chat_id, "isTyping": True})
        assert expert.wait("user_typing")["userId"] == pair.user.uid
        user.call("typing_stop", {"conversationId": chat_id})
        assert pair.expert.wait("chat-typing", lambda told: not told["isTyping"])["userId"] == pair.user.uid
        user.call("mark_read", {"conversationId": chat_id})
        assert pair.expert.wait("chat-read")["readBy"] == pair.user.uid
        expert.wait("message_read")
        pair.user.person.call("PATCH", f"/api/messages/{by_root['id']}", {"message": "edited"})
        pair.expert.wait("message-updated", lambda told: told["message"]["message"] == "edited")
        expert.wait("message_updated", lambda told: told["message"]["content"] == "edited")
        pair.user.call("end-chat", {"chatId": chat_id})
        refused = wait_until(
            lambda: expert.call("send_message", {"conversationId": chat_id, "content": "?"}).get("error")
        )
        assert refused["code"] == "SESSION_ENDED"

    def test_nobody_is_present_by_it(self, desk: Callable[..., Desk], student: Person, stack_db: Database) -> None:
        # The test before may have left one that is leaving still.
        wait_until(lambda: connections(stack_db, student.uid) == {})
        here = desk(student).connect()
        here.call("join_conversation", {"conversationId": "nowhere"})
        assert connections(stack_db, student.uid) == {}


class TestLimits:
    def test_typing_and_marks_are_bounded_a_connection(self, both: tuple[Desk, Desk], booking: str) -> None:
        student, mentor = both
        with ThreadPoolExecutor(16) as pool:
            acks = list(pool.map(lambda _: student.call("typing_start", {"conversationId": booking}), range(100)))
        refused = [ack["error"]["code"] for ack in acks if "error" in ack]
        assert set(refused) == {"RATE_LIMITED"}
        assert len(acks) - len(refused) >= 10
        assert "error" not in mentor.call("typing_start", {"conversationId": booking})
        student.send(booking, "typed")

    def test_messages_of_both_namespaces_are_counted_together(
        self,
        seat: Callable[..., Seat],
        desk: Callable[..., Desk],
        student: Person,
        booking: str,
        instance: Callable[..., Instance],
        stack_db: Database,
    ) -> None:
        # A minute of its own, which is over with the instance.
        slow = instance(MESSAGES_PER_MINUTE="6", RATE_LIMIT_FACTOR="1", MINUTE_S="60")
        root, chat = seat(student, slow.url).connect(), desk(student, slow.url).connect()
        before = Query(("conversations", booking, "messages")).count(stack_db)
        acks = []
        for number in range(16):
            if number % 2:
                acks.append(root.call("chat-message", {"chatId": booking, "message": "again"}))
            else:
                acks.append(chat.call("send_message", {"conversationId": booking, "content": "again"}))
        assert {ack["error"]["code"] for ack in acks if "error" in ack} == {"RATE_LIMITED"}
        sent = sum("error" not in ack for ack in acks)
        assert sent <= 6
        assert Query(("conversations", booking, "messages")).count(stack_db) == before + sent
