"""Conversations between real clients on two instances: marks, counts, the list, files, and how fast one may be."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from konnect.store import Database, Doc, Query
from local.clients import ClientError, FirebaseClients
from local.person import Person
from tests.signaling.conftest import Instance, Pair, Seat, wait_until

EACH = 30


def conversation(db: Database, chat_id: str) -> Doc:
    found = db.get("conversations", chat_id)
    assert found is not None
    return found


def say(seat: Seat, chat_id: str, text: str) -> str:
    """The message's id."""
    return str(seat.call("chat-message", {"chatId": chat_id, "message": text})["id"])


class TestRead:
    def test_a_mark_is_stored_told_and_acknowledged(self, pair: Pair, stack_db: Database) -> None:
        chat_id = pair.start()
        ids = [say(pair.user, chat_id, str(number)) for number in range(3)]
        ack = pair.expert.call("chat-read", {"chatId": chat_id, "messageId": ids[1], "userId": "somebody"})
        assert ack == {"chatId": chat_id, "messageId": ids[1], "unread": 1}
        stored = conversation(stack_db, chat_id)
        assert stored["unread"] == {pair.user.uid: 0, pair.expert.uid: 1}
        assert stored["readUpTo"][pair.expert.uid]["messageId"] == ids[1]
        told = pair.user.wait("chat-read")
        assert set(told) == {"eventId", "chatId", "messageId", "readBy", "readAt"}
        assert (told["chatId"], told["messageId"]) == (chat_id, ids[1])
        assert not pair.expert.seen("chat-read")
        # Within a second of the one before, it is stored later; without an id: all there are.
        assert pair.expert.call("chat-read", {"chatId": chat_id})["chatId"] == chat_id
        pair.user.wait("chat-read", lambda told: told["messageId"] == ids[2])
        assert conversation(stack_db, chat_id)["unread"][pair.expert.uid] == 0

    def test_a_pinned_message_is_told_to_both(self, pair: Pair) -> None:
        chat_id = pair.start()
        message_id = say(pair.user, chat_id, "Read chapter two")
        pair.user.person.call("PUT", f"/api/conversations/{chat_id}/pin", {"messageId": message_id})
        for seat in (pair.user, pair.expert):
            told = seat.wait("chat-updated")
            assert (told["chatId"], told["pinnedMessage"]["preview"]) == (chat_id, "Read chapter two")

    def test_marks_that_come_fast_are_written_together(self, pair: Pair, stack_db: Database) -> None:
        chat_id = pair.start()
        ids = [say(pair.user, chat_id, str(number)) for number in range(8)]
        for one in (*ids, ids[0]):
            pair.expert.emit("chat-read", {"chatId": chat_id, "messageId": one})
        # What follows on the same connection does not wait for it.
        say(pair.expert, chat_id, "seen")
        pair.user.wait("chat-read", lambda told: told["messageId"] == ids[7])
        told = [one["messageId"] for one in pair.user.seen("chat-read") if one["chatId"] == chat_id]
        assert told == [one for one in ids if one in told], "in order"
        assert len(told) < len(ids)
        assert conversation(stack_db, chat_id)["unread"][pair.expert.uid] == 0

    def test_refusals(self, pair: Pair, seat: Callable[..., Seat], stranger: Person) -> None:
        chat_id = pair.start()
        say(pair.user, chat_id, "hi")
        other = seat(stranger).connect()
        for who, payload, code in (
            (other, {"chatId": chat_id}, "NOT_A_PARTICIPANT"),
            (pair.expert, {"chatId": chat_id, "messageId": "none"}, "MESSAGE_NOT_FOUND"),
            (pair.expert, {"chatId": "nowhere"}, "SESSION_NOT_FOUND"),
            (pair.expert, {"chatId": chat_id, "messageId": "a/b"}, "INVALID_INPUT"),
        ):
            assert who.call("chat-read", payload)["error"]["code"] == code

    def test_history_and_marks_outlive_the_session(self, pair: Pair) -> None:
        chat_id = pair.start()
        ids = [say(pair.user, chat_id, str(number)) for number in range(3)]
        pair.user.call("end-chat", {"chatId": chat_id})
        assert pair.expert.call("chat-read", {"chatId": chat_id, "messageId": ids[0]})["unread"] == 2
        answer = pair.expert.person.call("PUT", f"/api/messages/{ids[2]}/read")
        assert answer["unread"] == 0
        pair.user.wait("chat-read", lambda told: told["messageId"] == ids[2])
        found = pair.user.person.get(f"/api/conversations/{chat_id}/messages?limit=2")
        assert [(one["id"], one["read"]) for one in found["items"]] == [(ids[2], True), (ids[1], True)]
        refused = pair.user.person.response("POST", f"/api/conversations/{chat_id}/messages", {"message": "more?"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "SESSION_ENDED")


class TestCounts:
    def test_exact_while_both_write_at_once_by_socket_and_request(self, pair: Pair, stack_db: Database) -> None:
        chat_id = pair.start()

        def write(seat: Seat, number: int) -> None:
            payload = {"chatId": chat_id, "message": str(number), "clientMessageId": str(number)}
            for _ in range(1 + number % 2):
                assert "id" in seat.call("chat-message", payload)

        def request(seat: Seat, number: int) -> None:
            body = {"message": f"request {number}"}
            seat.person.post(f"/api/conversations/{chat_id}/messages", body)

        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(write, seat, n) for seat in (pair.user, pair.expert) for n in range(EACH)]
            jobs += [pool.submit(request, pair.user, n) for n in range(5)]
            for job in jobs:
                job.result()
        stored = conversation(stack_db, chat_id)
        assert stored["unread"] == {pair.user.uid: EACH, pair.expert.uid: EACH + 5}
        messages = Query(("sessions", chat_id, "messages"), order=(("createdAt", "desc"),)).run(stack_db)
        assert len(messages) == 2 * EACH + 5
        assert stored["lastMessage"]["id"] in {message["id"] for message in messages[:10]}
        for one, left in ((pair.user, EACH), (pair.expert, EACH + 5)):
            assert next(c for c in listed(one.person) if c["id"] == chat_id)["unreadCount"] == left
            assert one.call("chat-read", {"chatId": chat_id})["unread"] == 0

    def test_a_mark_that_waits_is_written_when_the_instance_stops(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, instance: Callable[..., Instance], stack_db: Database
    ) -> None:
        stopping = instance()
        reader = seat(user, stopping.url).connect()
        chat_id = pair.start()
        ids = [say(pair.expert, chat_id, str(number)) for number in range(3)]
        for one in ids:
            reader.call("chat-read", {"chatId": chat_id, "messageId": one})
        stopping.process.terminate()
        stopping.process.wait(60)
        assert conversation(stack_db, chat_id)["readUpTo"][user.uid]["messageId"] == ids[2]


