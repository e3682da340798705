"""Conversations of bookings: opened by the confirmation, once; open before, during and after; without contacts."""

from collections.abc import Iterator

import pytest

from konnect import platform
from konnect.contacts import MAIL_HIDDEN, PHONE_HIDDEN
from konnect.ledger.service import shard_of
from konnect.messaging import changes, deletion, endpoints, notices
from tests.experts import world
from tests.messaging.conftest import Talk, written
from tests.support import at_once
from tests.uploads.conftest import Desk

ID = "GRP-20260105-ABC"
MESSAGES = f"/api/conversations/{ID}/messages"


@pytest.fixture(autouse=True)
def own_limit() -> Iterator[None]:
    """The people of all these tests have the same ids."""
    endpoints._limit.cache_clear()
    yield
    endpoints._limit.cache_clear()


@pytest.fixture
def booked(talk: Talk) -> Talk:
    return talk.booking(ID)


class TestOpening:
    def test_the_confirmation_opens_it(self, booked: Talk) -> None:
        assert booked.conversation == {
            "type": "mentor",
            "bookingId": ID,
            "participants": ["meera", "asha"],
            "names": {"meera": "Meera Nair", "asha": "Asha"},
            "expertId": "asha",
            "lastMessage": None,
            "unread": {"meera": 0, "asha": 0},
            "shard": int(shard_of(ID)),
            "updatedAt": world.START,
        }
        for uid, other in (("meera", "Asha"), ("asha", "Meera Nair")):
            [item] = booked.api.user(uid).get("/api/conversations").json()["items"]
            assert (item["id"], item["type"], item["bookingId"], item["lastMessage"]) == (ID, "mentor", ID, None)
            assert (item["other"]["name"], item["unreadCount"], item["isArchived"]) == (other, 0, False)

    def test_once_however_often_it_is_told(self, booked: Talk) -> None:
        booked.say("meera", "hi")
        before = booked.conversation
        at_once(5, lambda _: written(booked.ctx, ID, before=None))
        assert booked.conversation == before

    def test_twenty_at_once_make_one(self, talk: Talk) -> None:
        talk.booking("b0")
        talk.ctx.db.delete("conversations", "b0")
        done = at_once(20, lambda _: written(talk.ctx, "b0", before=None))
        assert [one for one in done if isinstance(one, Exception)] == []
        assert world.doc(talk.ctx, "conversations", "b0")["unread"] == {"meera": 0, "asha": 0}

    def test_not_before_it_is_paid(self, talk: Talk) -> None:
        talk.booking("b1", status="pending", confirmedAt=None)
        assert talk.ctx.db.get("conversations", "b1") is None
        refused = talk.api.user("meera").post("/api/conversations/b1/messages", {"content": "hi"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "SESSION_NOT_FOUND")

    def test_later_changes_of_the_booking_do_nothing(self, booked: Talk) -> None:
        before = booked.ctx.db.get("bookings", ID)
        booked.ctx.db.delete("conversations", ID)
        written(booked.ctx, ID, before=before)
        assert booked.ctx.db.get("conversations", ID) is None

    def test_nobody_is_told_of_a_silent_one(self, booked: Talk) -> None:
        assert notices.unread_by(booked.conversation) == []


class TestMessages:
    @pytest.mark.parametrize("status", ["confirmed", "in_progress", "completed", "cancelled"])
    def test_before_during_and_after(self, talk: Talk, status: str) -> None:
        booked = talk.booking(ID, status=status)
        for uid in ("meera", "asha"):
            assert booked.api.user(uid).post(MESSAGES, {"content": "**hi**"}).status_code == 201
        assert [one["message"] for one in booked.stored] == ["**hi**", "**hi**"]
        assert booked.conversation["unread"] == {"meera": 1, "asha": 1}
        assert len(booked.api.user("asha").get(MESSAGES).json()["items"]) == 2

    def test_only_the_two(self, booked: Talk) -> None:
        sent = booked.say("meera", "hi")
        for method, path, body in (
            ("GET", MESSAGES, None),
            ("POST", MESSAGES, {"content": "hi"}),
            ("PUT", f"/api/messages/{sent.id}/read", None),
            ("PATCH", f"/api/messages/{sent.id}", {"content": "x"}),
            ("POST", f"/api/messages/{sent.id}/reactions", {"emoji": "👍"}),
            ("PUT", f"/api/conversations/{ID}/archive", {}),
            ("PUT", f"/api/conversations/{ID}/pin", {"messageId": sent.id}),
        ):
            for who, status in ((None, 401), ("ravi", 403)):
                assert booked.api.user(who).call(method, path, body).status_code == status, (method, path)

    def test_marks_and_unread(self, booked: Talk) -> None:
        ids = [booked.say("meera", str(number)).id for number in range(3)]
        assert booked.read("asha", ids[1]) == 1
        assert booked.conversation["unread"] == {"meera": 0, "asha": booked.unread_by_count("asha")}

    def test_code_and_answers(self, booked: Talk) -> None:
        code = "def f(x):\n\treturn x < 1"
        body = {"content": "", "type": "text", "codeBlock": {"language": "Python", "code": code}}
        first = booked.api.user("asha").post(MESSAGES, body).json()
        assert (first["type"], first["codeBlock"]) == ("code", {"language": "python", "code": code})
        assert booked.conversation["lastMessage"]["preview"] == "def f(x): return x < 1"
        answer = booked.api.user("meera").post(MESSAGES, {"content": "why?", "replyTo": first["id"]}).json()
        assert answer["replyTo"] == {"id": first["id"], "senderId": "asha", "preview": "def f(x): return x < 1"}

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"codeBlock": {"code": ""}}, "codeBlock.code"),
            ({"codeBlock": {"code": "x" * 20_001}}, "codeBlock.code"),
            ({"codeBlock": {"code": "x", "language": "no such name"}}, "codeBlock.language"),
            ({"content": "x", "replyTo": "s1.none"}, "replyTo"),
            ({"content": "x", "replyTo": f"{ID}.none"}, "replyTo"),
            ({}, "message"),
        ],
    )
    def test_bad_input_names_the_field(self, booked: Talk, body: dict[str, object], field: str) -> None:
        refused = booked.api.user("meera").post(MESSAGES, body)
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, field)

    def test_files(self, booked: Talk) -> None:
        upload = Desk(booked.ctx, booked.api).uploaded("meera", "attachment", conversationId=ID)
        sent = booked.api.user("meera").post(MESSAGES, {"attachmentId": upload["id"]}).json()
        assert booked.api.user("asha").get(sent["attachment"]["url"]).status_code == 200
        assert booked.api.user("ravi").get(sent["attachment"]["url"]).status_code == 403
        wanted = {"purpose": "attachment", "contentType": "image/png", "size": 9, "fileName": "a.png"}
        assert booked.api.user("ravi").post("/api/uploads", {**wanted, "conversationId": ID}).status_code == 403

    def test_the_name_of_a_deleted_account_goes(self, booked: Talk) -> None:
        deletion.erase(booked.ctx, "meera", "Deleted user")
        booked.say("asha", "hello?")
        assert booked.conversation["names"] == {"meera": "Deleted user", "asha": "Asha"}


