"""From a notification to one mail, whatever the event's deliveries and the mail server do."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP

from konnect.config import load
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.http.triggers import Change
from konnect.integrations.mail import client
from konnect.notifications import delivery, mail, service, triggers
from konnect.store import Doc, Query
from tests.notifications.smtp import Post, post_office, settings_of
from tests.support import START, at_once, new_context

ADDRESS = "meera@konnect.test"
LATER = START + timedelta(seconds=1)


@pytest.fixture
def post() -> Iterator[Post]:
    with post_office() as office:
        office.ctx.run(lambda tx: tx.create(("users", "meera"), {"name": "Meera", "email": ADDRESS}))
        yield office


def told(ctx: Context, type: str = "review_received", **given: object) -> str:
    data = {"comment": "It is <b>good</b>."}
    values = {"about": ("one",), "title": "Some news", "body": "A review.", "data": data, "now": START, **given}
    return ctx.run(lambda tx: service.notify(tx, "meera", type, **values))


def event(ctx: Context, notification_id: str) -> Change:
    doc = ctx.db.get("notifications", notification_id)
    params = {"notificationId": notification_id}
    return Change("e1", f"notifications/{notification_id}", params, None, doc, START)


def mail_of(ctx: Context, notification_id: str) -> Doc:
    found = ctx.db.get("mails", notification_id)
    assert found is not None
    return found


def refusing_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestNotify:
    def test_it_is_stored_once(self, ctx: Context) -> None:
        first = told(ctx, data={"n": 1})
        ctx.run(lambda tx: tx.update(("notifications", first), {"isRead": True}))
        assert told(ctx, data={"n": 2}) == first
        assert Query(("notifications",)).run(ctx.db) == [
            {
                "id": first,
                "userId": "meera",
                "type": "review_received",
                "title": "Some news",
                "message": "A review.",
                "data": {"n": 1},
                "actionUrl": "/mentor/dashboard",
                "channels": ["email", "push"],
                "inApp": True,
                "isRead": True,
                "readAt": None,
                "createdAt": START,
            }
        ]
        assert told(ctx, about=("two",)) != first

    def test_several_at_once_tell_once(self, ctx: Context) -> None:
        # Whoever finds the documents busy is asked to come again.
        assert len({one for one in at_once(5, lambda _: told(ctx)) if not isinstance(one, Unavailable)}) == 1
        assert len(Query(("notifications",)).run(ctx.db)) == 1

    def test_a_list_newest_first_in_pages(self, ctx: Context) -> None:
        ids = [told(ctx, about=(n,), now=START + timedelta(minutes=n)) for n in range(3)]
        page = service.of_user(ctx.db, "meera", limit=2)
        assert [item["id"] for item in page.items] == [ids[2], ids[1]]
        rest = service.of_user(ctx.db, "meera", limit=2, cursor=page.next_cursor)
        assert ([item["id"] for item in rest.items], rest.next_cursor) == ([ids[0]], None)
        assert service.erase(ctx.db, "meera") == 3
        assert service.of_user(ctx.db, "meera", limit=2).items == []


class TestDelivery:
    def test_one_mail_in_two_forms(self, post: Post) -> None:
        notification_id = told(post.ctx)
        triggers.on_notification_created(post.ctx, event(post.ctx, notification_id), LATER)
        (message,) = post.to(ADDRESS)
        headers = dict(message.headers)
        assert (message.subject, message.sender) == ("Some news", "hello@konnect.test")
        assert headers["Message-ID"] == f"<{notification_id}@konnect.test>"
        assert message.text is not None
        assert message.html is not None
        assert message.text.startswith("Hello Meera,\n\nA student has reviewed a session with you.\n")
        assert "- Review: “It is <b>good</b>.”" in message.text
        assert "\nhttps://app.konnect.test/mentor/dashboard\n" in message.text
        assert "<li>Review: “It is &lt;b&gt;good&lt;/b&gt;.”</li>" in message.html
        assert 'href="https://app.konnect.test/mentor/dashboard"' in message.html
        sent = mail_of(post.ctx, notification_id)
        assert (sent["status"], sent["attempts"], sent["to"], sent["nextAttemptAt"]) == ("sent", 1, None, None)
        assert sent["messageId"] == headers["Message-ID"]

    def test_a_repeated_event_sends_nothing(self, post: Post) -> None:
        change = event(post.ctx, told(post.ctx))
        for _ in range(3):
            triggers.on_notification_created(post.ctx, change, LATER)
        assert len(post.to(ADDRESS)) == 1

    def test_deliveries_at_once_send_one(self, post: Post) -> None:
        change = event(post.ctx, told(post.ctx))

        def deliver(_: int) -> None:
            # The others meet the claim, or the sent mail: the event comes again to the first of these.
            with suppress(Unavailable):
                triggers.on_notification_created(post.ctx, change, LATER)

        assert [error for error in at_once(5, deliver) if error is not None] == []
        assert len(post.to(ADDRESS)) == 1

    def test_without_a_channel_or_an_address_nothing_is_sent(self, post: Post) -> None:
        silent = told(post.ctx, about=("silent",), by_mail=False)
        triggers.on_notification_created(post.ctx, event(post.ctx, silent), LATER)
        assert post.ctx.db.get("mails", silent) is None
        post.ctx.run(lambda tx: tx.update(("users", "meera"), {"email": None}))
        nowhere = told(post.ctx, about=("nowhere",))
        triggers.on_notification_created(post.ctx, event(post.ctx, nowhere), LATER)
        assert mail_of(post.ctx, nowhere)["status"] == "skipped"

    def test_to_an_address_set_beforehand_even_when_the_document_is_gone(self, post: Post) -> None:
        notification_id = told(post.ctx, mail_to="old@konnect.test")
        change = event(post.ctx, notification_id)
        service.erase(post.ctx.db, "meera")
        triggers.on_notification_created(post.ctx, change, LATER)
        assert (len(post.to("old@konnect.test")), post.to(ADDRESS)) == (1, [])
        assert mail_of(post.ctx, notification_id)["to"] is None

    def test_a_name_of_many_lines_stays_in_its_header(self, post: Post) -> None:
        triggers.on_notification_created(post.ctx, event(post.ctx, told(post.ctx, title="Hello\r\nBcc: x@y.z")), LATER)
        (message,) = post.to(ADDRESS)
        assert (message.subject, message.recipients) == ("Hello Bcc: x@y.z", (ADDRESS,))


class TestFailure:
    def test_a_server_that_is_down_loses_nothing(self, post: Post) -> None:
        down = Context(load(settings_of(refusing_port())), post.ctx.db, post.ctx.tasks, post.ctx.realtime)
        notification_id = told(post.ctx)
        for _ in range(2):
            with pytest.raises(Unavailable):
                triggers.on_notification_created(down, event(post.ctx, notification_id), LATER)
        waiting = mail_of(post.ctx, notification_id)
        assert (waiting["status"], waiting["attempts"], waiting["claimedUntil"]) == ("pending", 2, None)
        # The event has been given up meanwhile: the sweep takes over.
        assert mail.sweep(post.ctx, LATER) == {}
        assert mail.sweep(post.ctx, START + timedelta(hours=2)) == {"sent": 1}
        assert len(post.to(ADDRESS)) == 1
        assert mail.sweep(post.ctx, START + timedelta(hours=4)) == {}

    def test_after_three_days_it_is_given_up(self, post: Post) -> None:
        down = Context(load(settings_of(refusing_port())), post.ctx.db, post.ctx.tasks, post.ctx.realtime)
        notification_id = told(post.ctx)
        with pytest.raises(Unavailable):
            mail.deliver(down, notification_id, event(post.ctx, notification_id).after or {}, LATER)
        assert mail.sweep(down, START + timedelta(days=2)) == {"pending": 1}
        assert mail.sweep(post.ctx, START + timedelta(days=4)) == {"failed": 1}
        assert post.to(ADDRESS) == []

    def test_a_refused_address_is_not_tried_again(self, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        async def refuse(self: SMTP, arg: str) -> None:
            await self.push("550 no such mailbox")

        monkeypatch.setattr(SMTP, "smtp_RCPT", refuse)
        notification_id = told(post.ctx)
        triggers.on_notification_created(post.ctx, event(post.ctx, notification_id), LATER)
        failed = mail_of(post.ctx, notification_id)
        assert (failed["status"], failed["nextAttemptAt"]) == ("failed", None)
        assert "550" in failed["lastError"]

    def test_a_passing_refusal_is_tried_again(self, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        async def busy(self: SMTP, arg: str) -> None:
            await self.push("451 try again later")

        notification_id = told(post.ctx)
        with monkeypatch.context() as patched:
            patched.setattr(SMTP, "smtp_RCPT", busy)
            with pytest.raises(Unavailable):
                triggers.on_notification_created(post.ctx, event(post.ctx, notification_id), LATER)
        triggers.on_notification_created(post.ctx, event(post.ctx, notification_id), LATER)
        assert len(post.to(ADDRESS)) == 1

    def test_a_crash_between_the_server_s_word_and_ours(self, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_: object, **__: object) -> str:
            raise RuntimeError("the instance is gone")

        notification_id = told(post.ctx)
        change = event(post.ctx, notification_id)
        with monkeypatch.context() as patched:
            patched.setattr(delivery, "end", crash)
            with pytest.raises(RuntimeError):
                triggers.on_notification_created(post.ctx, change, LATER)
        # The claim holds, so nobody sends while the first may still be at it; once it has lapsed the mail goes out
        # again, under the same id.
        with pytest.raises(Unavailable):
            triggers.on_notification_created(post.ctx, change, LATER)
        triggers.on_notification_created(post.ctx, change, LATER + timedelta(seconds=delivery.CLAIM_S))
        ids = {dict(message.headers)["Message-ID"] for message in post.to(ADDRESS)}
        assert len(ids) == 1

    def test_without_a_server_it_waits(self) -> None:
        ctx = new_context(load({**settings_of(1), "SMTP_HOST": ""}))
        with pytest.raises(Unavailable):
            client.mailer(ctx.settings).send(client.Mail("m1", ADDRESS, "s", "t", "h"))
