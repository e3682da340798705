"""Away and back: nothing lost, nothing twice, the session goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from konnect.store import Database
from local.person import Person
from tests.signaling.conftest import Instance, Pair, Seat, connections, expire, wait_until


@contextmanager
def talking(seat: Seat, chat_id: str, texts: list[str]) -> Iterator[None]:
    """`seat` says one thing after the other meanwhile; what it said is in `texts`."""
    stop = threading.Event()

    def talk() -> None:
        while not stop.wait(0.01):
            texts.append(f"message {len(texts)}")
            ack = seat.call("chat-message", {"chatId": chat_id, "message": texts[-1]})
            assert "id" in ack, ack

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(90)


def last_id(seat: Seat, chat_id: str) -> str | None:
    seen = [message for message in seat.seen("new-message") if message["chatId"] == chat_id]
    return seen[-1]["id"] if seen else None


class TestReplay:
    @pytest.mark.parametrize("to", [0, 1])
    def test_what_was_missed_comes_once_and_in_order(
        self, to: int, pair: Pair, seat: Callable[..., Seat], user: Person, urls: tuple[str, str]
    ) -> None:
        chat_id = pair.start()
        texts: list[str] = []
        back = seat(user, urls[to])
        with talking(pair.expert, chat_id, texts):
            pair.user.wait("new-message", lambda message: message["message"] == "message 5")
            pair.user.clients.disconnect(pair.user.name)
            before = pair.user.messages(chat_id)
            back.connect(lastMessageId=last_id(pair.user, chat_id))
            back.wait("new-message")
            count = len(texts)
            pair.expert.wait("new-message", lambda message: message["message"] == f"message {count + 5}")
        end = texts[-1]
        back.wait("new-message", lambda message: message["message"] == end)
        assert before + back.messages(chat_id) == texts
        assert back.call("register", {})["session"]["id"] == chat_id

    def test_what_was_overtaken_is_found(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, urls: tuple[str, str]
    ) -> None:
        chat_id = pair.start()
        ids = [pair.expert.call("chat-message", {"chatId": chat_id, "message": str(n)})["id"] for n in range(5)]
        # 2 came before 1, which was still under way when the line broke.
        back = seat(user, urls[1]).connect(seenMessageIds=[ids[0], ids[2]])
        back.wait("new-message", lambda message: message["id"] == ids[4])
        assert back.messages(chat_id) == ["1", "3", "4"]
        state = back.call("register", {"seenMessageIds": ids[:4]})
        assert [message["id"] for message in state["missed"]] == ids[4:]

    def test_a_dropped_line_comes_back_by_itself(self, pair: Pair) -> None:
        chat_id = pair.start()
        texts: list[str] = []
        clients, user = pair.user.clients, pair.user
        with talking(pair.expert, chat_id, texts):
            for _ in range(3):
                seen = len(user.messages(chat_id))
                user.wait("new-message", lambda _, n=seen: len(user.messages(chat_id)) > n)
                # As a client that keeps its credentials up to date does. What comes between is asked for twice.
                clients.set_auth(user.name, auth={"token": user.person.token, "lastMessageId": last_id(user, chat_id)})
                mark = clients.mark()
                clients.kill(user.name)
                clients.wait_for(user.name, "connect", since=mark)
        user.wait("new-message", lambda message: message["message"] == texts[-1])
        # Whatever overlapped has the same id: nothing is missing, and each in order at its first sight.
        seen_once = list(dict.fromkeys(user.messages(chat_id)))
        assert seen_once == texts

    def test_register_answers_with_what_was_missed(self, pair: Pair) -> None:
        chat_id = pair.start()
        ids = [pair.user.call("chat-message", {"chatId": chat_id, "message": str(n)})["id"] for n in range(4)]
        state = pair.expert.call("register", {"userType": "mentor", "lastMessageId": ids[1]})
        assert [message["id"] for message in state["missed"]] == ids[2:]
        assert state["session"]["id"] == chat_id
        assert state["session"]["status"] == "in_progress"
        everything = pair.expert.call("register", {"chatId": chat_id, "lastMessageId": None})
        assert [message["id"] for message in everything["missed"]] == ids
        unknown = pair.expert.call("register", {"chatId": chat_id, "lastMessageId": "nothing"})
        assert unknown["error"]["code"] == "MESSAGE_NOT_FOUND"

    def test_more_than_a_page_is_replayed(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, urls: tuple[str, str]
    ) -> None:
        chat_id = pair.start()
        first = pair.user.call("chat-message", {"chatId": chat_id, "message": "first"})["id"]
        texts = [str(number) for number in range(230)]
        for text in texts:
            pair.expert.emit("chat-message", {"chatId": chat_id, "message": text})
        pair.expert.call("chat-message", {"chatId": chat_id, "message": "last"})
        back = seat(user, urls[1]).connect(lastMessageId=first)
        back.wait("new-message", lambda message: message["message"] == "last")
        assert back.messages(chat_id) == [*texts, "last"]

    def test_what_cannot_be_replayed_is_told(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, stranger: Person, urls: tuple[str, str]
    ) -> None:
        chat_id = pair.start()
        back = seat(user, urls[1]).connect(lastMessageId="nothing")
        assert back.wait("resync-failed")["error"]["code"] == "MESSAGE_NOT_FOUND"
        assert "id" in back.call("chat-message", {"chatId": chat_id, "message": "live again"})
        assert back.wait("new-message")["message"] == "live again"
        other = seat(stranger).connect(chatId=chat_id, lastMessageId=None)
        assert other.wait("resync-failed")["error"]["code"] == "NOT_A_PARTICIPANT"
        assert not other.seen("new-message")


class TestInstanceLost:
    def test_a_session_survives_the_crash_of_an_instance(
        self,
        pair: Pair,
        seat: Callable[..., Seat],
        user: Person,
        instance: Callable[[], Instance],
        urls: tuple[str, str],
        stack_db: Database,
    ) -> None:
        crashing = instance()
        pair.user.clients.disconnect(pair.user.name)
        pair.user = seat(user, crashing.url).connect()
        chat_id = pair.start()
        first = pair.expert.call("chat-message", {"chatId": chat_id, "message": "before"})["id"]
        pair.user.wait("new-message", lambda message: message["id"] == first)
        crashing.process.kill()
        crashing.process.wait(60)
        pair.expert.call("chat-message", {"chatId": chat_id, "message": "meanwhile"})
        back = seat(user, urls[1]).connect(lastMessageId=first)
        assert back.wait("new-message")["message"] == "meanwhile"
        assert back.call("register", {})["session"]["id"] == chat_id
        # Its connection is still written down until the others reap it; the user is present all the while.
        assert crashing.id in instances(stack_db, user.uid)
        expire(stack_db, crashing)
        wait_until(lambda: crashing.id not in instances(stack_db, user.uid))
        wait_until(lambda: "reapedAt" in (stack_db.get("presenceLeases", crashing.id) or {}))
        session = stack_db.get("sessions", chat_id)
        assert session is not None
        assert (session["status"], session["userAbsentSince"]) == ("in_progress", None)
        assert "id" in back.call("chat-message", {"chatId": chat_id, "message": "here again"})
        pair.expert.wait("new-message", lambda message: message["message"] == "here again")


def instances(db: Database, uid: str) -> set[str]:
    return {connection["instance"] for connection in connections(db, uid).values()}
