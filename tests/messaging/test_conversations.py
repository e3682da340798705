"""What a conversation shows of its messages: exact, whatever is sent, repeated and read at once."""

import random
import threading
import time

import pytest

from konnect.errors import Conflict, NotFound
from konnect.ledger.service import shard_of
from konnect.messaging import deletion, service
from konnect.messaging.message import Message
from konnect.store import Emit, measure
from tests.messaging.conftest import UNLIMITED, Talk
from tests.support import at_once, kept_events

MESSAGES = 20


class TestLastMessage:
    def test_a_message_writes_its_conversation_in_its_commit(self, talk: Talk) -> None:
        of = talk.of
        with measure() as cost:
            sent = service.send(talk.ctx, of, "meera", "Hello\n\tAsha", limit=UNLIMITED)
        assert (cost.reads, cost.writes) == (0, 2)
        conversation = talk.conversation
        last = conversation.pop("lastMessage")
        assert (last.pop("at"), conversation.pop("updatedAt")) == (sent.created_at, sent.created_at)
        assert last == {"id": sent.id, "senderId": "meera", "preview": "Hello Asha", "type": "text"}
        assert conversation == {
            "type": "session",
            "participants": ["meera", "asha"],
            "names": {"meera": "Meera Nair", "asha": "Asha"},
            "expertId": "asha",
            "unread": {"meera": 0, "asha": 1},
            "shard": int(shard_of("s1")),
        }

    def test_a_long_text_is_cut(self, talk: Talk) -> None:
        talk.say("meera", "word " * 1000)
        preview = talk.conversation["lastMessage"]["preview"]
        assert len(preview) == 120
        assert preview.endswith("…")

    def test_a_repeat_changes_nothing(self, talk: Talk) -> None:
        first = talk.say("meera", "once", client_id="c1")
        talk.say("asha", "and this")
        before = talk.conversation
        assert talk.say("meera", "once", client_id="c1") == first
        assert talk.conversation == before
        assert before["unread"] == {"meera": 1, "asha": 1}

    def test_the_same_twenty_times_at_once_counts_once(self, talk: Talk) -> None:
        done = at_once(MESSAGES, lambda _: talk.say("meera", "once", client_id="c1"))
        assert len({one.id for one in done if isinstance(one, Message)}) == 1
        assert not [error for error in done if isinstance(error, Exception)]
        assert talk.conversation["unread"] == {"meera": 0, "asha": 1}


class TestUnread:
    def test_counts_what_the_other_side_said_after_the_mark(self, talk: Talk) -> None:
        ids = [talk.say("meera", str(number)).id for number in range(4)]
        talk.say("asha", "yes?")
        assert talk.conversation["unread"] == {"meera": 1, "asha": 4}
        assert talk.read("asha", ids[1]) == 2
        assert talk.read("asha", ids[3]) == 0
        assert talk.read("meera", None) == 0
        talk.say("meera", "more")
        assert talk.conversation["unread"] == {"meera": 0, "asha": 1}

    def test_the_mark_never_goes_back(self, talk: Talk) -> None:
        ids = [talk.say("meera", str(number)).id for number in range(3)]
        talk.read("asha", ids[2])
        before = talk.conversation
        told = len(kept_events(talk.ctx).named("chat-read"))
        assert talk.read("asha", ids[0]) == 0
        assert talk.read("asha", ids[2]) == 0
        assert talk.conversation == before
        assert len(kept_events(talk.ctx).named("chat-read")) == told

    def test_the_newest_of_several_counts(self, talk: Talk) -> None:
        ids = [talk.say("meera", str(number)).id for number in range(5)]
        receipt = service.read(talk.ctx, talk.of, "asha", [ids[3], ids[0], "gone", ids[2]], now=talk.now)
        assert (receipt.message_id, receipt.unread) == (ids[3], 1)
        with pytest.raises(NotFound, match="no such message"):
            service.read(talk.ctx, talk.of, "asha", ["gone"], now=talk.now)

    def test_the_other_side_is_told(self, talk: Talk) -> None:
        sent = talk.say("meera", "hi")
        talk.read("asha", sent.id)
        [told] = [emit for emit in kept_events(talk.ctx).sent if emit.event == "chat-read"]
        assert isinstance(told, Emit)
        assert told.room == "user:meera"
        assert told.data["chatId"] == "s1"
        assert (told.data["messageId"], told.data["readAt"]) == (sent.id, "2026-01-05T10:00:00.000Z")

    def test_marks_work_after_the_end_and_messages_do_not(self, talk: Talk) -> None:
        sent = talk.say("meera", "hi")
        talk.session("s1", status="completed")
        assert talk.read("asha", sent.id) == 0
        with pytest.raises(Conflict, match="ended"):
            talk.say("meera", "still there?")

    def test_a_session_from_before_has_no_conversation_until_it_is_read(self, talk: Talk) -> None:
        old = talk.say("meera", "hi")
        talk.ctx.db.delete("conversations", "s1")
        assert talk.api.user("asha").get("/api/conversations/s1/messages").json()["items"][0]["read"] is False
        assert talk.read("asha", old.id) == 0
        assert talk.api.user("meera").get("/api/conversations/s1/messages").json()["items"][0]["read"] is True

    def test_exact_while_both_write_and_read(self, talk: Talk) -> None:
        """Both sides write from two threads each, with repeats, and mark meanwhile what they see."""
        of = talk.of
        stop = threading.Event()
        errors: list[Exception] = []

        def write(sender: str, thread: int) -> None:
            for number in range(MESSAGES):
                for _ in range(random.choice((1, 1, 2))):
                    client_id = f"{thread}-{number}"
                    service.send(talk.ctx, of, sender, client_id, client_id=client_id, limit=UNLIMITED)

        def read(reader: str) -> None:
            while not stop.is_set():
                if stored := talk.stored:
                    service.read(talk.ctx, of, reader, [random.choice(stored)["id"]], now=talk.now)
                time.sleep(0.02)

        def safely(work: object, *args: object) -> None:
            try:
                work(*args)  # type: ignore[operator]
            except Exception as error:
                errors.append(error)

        writers = [
            threading.Thread(target=safely, args=(write, sender, number))
            for sender in ("meera", "asha")
            for number in (1, 2)
        ]
        readers = [threading.Thread(target=safely, args=(read, reader)) for reader in ("meera", "asha")]
        for thread in (*writers, *readers):
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert errors == []
        assert len(talk.stored) == 4 * MESSAGES
        assert talk.conversation["unread"] == {uid: talk.unread_by_count(uid) for uid in ("meera", "asha")}
        last = talk.conversation["lastMessage"]
        assert last["id"] in {one["id"] for one in talk.stored[-4:]}
        assert (talk.read("meera", None), talk.read("asha", None)) == (0, 0)


class TestDeletion:
    def test_the_name_goes_and_the_words_stay(self, talk: Talk) -> None:
        talk.say("meera", "hi")
        other = talk.session("s2")
        other.say("asha", "and again")
        for _ in range(2):
            deletion.erase(talk.ctx, "meera", "Deleted user")
        for one in (talk, other):
            assert one.conversation["names"] == {"meera": "Deleted user", "asha": "Asha"}
        assert talk.conversation["lastMessage"]["preview"] == "hi"
        assert talk.stored[0]["message"] == "hi"