class TestList:
    def test_shows_who_with_what_and_whether_they_are_there(self, pair: Pair) -> None:
        first, _ = pair.start(), pair.user.call("end-chat", {"chatId": pair.chats[0]})
        second = pair.start()
        sent = say(pair.user, second, "the second")
        assert first not in [one["id"] for one in listed(pair.expert.person)], "nothing was said in it"
        newest = listed(pair.expert.person)[0]
        assert (newest["id"], newest["lastMessage"]["id"], newest["unreadCount"]) == (second, sent, 1)
        assert newest["other"] == {"id": pair.user.uid, "name": "Meera", "online": True}
        assert listed(pair.user.person)[0]["other"]["id"] == pair.expert.uid

    def test_a_snapshot_of_ones_own_follows(
        self, pair: Pair, firebase: FirebaseClients, stranger: Person, stack_env: dict[str, str]
    ) -> None:
        person = pair.expert.person
        assert firebase.sign_in("asha", person.email, person.password).uid == person.uid
        mine = {
            "collection": "conversations",
            "where": [["participants", "array-contains", person.uid]],
            "orderBy": [["updatedAt", "desc"]],
            "limit": 20,
        }
        firebase.listen("asha", mine, "list")
        chat_id = pair.start()
        say(pair.user, chat_id, "one")
        say(pair.user, chat_id, "two")

        def shows(unread: int) -> Callable[[Any], bool]:
            def check(snapshot: Any) -> bool:
                top = snapshot["docs"][0] if snapshot["docs"] else {"id": None}
                return top["id"] == chat_id and top["data"]["unread"][person.uid] == unread

            return check

        firebase.wait_for("asha", "list", shows(2))
        pair.expert.call("chat-read", {"chatId": chat_id})
        firebase.wait_for("asha", "list", shows(0))
        firebase.sign_in("ravi", stranger.email, stranger.password)
        for target in (f"conversations/{chat_id}", mine):
            with pytest.raises(ClientError) as refused:
                firebase.get("ravi", target)
            assert refused.value.code == "permission-denied"


