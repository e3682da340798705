"""Messages of a session: stored before they are acknowledged, in order, for the two alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from konnect.store import Database, Query
from local.person import Person
from tests.signaling.conftest import Pair, Seat, wait_until

BURST = 200


class TestMessages:
    def test_both_sides_get_a_message_and_the_sender_its_id(self, pair: Pair, stack_db: Database) -> None:
        chat_id = pair.start()
        ack = pair.user.call("chat-message", {"chatId": chat_id, "message": "नमस्ते", "senderId": "somebody"})
        stored = stack_db.get("sessions", chat_id, "messages", ack["id"])
        assert stored is not None
        assert stored["senderId"] == pair.user.uid
        for seat in (pair.user, pair.expert):
            seen = seat.wait("new-message", lambda message: message["id"] == ack["id"])
            assert seen == {
                "eventId": ack["id"],
                "id": ack["id"],
                "chatId": chat_id,
                "message": "नमस्ते",
                "type": "text",
                "attachment": None,
                "codeBlock": None,
                "replyTo": None,
                "reactions": [],
                "isEdited": False,
                "editedAt": None,
                "senderId": pair.user.uid,
                "timestamp": ack["timestamp"],
                **({"unread": 1} if seat is pair.expert else {}),
            }
        answer = pair.expert.call("chat-message", {"chatId": chat_id, "message": "Hello"})
        assert pair.user.wait("new-message", lambda m: m["id"] == answer["id"])["senderId"] == pair.expert.uid

    def test_a_burst_arrives_in_order_with_every_ack(self, pair: Pair, stack_db: Database) -> None:
        chat_id = pair.start()
        texts = [f"message {number}" for number in range(BURST)]
        for text in texts:
            pair.user.emit("chat-message", {"chatId": chat_id, "message": text})
        last = pair.user.call("chat-message", {"chatId": chat_id, "message": "last"})
        assert "id" in last
        for seat in (pair.user, pair.expert):
            seat.wait("new-message", lambda message: message["message"] == "last")
            assert seat.messages(chat_id) == [*texts, "last"]
        order = (("createdAt", "asc"), ("__name__", "asc"))
        stored = Query(("sessions", chat_id, "messages"), order=order).run(stack_db)
        assert [doc["message"] for doc in stored] == [*texts, "last"]
        stamps = [message["timestamp"] for message in pair.expert.seen("new-message")]
        assert stamps == sorted(stamps)

    def test_a_polling_client_may_send_a_burst_too(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, urls: tuple[str, str]
    ) -> None:
        chat_id = pair.start()
        polling = seat(user, urls[0])
        polling.connect(options={"transports": ["polling"]})
        for number in range(60):
            polling.emit("chat-message", {"chatId": chat_id, "message": str(number)})
        assert "id" in polling.call("chat-message", {"chatId": chat_id, "message": "last"})
        pair.expert.wait("new-message", lambda message: message["message"] == "last")
        assert pair.expert.messages(chat_id) == [*map(str, range(60)), "last"]

    def test_many_acks_at_once(self, pair: Pair) -> None:
        chat_id = pair.start()
        with ThreadPoolExecutor(32) as pool:
            acks = list(
                pool.map(
                    lambda number: pair.user.call("chat-message", {"chatId": chat_id, "message": str(number)}),
                    range(64),
                )
            )
        assert len({ack["id"] for ack in acks}) == 64

    def test_a_repeat_under_the_clients_id_is_stored_and_shown_once(self, pair: Pair, stack_db: Database) -> None:
        chat_id = pair.start()
        payload = {"chatId": chat_id, "message": "once", "clientMessageId": "c-1"}
        acks = [pair.user.call("chat-message", payload) for _ in range(3)]
        assert acks[0]["id"] == acks[1]["id"] == acks[2]["id"]
        pair.user.call("chat-message", {"chatId": chat_id, "message": "after"})
        pair.expert.wait("new-message", lambda message: message["message"] == "after")
        assert pair.expert.messages(chat_id) == ["once", "after"]
        assert pair.user.messages(chat_id) == ["once", "after"]

    def test_a_long_message_gets_a_code_and_keeps_the_connection(self, pair: Pair) -> None:
        chat_id = pair.start()
        error = pair.user.call("chat-message", {"chatId": chat_id, "message": "x" * 100_000})["error"]
        assert error["code"] == "MESSAGE_TOO_LONG"
        assert error["details"][0]["field"] == "message"
        assert "id" in pair.user.call("chat-message", {"chatId": chat_id, "message": "short"})
        assert not pair.user.seen("disconnect")

    def test_an_empty_message_is_refused(self, pair: Pair) -> None:
        assert pair.user.call("chat-message", {"chatId": pair.start(), "message": "  "})["error"]["code"] == (
            "INVALID_INPUT"
        )

    def test_what_is_not_to_be_seen_is_left_out_and_half_a_character_refused(self, pair: Pair) -> None:
        chat_id = pair.start()
        ack = pair.user.call("chat-message", {"chatId": chat_id, "message": "<b>a</b>\u202e\u200b\r\nb"})
        assert pair.expert.wait("new-message", lambda message: message["id"] == ack["id"])["message"] == "<b>a</b>\nb"
        half = pair.user.call("chat-message", {"chatId": chat_id, "message": "half \ud83d"})["error"]
        assert (half["code"], half["details"][0]["field"]) == ("INVALID_INPUT", "message")
        assert "id" in pair.user.call("chat-message", {"chatId": chat_id, "message": "whole 😀"})
        assert not pair.user.seen("disconnect")

    def test_a_foreign_chat_is_refused_and_unchanged(
        self, pair: Pair, seat: Callable[..., Seat], stranger: Person, stack_db: Database
    ) -> None:
        chat_id = pair.start()
        other = seat(stranger).connect()
        assert other.call("chat-message", {"chatId": chat_id, "message": "hi"})["error"]["code"] == "NOT_A_PARTICIPANT"
        assert other.call("end-chat", {"chatId": chat_id})["error"]["code"] == "NOT_A_PARTICIPANT"
        missed = other.call("register", {"chatId": chat_id, "lastMessageId": None})
        assert missed["error"]["code"] == "NOT_A_PARTICIPANT"
        assert not Query(("sessions", chat_id, "messages")).run(stack_db)

    def test_an_unknown_chat_is_told(self, pair: Pair) -> None:
        error = pair.user.call("chat-message", {"chatId": "nowhere", "message": "hi"})["error"]
        assert error["code"] == "SESSION_NOT_FOUND"

    def test_after_the_end_nothing_is_sent(self, pair: Pair) -> None:
        chat_id = pair.start()
        pair.user.call("chat-message", {"chatId": chat_id, "message": "hi"})
        assert pair.user.call("end-chat", {"chatId": chat_id}) == {
            "chatId": chat_id,
            "status": "completed",
            "reason": "user-ended",
        }
        for one in (pair.user, pair.expert):
            assert one.wait("chat-ended", lambda ended: ended["chatId"] == chat_id)["reason"] == "user-ended"
            error = one.call("chat-message", {"chatId": chat_id, "message": "still there?"})["error"]
            assert error["code"] == "SESSION_ENDED"

    def test_all_devices_of_both_get_it(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, urls: tuple[str, str]
    ) -> None:
        second = seat(user, urls[1]).connect()
        chat_id = pair.start()
        ack = pair.user.call("chat-message", {"chatId": chat_id, "message": "everywhere"})
        assert second.wait("new-message")["id"] == ack["id"]


class TestSession:
    def test_the_queue_moves_and_tells(
        self, pair: Pair, seat: Callable[..., Seat], stranger: Person, urls: tuple[str, str]
    ) -> None:
        pair.start()
        waiting = seat(stranger, urls[1]).connect()
        answer = waiting.call("request-chat", {"expertId": pair.expert.uid})
        assert (answer["queued"], answer["position"]) == (True, 1)
        joined = waiting.wait("queue-joined")
        assert (joined["expertId"], joined["position"]) == (pair.expert.uid, 1)
        assert waiting.call("leave-queue", {"expertId": pair.expert.uid}) == {"left": True}
        assert waiting.call("leave-queue", {"expertId": pair.expert.uid}) == {"left": False}

    def test_refusals_have_codes(self, pair: Pair, expert: Person) -> None:
        assert pair.user.call("request-chat", {"expertId": "nobody"})["error"]["code"] == "EXPERT_NOT_FOUND"
        own = pair.expert.call("request-chat", {"expertId": expert.uid})["error"]
        assert own["code"] == "INVALID_INPUT"
        poor = pair.expert.call("end-chat", {"chatId": "nowhere"})["error"]
        assert poor["code"] == "SESSION_NOT_FOUND"

    def test_the_functions_events_arrive(self, pair: Pair) -> None:
        chat_id = pair.start()
        billed = pair.user.wait("billing-update", lambda update: update["duration"] >= 2)
        assert billed["chatId"] == chat_id
        assert "balance" in billed
        assert "balance" not in pair.expert.wait("billing-update", lambda update: update["duration"] >= 2)
        wait_until(lambda: len({update["eventId"] for update in pair.user.seen("billing-update")}) >= 2)