class TestContacts:
    def test_are_replaced_before_they_are_stored(self, booked: Talk) -> None:
        sent = booked.say(
            "asha", "call 98765 43210 or asha@example.com", code_block={"language": "text", "code": "a@b.in"}
        )
        assert sent.message == f"call {PHONE_HIDDEN} or {MAIL_HIDDEN}"
        [stored] = booked.stored
        assert (stored["message"], stored["codeBlock"]["code"]) == (sent.message, MAIL_HIDDEN)
        assert "98765" not in booked.conversation["lastMessage"]["preview"]
        text = "asha at gmail dot com"
        edited = changes.edit(booked.ctx, booked.of, "asha", sent.id, text=text, now=sent.created_at)
        assert edited.message == MAIL_HIDDEN

    def test_the_configuration_says_where(self, talk: Talk) -> None:
        booked, text = talk.booking(ID), "9876543210"
        for where, in_session, in_booking in (
            ("bookings", text, PHONE_HIDDEN),
            ("everywhere", PHONE_HIDDEN, PHONE_HIDDEN),
            ("nowhere", text, text),
        ):
            talk.ctx.run(lambda tx, where=where: platform.change(tx, {"maskContacts": where}))
            platform.forget(talk.ctx.db)
            assert (talk.say("meera", text).message, booked.say("meera", text).message) == (in_session, in_booking)