class TestFiles:
    def test_a_file_by_socket(self, pair: Pair, seat: Callable[..., Seat], stranger: Person) -> None:
        chat_id = pair.start()
        picture = b"\x89PNG\r\n\x1a\n a board"
        wanted = {"purpose": "attachment", "contentType": "image/png", "size": len(picture), "fileName": "board.png"}
        upload = pair.user.person.post("/api/uploads", {**wanted, "sessionId": chat_id})
        payload = {"chatId": chat_id, "attachmentId": upload["id"]}
        early = pair.user.call("chat-message", payload)["error"]
        assert (early["code"], early["details"][0]["field"]) == ("UPLOAD_MISSING", "attachmentId")
        requests.put(upload["url"], data=picture, headers=upload["headers"], timeout=60).raise_for_status()
        assert pair.expert.call("chat-message", payload)["error"]["code"] == "FOREIGN_FILE"
        acks = [pair.user.call("chat-message", payload) for _ in range(2)]
        assert acks[0]["id"] == acks[1]["id"]
        seen = pair.expert.wait("new-message", lambda message: message["id"] == acks[0]["id"])
        assert (seen["type"], seen["message"], seen["attachment"]["fileName"]) == ("image", "", "board.png")
        link = pair.expert.person.get(seen["attachment"]["url"])
        assert requests.get(link["url"], timeout=60).content == picture


class TestLimits:
    def test_typing_is_bounded_a_connection(self, pair: Pair) -> None:
        chat_id = pair.start()
        with ThreadPoolExecutor(16) as pool:
            payload = {"chatId": chat_id, "isTyping": True}
            acks = list(pool.map(lambda _: pair.user.call("chat-typing", payload), range(100)))
        refused = [ack["error"] for ack in acks if "error" in ack]
        assert refused
        assert {(error["code"], error["retryAfterS"]) for error in refused} == {("RATE_LIMITED", 1)}
        assert len(acks) - len(refused) >= 10
        # The other side's, and its own other events, have nothing to do with it.
        assert "error" not in pair.expert.call("chat-typing", payload)
        assert "id" in pair.user.call("chat-message", {"chatId": chat_id, "message": "typed"})

    def test_messages_are_limited_over_two_instances(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, instance: Callable[..., Instance], stack_db: Database
    ) -> None:
        # Long enough for a slow machine to exceed what may be sent in it.
        minute_s = 8
        slow = {"MESSAGES_PER_MINUTE": "6", "RATE_LIMIT_FACTOR": "1", "MINUTE_S": str(minute_s)}
        seats = [seat(user, instance(**slow).url).connect() for _ in range(2)]
        chat_id = pair.start()
        refused, asked_at, answered_at = [], [], []
        deadline = time.monotonic() + 60
        while len(refused) < 5 and time.monotonic() < deadline:
            began = time.monotonic()
            ack = seats[len(refused) % 2].call("chat-message", {"chatId": chat_id, "message": "again"})
            if "error" in ack:
                refused.append(ack["error"])
            else:
                asked_at.append(began)
                answered_at.append(time.monotonic())
        assert {error["code"] for error in refused} == {"RATE_LIMITED"}
        assert all(1 <= error["retryAfterS"] <= minute_s for error in refused)
        assert Query(("sessions", chat_id, "messages")).count(stack_db) == len(asked_at)
        # Beside the limit there is what the second lets pass unlooked.
        assert all(answered_at[n + 8] - asked_at[n] > minute_s - 0.1 for n in range(len(asked_at) - 8))
        # The window slides: there is room again.
        message = {"chatId": chat_id, "message": "later"}
        wait_until(lambda: "id" in seats[0].call("chat-message", message))


def listed(person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get("/api/conversations?limit=100")["items"]
    return found


@pytest.fixture(scope="module")
def firebase(stack_env: dict[str, str]) -> Iterator[FirebaseClients]:
    with FirebaseClients(stack_env) as clients:
        yield clients
