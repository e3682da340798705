"""Unread messages: one notification until they are read, and one line of a digest a last message."""

from typing import Any

import pytest

from konnect import clock
from konnect.context import Context
from konnect.messaging import deletion, notices
from konnect.store import Doc, Query
from tests.experts import world
from tests.messaging.conftest import Talk


def told(ctx: Context, uid: str, type: str) -> list[Doc]:
    query = Query(("notifications",)).filter("userId", "==", uid).filter("type", "==", type)
    return sorted(query.run(ctx.db), key=lambda one: one["createdAt"])


def tell(ctx: Context, after_s: float = notices.NOTICE_AFTER_S) -> int:
    """A run `after_s` from now: all messages until now are of the age. Their times are the server's own."""
    return int(notices.tell(ctx, {}, clock.after(clock.now(), after_s))["told"])


def digest(ctx: Context) -> int:
    return int(notices.digest(ctx, {}, clock.after(clock.now(), notices.DIGEST_AFTER_S))["told"])


class TestNotice:
    def test_one_for_all_that_is_unread(self, talk: Talk) -> None:
        talk.say("meera", "Are you there?")
        talk.say("meera", "It is urgent.")
        assert tell(talk.ctx) == 1
        (one,) = told(talk.ctx, "asha", "new_message")
        assert (one["title"], one["message"]) == ("Meera Nair wrote to you", "It is urgent.")
        assert (one["actionUrl"], one["channels"]) == ("/messages/s1", ["push"])
        assert told(talk.ctx, "meera", "new_message") == []
        # More of it tells nothing; after it was read, the next does.
        last = talk.say("meera", "Hello?")
        assert tell(talk.ctx) == 0
        talk.read("asha", last.id)
        talk.say("meera", "Thank you!")
        assert tell(talk.ctx) == 1
        assert len(told(talk.ctx, "asha", "new_message")) == 2

    def test_what_is_read_or_answered_in_time_tells_nothing(self, talk: Talk) -> None:
        talk.read("asha", talk.say("meera", "Hi").id)
        other = talk.session("s2")
        other.say("meera", "Hi")
        other.say("asha", "Hi!")
        other.read("meera", other.stored[-1]["id"])
        assert tell(talk.ctx) == 0

    def test_not_before_its_time_and_not_twice(self, talk: Talk) -> None:
        talk.say("meera", "Hi")
        assert tell(talk.ctx, 0) == 0
        assert tell(talk.ctx) == 1
        assert tell(talk.ctx) == 0

    def test_after_an_outage_of_the_job(self, talk: Talk) -> None:
        assert tell(talk.ctx, -3600) == 0
        talk.say("meera", "Hi")
        assert tell(talk.ctx, 5 * 3600) == 1


class TestDigest:
    def test_all_conversations_of_a_reader_in_one(self, talk: Talk) -> None:
        other = talk.session("s2")
        talk.say("meera", "One")
        talk.say("meera", "Two")
        other.say("meera", "Three")
        assert digest(talk.ctx) == 1
        (one,) = told(talk.ctx, "asha", "message_digest")
        assert (one["title"], one["message"]) == ("You have 3 unread messages", "From Meera Nair.")
        assert one["channels"] == ["email", "push"]
        assert one["data"]["count"] == 3
        assert sorted(
            (item["conversationId"], item["count"], item["lastMessage"]) for item in one["data"]["conversations"]
        ) == [
            ("s1", 2, "Two"),
            ("s2", 1, "Three"),
        ]

    def test_both_sides(self, talk: Talk) -> None:
        other = talk.session("s2")
        talk.say("meera", "To Asha")
        other.say("asha", "To Meera")
        assert digest(talk.ctx) == 2
        assert [len(told(talk.ctx, uid, "message_digest")) for uid in ("meera", "asha")] == [1, 1]

    def test_a_run_that_is_repeated_over_more_tells_of_the_rest_alone(self, talk: Talk) -> None:
        talk.say("meera", "One")
        assert digest(talk.ctx) == 1
        # As if the run had ended before it noted its place.
        talk.ctx.db.delete("noticeRuns", "digest")
        assert digest(talk.ctx) == 0
        other = talk.session("s2")
        other.say("meera", "Two")
        talk.ctx.db.delete("noticeRuns", "digest")
        assert digest(talk.ctx) == 1
        first, second = told(talk.ctx, "asha", "message_digest")
        assert [item["conversationId"] for item in first["data"]["conversations"]] == ["s1"]
        assert [item["conversationId"] for item in second["data"]["conversations"]] == ["s2"]

    def test_a_new_message_is_told_of_with_what_is_unread_still(self, talk: Talk) -> None:
        talk.say("meera", "One")
        assert digest(talk.ctx) == 1
        talk.say("meera", "Two")
        assert digest(talk.ctx) == 1
        assert told(talk.ctx, "asha", "message_digest")[-1]["data"]["count"] == 2
        assert digest(talk.ctx) == 0

    def test_a_failure_leaves_the_rest_for_the_next_run(self, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
        talk.say("meera", "To Asha")
        talk.session("s2").say("asha", "To Meera")
        original, done = notices._digest, []

        def failing(ctx: Context, uid: str, *rest: Any) -> int:
            if done:
                raise RuntimeError("the instance is gone")
            done.append(uid)
            return original(ctx, uid, *rest)

        with monkeypatch.context() as patched:
            patched.setattr(notices, "_digest", failing)
            with pytest.raises(RuntimeError):
                digest(talk.ctx)
        assert digest(talk.ctx) == 1
        assert [len(told(talk.ctx, uid, "message_digest")) for uid in ("meera", "asha")] == [1, 1]

    def test_names(self) -> None:
        names = notices._names
        assert names(["A"]) == "A"
        assert names(["A", "A", "B"]) == "A and B"
        assert names(["A", "B", "C"]) == "A, B and C"
        assert names(["A", "B", "C", "D"]) == "A, B, C and others"

    def test_deletion_forgets_what_was_told(self, talk: Talk) -> None:
        talk.say("meera", "One")
        digest(talk.ctx)
        assert world.doc(talk.ctx, "digests", "asha")["last"]
        deletion.erase(talk.ctx, "asha", "Deleted user")
        assert talk.ctx.db.get("digests", "asha") is None
