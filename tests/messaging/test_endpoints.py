"""Conversations over HTTP: the list, the history, sending, marking."""

from collections.abc import Iterator
from typing import Any

import pytest

from konnect.messaging import endpoints
from tests.experts import world
from tests.messaging.conftest import Talk
from tests.support import kept_events
from tests.uploads.conftest import SAMPLES, Desk

MESSAGES = "/api/conversations/s1/messages"


@pytest.fixture(autouse=True)
def own_limit() -> Iterator[None]:
    """The people of all these tests have the same ids."""
    endpoints._limit.cache_clear()
    yield
    endpoints._limit.cache_clear()


def everything(talk: Talk, uid: str, path: str, limit: int = 2) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = talk.api.user(uid).get(path, limit=limit, cursor=cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["nextCursor"]
        if cursor is None:
            return found


class TestSend:
    def test_stored_told_and_answered(self, talk: Talk) -> None:
        answer = talk.api.user("meera").post(MESSAGES, {"content": "नमस्ते", "senderId": "asha", "type": "text"})
        assert answer.status_code == 201, answer.text
        sent = answer.json()
        assert {name: sent[name] for name in ("message", "content", "senderId", "type", "attachment", "read")} == {
            "message": "नमस्ते",
            "content": "नमस्ते",
            "senderId": "meera",
            "type": "text",
            "attachment": None,
            "read": False,
        }
        assert sent["chatId"] == sent["conversationId"] == "s1"
        assert sent["timestamp"] == sent["createdAt"]
        assert talk.stored[0]["message"] == "नमस्ते"
        for uid in ("meera", "asha"):
            [told] = kept_events(talk.ctx).named("new-message", f"user:{uid}")
            assert (told["id"], told["eventId"], told["message"]) == (sent["id"], sent["id"], "नमस्ते")

    def test_the_clients_id_makes_a_repeat_harmless(self, talk: Talk) -> None:
        body = {"message": "once", "clientMessageId": "c1"}
        first, again = (talk.api.user("meera").post(MESSAGES, body).json() for _ in range(2))
        assert first["id"] == again["id"]
        assert talk.conversation["unread"]["asha"] == 1
        mine = talk.api.user("asha").post(MESSAGES, body).json()
        assert mine["id"] != first["id"], "another's id of the same name is another's"

    def test_what_is_not_to_be_seen_is_left_out(self, talk: Talk) -> None:
        sent = talk.api.user("meera").post(MESSAGES, {"message": "<b>a</b>\u202e\u200b\x07\r\nb"}).json()
        assert sent["message"] == "<b>a</b>\nb"
        assert talk.stored[0]["message"] == "<b>a</b>\nb"

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({}, "message", "INVALID_INPUT"),
            ({"message": " \u200b\n"}, "message", "INVALID_INPUT"),
            ({"message": 1}, "message", "INVALID_INPUT"),
            ({"message": "x" * 5001}, "message", "MESSAGE_TOO_LONG"),
            ({"message": "x", "clientMessageId": ""}, "clientMessageId", "INVALID_INPUT"),
            ({"message": "x", "clientMessageId": "c" * 129}, "clientMessageId", "INVALID_INPUT"),
            ({"message": "x", "attachmentId": "none"}, "attachmentId", "FOREIGN_FILE"),
        ],
    )
    def test_bad_input_names_the_field(self, talk: Talk, body: dict[str, Any], field: str, code: str) -> None:
        answer = talk.api.user("meera").post(MESSAGES, body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["details"][0]["field"]) == (400, code, field)
        assert talk.stored == []

    def test_5000_characters_count_after_cleaning(self, talk: Talk) -> None:
        sent = talk.api.user("meera").post(MESSAGES, {"message": "e\u0301" * 5000 + "\u200b"})
        assert sent.status_code == 201
        assert sent.json()["message"] == "é" * 5000

    def test_half_a_character_is_refused(self, talk: Talk) -> None:
        answer = talk.api.user("meera").post(MESSAGES, raw='{"message": "\\ud83d"}')
        assert answer.status_code == 400
        assert talk.stored == []

    def test_refusals(self, talk: Talk) -> None:
        talk.session("ended", status="completed")
        for who, session_id, status, code in (
            (None, "s1", 401, "UNAUTHENTICATED"),
            ("ravi", "s1", 403, "NOT_A_PARTICIPANT"),
            ("meera", "none", 404, "SESSION_NOT_FOUND"),
            ("meera", "a%20b", 404, "NOT_FOUND"),
            ("meera", "ended", 409, "SESSION_ENDED"),
        ):
            refused = talk.api.user(who).post(f"/api/conversations/{session_id}/messages", {"message": "hi"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), session_id

    def test_the_thirty_first_of_a_minute_is_refused(self) -> None:
        with world.opened(messages_per_minute=30, rate_limit_factor=1) as (ctx, api):
            self.send_31(Talk(ctx, api).session("s1"))

    def send_31(self, talk: Talk) -> None:
        for number in range(30):
            assert talk.api.user("meera").post(MESSAGES, {"message": str(number)}).status_code == 201
        refused = talk.api.user("meera").post(MESSAGES, {"message": "one more"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RATE_LIMITED")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert talk.api.user("asha").post(MESSAGES, {"message": "mine"}).status_code == 201


class TestAttachments:
    def test_a_file_with_and_without_words(self, talk: Talk) -> None:
        desk = Desk(talk.ctx, talk.api)
        for words, preview in (("look", "look"), ("", "note.webm")):
            upload = desk.uploaded("meera", "attachment", sessionId="s1")
            body = {"attachmentId": upload["id"], **({"message": words} if words else {})}
            sent = talk.api.user("meera").post(MESSAGES, body).json()
            assert (sent["type"], sent["message"]) == ("file", words)
            attachment = sent["attachment"]
            assert attachment == {
                "id": upload["id"],
                "fileName": "note.webm",
                "contentType": "audio/webm",
                "size": len(SAMPLES["attachment"][2]),
                "url": f"/api/uploads/{upload['id']}",
            }
            assert talk.stored[-1]["attachment"] == attachment
            assert talk.conversation["lastMessage"]["preview"] == preview
            assert talk.api.user("asha").get(attachment["url"]).status_code == 200
            assert talk.api.user("ravi").get(attachment["url"]).status_code == 403

    def test_a_picture_is_an_image(self, talk: Talk) -> None:
        desk = Desk(talk.ctx, talk.api)
        upload = desk.uploaded(
            "asha", "attachment", sessionId="s1", contentType="image/png", fileName="board.png", size=11
        )
        sent = talk.api.user("asha").post(MESSAGES, {"attachmentId": upload["id"]}).json()
        assert (sent["type"], sent["attachment"]["contentType"]) == ("image", "image/png")

    def test_a_file_makes_one_message(self, talk: Talk) -> None:
        upload = Desk(talk.ctx, talk.api).uploaded("meera", "attachment", sessionId="s1")
        bodies = [{"attachmentId": upload["id"], "clientMessageId": name} for name in ("c1", "c1", "c2")]
        sent = [talk.api.user("meera").post(MESSAGES, body) for body in bodies]
        assert {one.status_code for one in sent} == {201}
        assert len({one.json()["id"] for one in sent}) == 1
        assert len(talk.stored) == 1

    def test_only_ones_own_for_this_session_that_was_uploaded(self, talk: Talk) -> None:
        talk.session("s2")
        desk = Desk(talk.ctx, talk.api)
        mine, theirs = (desk.uploaded(uid, "attachment", sessionId="s1")["id"] for uid in ("meera", "asha"))
        elsewhere = desk.uploaded("meera", "attachment", sessionId="s2")["id"]
        begun = desk.begin("meera", "attachment", sessionId="s1").json()["id"]
        resume = desk.uploaded("meera")["id"]
        for upload_id, code in (
            (theirs, "FOREIGN_FILE"),
            (elsewhere, "FOREIGN_FILE"),
            (resume, "FOREIGN_FILE"),
            (begun, "UPLOAD_MISSING"),
        ):
            refused = talk.api.user("meera").post(MESSAGES, {"attachmentId": upload_id})
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (400, code)
            assert error["details"][0]["field"] == "attachmentId"
        assert talk.api.user("meera").post(MESSAGES, {"attachmentId": mine}).status_code == 201


class TestHistory:
    def test_newest_first_by_cursor_also_after_the_end(self, talk: Talk) -> None:
        ids = [talk.say("meera" if number % 2 else "asha", str(number)).id for number in range(5)]
        talk.session("s1", status="completed")
        for uid in ("meera", "asha"):
            assert [one["id"] for one in everything(talk, uid, MESSAGES)] == ids[::-1]

    def test_messages_of_one_millisecond_are_all_there(self, talk: Talk) -> None:
        doc = {"senderId": "asha", "message": "x", "type": "text", "attachment": None, "createdAt": world.START}
        for number in range(5):
            talk.ctx.db.set(("sessions", "s1", "messages", f"s1.m{number}"), doc)
        assert [one["id"] for one in everything(talk, "meera", MESSAGES)] == [f"s1.m{n}" for n in range(4, -1, -1)]
        assert talk.read("meera", "s1.m2") == 2

    def test_says_what_was_read(self, talk: Talk) -> None:
        ids = [talk.say("meera", str(number)).id for number in range(3)]
        talk.say("asha", "yes")
        talk.read("asha", ids[1])
        found = {one["id"]: (one["read"], one["readAt"]) for one in everything(talk, "meera", MESSAGES)}
        assert [found[one] for one in ids] == [(True, None), (True, "2026-01-05T10:00:00.000Z"), (False, None)]

    def test_no_messages(self, talk: Talk) -> None:
        assert talk.api.user("meera").get(MESSAGES).json() == {"items": [], "nextCursor": None}

    def test_refusals(self, talk: Talk) -> None:
        for who, path, status in (
            (None, MESSAGES, 401),
            ("ravi", MESSAGES, 403),
            ("meera", "/api/conversations/none/messages", 404),
        ):
            assert talk.api.user(who).get(path).status_code == status
        assert talk.api.user("meera").get(MESSAGES, cursor="x").status_code == 400
        assert talk.api.user("meera").get(MESSAGES, limit=0).status_code == 400


class TestList:
    def test_the_last_written_in_first_by_cursor(self, talk: Talk) -> None:
        talks = [talk, *(talk.session(f"s{number}") for number in range(2, 6))]
        for one in (*talks, talks[1]):
            sent = one.say("meera", f"in {one.id}")
        found = everything(talk, "asha", "/api/conversations")
        assert [one["id"] for one in found] == ["s2", "s5", "s4", "s3", "s1"]
        newest = found[0]
        assert newest["chatId"] == "s2"
        assert newest["other"] == {"id": "meera", "name": "Meera Nair", "online": False}
        assert newest["lastMessage"]["id"] == sent.id
        assert (newest["lastMessage"]["preview"], newest["unreadCount"]) == ("in s2", 2)
        assert newest["updatedAt"] == newest["lastMessage"]["at"]
        own = everything(talk, "meera", "/api/conversations")
        assert {one["unreadCount"] for one in own} == {0}
        assert own[0]["other"]["name"] == "Asha"
        assert everything(talk, "ravi", "/api/conversations") == []

    def test_a_mark_does_not_move_a_conversation(self, talk: Talk) -> None:
        first = talk.say("meera", "hi")
        talk.session("s2").say("meera", "hi")
        talk.read("asha", first.id)
        found = everything(talk, "asha", "/api/conversations")
        assert [(one["id"], one["unreadCount"]) for one in found] == [("s2", 1), ("s1", 0)]

    def test_who_is_connected_is_online(self, talk: Talk) -> None:
        talk.say("meera", "hi")
        talk.ctx.db.set(("presence", "meera"), {"connections": {"c": {"instance": "i", "asExpert": False}}})
        assert everything(talk, "asha", "/api/conversations")[0]["other"]["online"] is True

    def test_refusals(self, talk: Talk) -> None:
        assert talk.api.user(None).get("/api/conversations").status_code == 401
        assert talk.api.user("meera").get("/api/conversations", limit=101).status_code == 400
        assert talk.api.user("meera").get("/api/conversations", cursor="x").status_code == 400


class TestRead:
    def test_marks_and_tells(self, talk: Talk) -> None:
        ids = [talk.say("meera", str(number)).id for number in range(3)]
        answer = talk.api.user("asha").call("PUT", f"/api/messages/{ids[1]}/read")
        assert answer.status_code == 200, answer.text
        receipt = answer.json()
        assert (receipt["chatId"], receipt["messageId"], receipt["unread"]) == ("s1", ids[1], 1)
        again = talk.api.user("asha").call("PUT", f"/api/messages/{ids[0]}/read").json()
        assert again == receipt
        [told] = kept_events(talk.ctx).named("chat-read", "user:meera")
        assert told["messageId"] == ids[1]

    def test_refusals(self, talk: Talk) -> None:
        sent = talk.say("meera", "hi")
        for who, message_id, status, code in (
            (None, sent.id, 401, "UNAUTHENTICATED"),
            ("ravi", sent.id, 403, "NOT_A_PARTICIPANT"),
            ("asha", "s1.none", 404, "MESSAGE_NOT_FOUND"),
            ("asha", "none", 404, "MESSAGE_NOT_FOUND"),
            ("asha", "none.none", 404, "SESSION_NOT_FOUND"),
        ):
            refused = talk.api.user(who).call("PUT", f"/api/messages/{message_id}/read")
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), message_id
