"""Edits, reactions, the pin, the archive."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from konnect.messaging import changes, endpoints
from konnect.messaging.message import Message
from tests.messaging.conftest import Talk
from tests.support import at_once, kept_events


@pytest.fixture(autouse=True)
def own_limit() -> Iterator[None]:
    """The people of all these tests have the same ids."""
    endpoints._limit.cache_clear()
    yield
    endpoints._limit.cache_clear()


def edit(talk: Talk, uid: str, sent: Message, *, late_s: float = 1, **fields: Any) -> Message:
    return changes.edit(talk.ctx, talk.of, uid, sent.id, now=sent.created_at + timedelta(seconds=late_s), **fields)


def minutes_s(talk: Talk, minutes: float) -> float:
    return talk.ctx.settings.seconds(minutes * 60)


class TestEdit:
    def test_both_are_told_and_the_list_follows(self, talk: Talk) -> None:
        sent = talk.say("meera", "helo")
        changes.pin(talk.ctx, talk.of, "asha", sent.id, now=talk.now)
        edited = edit(talk, "meera", sent, text="hello\u202e")
        assert (edited.message, edited.edited_at) == ("hello", sent.created_at + timedelta(seconds=1))
        [stored] = talk.stored
        assert (stored["message"], stored["editedAt"]) == ("hello", edited.edited_at)
        assert talk.conversation["lastMessage"]["preview"] == "hello"
        assert talk.conversation["pinnedMessage"]["preview"] == "hello"
        assert talk.conversation["unread"] == {"meera": 0, "asha": 1}
        for uid in ("meera", "asha"):
            [told] = kept_events(talk.ctx).named("message-updated", f"user:{uid}")
            assert (told["chatId"], told["message"]["message"], told["message"]["isEdited"]) == ("s1", "hello", True)
        edit(talk, "meera", sent, text="hello")
        assert len(kept_events(talk.ctx).named("message-updated")) == 2, "the same again changes nothing"

    def test_an_older_one_leaves_the_list_alone(self, talk: Talk) -> None:
        sent = talk.say("meera", "first")
        talk.say("asha", "second")
        edit(talk, "meera", sent, text="changed")
        assert talk.conversation["lastMessage"]["preview"] == "second"

    def test_code_comes_and_goes(self, talk: Talk) -> None:
        sent = talk.say("meera", "look")
        assert edit(talk, "meera", sent, code_block={"language": "text", "code": "x"}).type == "code"
        assert edit(talk, "meera", sent, code_block=None).type == "text"
        assert talk.stored[0]["message"] == "look"

    def test_15_minutes_to_the_second(self, talk: Talk) -> None:
        sent = talk.say("meera", "x")
        edit(talk, "meera", sent, late_s=minutes_s(talk, 15), text="y")
        with pytest.raises(Exception, match="15 minutes") as refused:
            edit(talk, "meera", sent, late_s=minutes_s(talk, 15) + 0.001, text="z")
        assert getattr(refused.value, "code", "") == "EDIT_TOO_LATE"

    def test_refusals(self, talk: Talk) -> None:
        mine, theirs = talk.say("meera", "mine"), talk.say("asha", "theirs")
        ended = talk.session("ended")
        over = ended.say("meera", "over")
        ended.session("ended", status="completed")
        for who, message_id, body, status, code in (
            (None, mine.id, {"content": "x"}, 401, "UNAUTHENTICATED"),
            ("ravi", mine.id, {"content": "x"}, 403, "NOT_A_PARTICIPANT"),
            ("meera", theirs.id, {"content": "x"}, 403, "NOT_THE_SENDER"),
            ("meera", "s1.none", {"content": "x"}, 404, "MESSAGE_NOT_FOUND"),
            ("meera", over.id, {"content": "x"}, 409, "SESSION_ENDED"),
            ("meera", mine.id, {"content": " "}, 400, "INVALID_INPUT"),
            ("meera", mine.id, {"content": "x" * 5001}, 400, "MESSAGE_TOO_LONG"),
            ("meera", mine.id, {"codeBlock": {"code": ""}}, 400, "INVALID_INPUT"),
        ):
            refused = talk.api.user(who).call("PATCH", f"/api/messages/{message_id}", body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), message_id
        assert talk.stored[0]["message"] == "mine"

    def test_while_others_write_the_list_shows_the_last(self, talk: Talk) -> None:
        sent = talk.say("meera", "first")

        def work(number: int) -> None:
            if number % 2:
                talk.say("asha", str(number))
            else:
                edit(talk, "meera", sent, text=f"edit {number}")

        assert [one for one in at_once(12, work) if isinstance(one, Exception)] == []
        last = talk.conversation["lastMessage"]
        assert last["id"] != sent.id
        assert last["preview"] == next(one["message"] for one in talk.stored if one["id"] == last["id"])
        assert talk.conversation["unread"]["meera"] == talk.unread_by_count("meera") == 6


class TestReactions:
    def path(self, sent: Message) -> str:
        return f"/api/messages/{sent.id}/reactions"

    def test_toggled_and_told(self, talk: Talk) -> None:
        sent = talk.say("meera", "done")
        first = talk.api.user("asha").post(self.path(sent), {"emoji": "❤️"})
        assert first.status_code == 200, first.text
        assert first.json()["reactions"] == [{"emoji": "❤", "userId": "asha"}]
        both = talk.api.user("meera").post(self.path(sent), {"emoji": "❤"}).json()
        assert [one["userId"] for one in both["reactions"]] == ["asha", "meera"]
        left = talk.api.user("asha").post(self.path(sent), {"emoji": "❤"}).json()
        assert left["reactions"] == talk.stored[0]["reactions"] == [{"emoji": "❤", "userId": "meera"}]
        told = kept_events(talk.ctx).named("message-updated", "user:meera")
        assert [len(one["message"]["reactions"]) for one in told] == [1, 2, 1]
        assert len({one["eventId"] for one in told}) == 3

    def test_set_or_taken_back_is_the_same_again(self, talk: Talk) -> None:
        sent = talk.say("meera", "done")
        for on, count in ((True, 1), (True, 1), (False, 0), (False, 0)):
            answer = talk.api.user("asha").post(self.path(sent), {"emoji": "👍", "on": on}).json()
            assert len(answer["reactions"]) == count

    def test_twenty_at_once_make_one(self, talk: Talk) -> None:
        sent = talk.say("meera", "done")
        at_once(20, lambda _: changes.react(talk.ctx, talk.of, "asha", sent.id, "👍", on=True))
        assert talk.stored[0]["reactions"] == [{"emoji": "👍", "userId": "asha"}]

    def test_refusals(self, talk: Talk) -> None:
        sent = talk.say("meera", "done")
        for who, body, status, field in (
            (None, {"emoji": "👍"}, 401, None),
            ("ravi", {"emoji": "👍"}, 403, None),
            ("asha", {}, 400, "emoji"),
            ("asha", {"emoji": "👍👍"}, 400, "emoji"),
            ("asha", {"emoji": "ok"}, 400, "emoji"),
            ("asha", {"emoji": "👍", "on": "yes"}, 400, "on"),
        ):
            refused = talk.api.user(who).post(self.path(sent), body)
            assert refused.status_code == status
            if field:
                assert refused.json()["error"]["details"][0]["field"] == field
        assert talk.api.user("asha").post("/api/messages/s1.none/reactions", {"emoji": "👍"}).status_code == 404
        for symbol in "😀😁😂😃😄😅😆😇😈😉":
            talk.api.user("asha").post(self.path(sent), {"emoji": symbol})
        refused = talk.api.user("asha").post(self.path(sent), {"emoji": "👍"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "TOO_MANY_REACTIONS")


class TestPin:
    PATH = "/api/conversations/s1/pin"

    def test_one_a_conversation(self, talk: Talk) -> None:
        ids = [talk.say("meera", text).id for text in ("one", "two")]
        for message_id in ids:
            shown = talk.api.user("asha").call("PUT", self.PATH, {"messageId": message_id}).json()
            assert (shown["pinnedMessage"]["id"], shown["pinnedMessage"]["pinnedBy"]) == (message_id, "asha")
        assert talk.conversation["pinnedMessage"]["preview"] == "two"
        assert talk.api.user("meera").call("PUT", self.PATH, {"messageId": None}).json()["pinnedMessage"] is None
        told = kept_events(talk.ctx).named("chat-updated", "user:meera")
        assert [one["pinnedMessage"] and one["pinnedMessage"]["id"] for one in told] == [*ids, None]

    def test_refusals(self, talk: Talk) -> None:
        sent, other = talk.say("meera", "x"), talk.session("s2").say("meera", "y")
        talk.session("s3")
        for who, path, body, status in (
            (None, self.PATH, {"messageId": sent.id}, 401),
            ("ravi", self.PATH, {"messageId": sent.id}, 403),
            ("meera", self.PATH, {"messageId": other.id}, 404),
            ("meera", self.PATH, {"messageId": "none"}, 404),
            ("meera", self.PATH, {}, 400),
            ("meera", "/api/conversations/none/pin", {"messageId": sent.id}, 404),
            ("meera", "/api/conversations/s3/pin", {"messageId": None}, 404),
        ):
            assert talk.api.user(who).call("PUT", path, body).status_code == status, (path, body)


class TestArchive:
    def listed(self, talk: Talk, uid: str, *, archived: bool, limit: int = 20) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            page = talk.api.user(uid).get("/api/conversations", archived=archived, limit=limit, cursor=cursor).json()
            assert {one["isArchived"] for one in page["items"]} <= {archived}
            found += [one["id"] for one in page["items"]]
            cursor = page["nextCursor"]
            if cursor is None:
                return found

    def put(self, talk: Talk, uid: str, **body: Any) -> Any:
        answer = talk.api.user(uid).call("PUT", f"/api/conversations/{talk.id}/archive", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def test_for_one_side_until_the_next_message(self, talk: Talk) -> None:
        talk.say("meera", "hi")
        assert self.put(talk, "meera")["isArchived"] is True
        self.put(talk, "meera")
        assert self.listed(talk, "meera", archived=False) == []
        assert self.listed(talk, "meera", archived=True) == ["s1"]
        assert self.listed(talk, "asha", archived=False) == ["s1"]
        [told] = kept_events(talk.ctx).named("chat-updated")
        assert (told["chatId"], told["archived"]) == ("s1", True)
        assert kept_events(talk.ctx).named("chat-updated", "user:meera") == [told]
        talk.say("asha", "still there?")
        assert self.listed(talk, "meera", archived=False) == ["s1"]
        assert self.listed(talk, "meera", archived=True) == []

    def test_brought_back(self, talk: Talk) -> None:
        talk.say("meera", "hi")
        self.put(talk, "meera", archived=True)
        assert self.put(talk, "meera", archived=False)["isArchived"] is False
        assert self.listed(talk, "meera", archived=False) == ["s1"]

    def test_pages(self, talk: Talk) -> None:
        talks = [talk.session(f"p{number}") for number in range(7)]
        for one in talks:
            one.say("asha", "hi")
        for one in talks[::2]:
            self.put(one, "meera")
        for limit in (1, 2, 3):
            assert self.listed(talk, "meera", archived=False, limit=limit) == ["p5", "p3", "p1"]
            assert self.listed(talk, "meera", archived=True, limit=limit) == ["p6", "p4", "p2", "p0"]

    def test_refusals(self, talk: Talk) -> None:
        for who, path, body, status in (
            (None, "s1", {}, 401),
            ("ravi", "s1", {}, 403),
            ("meera", "none", {}, 404),
            ("meera", "s1", {}, 404),
            ("meera", "s1", {"archived": "yes"}, 400),
        ):
            refused = talk.api.user(who).call("PUT", f"/api/conversations/{path}/archive", body)
            assert refused.status_code == status, (who, path)
