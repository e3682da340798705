"""From a notification to one message on each device, whatever the event's deliveries and FCM do."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect.config import FCM_URL, ConfigError, load
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.http.triggers import Change
from konnect.integrations.push.client import FcmPusher, Message, Unregistered
from konnect.notifications import delivery, devices, preferences, push, service, triggers
from konnect.store import Doc, Query
from tests.notifications.smtp import Post, post_office, settings_of
from tests.support import START, at_once

LATER = START + timedelta(seconds=1)
BOOKING = {"bookingId": "GRP-1"}


@pytest.fixture
def post() -> Iterator[Post]:
    """Meera has two devices, and wants reminders there (and not by mail)."""
    with post_office() as office:
        office.ctx.run(lambda tx: tx.create(("users", "meera"), {"name": "Meera", "email": "meera@konnect.test"}))
        for token in ("phone", "laptop"):
            register(office.ctx, token)
        wish(office.ctx, email=False, push=True)
        yield office


def register(ctx: Context, token: str, uid: str = "meera", days: int = 0) -> str:
    now = START + timedelta(days=days)
    return str(ctx.run(lambda tx: devices.register(tx, uid, token, "web", now=now))["id"])


def wish(ctx: Context, **chosen: bool) -> None:
    ctx.run(lambda tx: preferences.change(tx, "meera", [("booking_reminder", chosen)], now=START))  # type: ignore[list-item]


def told(ctx: Context, *about: Any) -> Change:
    def tell(tx: Any) -> str:
        return service.notify(
            tx,
            "meera",
            "booking_reminder",
            about=about,
            title="Soon",
            body="It begins in 15 minutes.",
            data=BOOKING,
            now=START,
        )

    notification_id = ctx.run(tell)
    doc = ctx.db.get("notifications", notification_id)
    return Change("e1", f"notifications/{notification_id}", {"notificationId": notification_id}, None, doc, START)


def push_of(ctx: Context, change: Change) -> Doc:
    found = ctx.db.get("pushes", change.params["notificationId"])
    assert found is not None
    return found


def deliver(ctx: Context, change: Change) -> None:
    triggers.on_notification_created(ctx, change, LATER)


class TestDelivery:
    def test_each_device_gets_it_once(self, post: Post) -> None:
        change = told(post.ctx)
        for _ in range(3):
            deliver(post.ctx, change)
        notification_id = change.params["notificationId"]
        for token in ("phone", "laptop"):
            (message,) = post.push.to(token)
            assert message["notification"] == {"title": "Soon", "body": "It begins in 15 minutes."}
            assert message["data"] == {
                "notificationId": notification_id,
                "type": "booking_reminder",
                "actionUrl": "/call/GRP-1",
            }
            assert message["webpush"]["notification"]["tag"] == notification_id
            assert message["webpush"]["fcm_options"]["link"] == "https://app.konnect.test/call/GRP-1"
            assert message["apns"]["headers"]["apns-collapse-id"] == notification_id
        done = push_of(post.ctx, change)
        assert (done["status"], set(done["devices"].values())) == ("sent", {"sent"})
        assert post.to("meera@konnect.test") == []

    def test_deliveries_at_once_send_one(self, post: Post) -> None:
        change = told(post.ctx)

        def once(_: int) -> None:
            with suppress(Unavailable):
                deliver(post.ctx, change)

        assert [error for error in at_once(5, once) if error is not None] == []
        assert (len(post.push.to("phone")), len(post.push.to("laptop"))) == (1, 1)

    def test_nothing_is_pushed_or_written_unless_it_is_wanted(self, post: Post) -> None:
        wish(post.ctx, push=False)
        deliver(post.ctx, told(post.ctx))
        assert (post.push.requests, Query(("pushes",)).run(post.ctx.db)) == (0, [])

    def test_the_preferences_of_the_moment_of_sending_count(self, post: Post) -> None:
        wish(post.ctx, email=True)
        change = told(post.ctx)
        wish(post.ctx, push=False, email=False)
        deliver(post.ctx, change)
        assert (post.push.requests, post.to("meera@konnect.test")) == (0, [])
        assert Query(("mails",)).run(post.ctx.db) == []

    def test_without_a_device_nothing_is_written(self, post: Post) -> None:
        devices.erase(post.ctx.db, "meera")
        deliver(post.ctx, told(post.ctx))
        assert Query(("pushes",)).run(post.ctx.db) == []

    def test_mail_and_push_do_not_wait_for_each_other(self, post: Post) -> None:
        wish(post.ctx, email=True)
        settings = load({**settings_of(1, post.push.url)})
        no_mail = Context(settings, post.ctx.db, post.ctx.tasks, post.ctx.realtime)
        change = told(post.ctx)
        with pytest.raises(Unavailable):
            deliver(no_mail, change)
        assert len(post.push.to("phone")) == 1
        deliver(post.ctx, change)
        assert (len(post.push.to("phone")), len(post.to("meera@konnect.test"))) == (1, 1)

    def test_long_texts_fit(self, post: Post) -> None:
        change = told(post.ctx)
        assert change.after is not None
        change.after.update(title="शीर्षक" * 200, message="संदेश " * 300)
        deliver(post.ctx, change)
        (message,) = post.push.to("phone")
        assert message["notification"]["body"].endswith("…")
        assert len(json.dumps(message, ensure_ascii=False).encode()) < 4096


class TestFailure:
    @pytest.mark.parametrize("state", ["unregistered", "foreign", "invalid"])
    def test_a_dead_token_is_forgotten(self, post: Post, state: str) -> None:
        post.push.set_token("phone", state)
        change = told(post.ctx, state)
        deliver(post.ctx, change)
        done = push_of(post.ctx, change)
        assert (done["status"], sorted(done["devices"].values())) == ("sent", ["gone", "sent"])
        (left,) = Query(("devices",)).run(post.ctx.db)
        assert left["token"] == "laptop"

    @pytest.mark.parametrize("status", [429, 500, 503, 401, 403, 404])
    def test_what_time_may_mend_is_tried_again_for_that_device_alone(self, post: Post, status: int) -> None:
        post.push.fail(status=status, token="phone")
        change = told(post.ctx, status)
        with pytest.raises(Unavailable):
            deliver(post.ctx, change)
        waiting = push_of(post.ctx, change)
        assert (waiting["status"], list(waiting["devices"].values()), waiting["claimedUntil"]) == (
            "pending",
            ["sent"],
            None,
        )
        deliver(post.ctx, change)
        assert (len(post.push.to("phone")), len(post.push.to("laptop"))) == (1, 1)
        assert len(Query(("devices",)).run(post.ctx.db)) == 2

    def test_a_refused_message_is_not_tried_again(self, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*_: object) -> Message:
            return Message("phone", "t", "T", "B", data={"from": "reserved"})

        monkeypatch.setattr(push, "_message", refused)
        change = told(post.ctx)
        deliver(post.ctx, change)
        deliver(post.ctx, change)
        failed = push_of(post.ctx, change)
        assert (failed["status"], set(failed["devices"].values()), post.push.requests) == ("failed", {"failed"}, 2)
        assert len(Query(("devices",)).run(post.ctx.db)) == 2

    def test_an_event_that_was_given_up_is_swept_up(self, post: Post) -> None:
        post.push.fail(status=503, times=2)
        change = told(post.ctx)
        with pytest.raises(Unavailable):
            deliver(post.ctx, change)
        assert push.sweep(post.ctx, LATER) == {}
        assert push.sweep(post.ctx, START + timedelta(hours=2)) == {"sent": 1}
        assert push.sweep(post.ctx, START + timedelta(hours=4)) == {}
        assert len(post.push.to("phone")) == 1

    def test_a_sweep_asks_for_the_preferences_again(self, post: Post) -> None:
        post.push.fail(status=503, times=2)
        with pytest.raises(Unavailable):
            deliver(post.ctx, told(post.ctx))
        wish(post.ctx, push=False)
        assert push.sweep(post.ctx, START + timedelta(hours=2)) == {"skipped": 1}

    def test_a_crash_between_fcm_s_word_and_ours(self, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_: object, **__: object) -> str:
            raise RuntimeError("the instance is gone")

        change = told(post.ctx)
        with monkeypatch.context() as patched:
            patched.setattr(delivery, "end", crash)
            with pytest.raises(RuntimeError):
                deliver(post.ctx, change)
        with pytest.raises(Unavailable):
            deliver(post.ctx, change)
        triggers.on_notification_created(post.ctx, change, LATER + timedelta(seconds=delivery.CLAIM_S))
        # Again, under the same tag: the device replaces what it shows.
        assert len({one["android"]["notification"]["tag"] for one in post.push.to("phone")}) == 1

    def test_nobody_answers(self, post: Post) -> None:
        client = FcmPusher(load({**settings_of(1, "http://127.0.0.1:9")}))
        with pytest.raises(Unavailable, match="can't be reached"):
            client.send(Message("phone", "t", "T", "B"))

    def test_unregistered_by_name(self, post: Post) -> None:
        post.push.set_token("phone", "unregistered")
        with pytest.raises(Unregistered, match="404 UNREGISTERED"):
            FcmPusher(post.ctx.settings).send(Message("phone", "t", "T", "B"))


class TestDevices:
    def test_a_token_belongs_to_whoever_registered_it_last(self, ctx: Context) -> None:
        first = register(ctx, "phone")
        assert register(ctx, "phone", days=1) == first
        device = ctx.db.get("devices", first) or {}
        assert (device["createdAt"], device["seenAt"]) == (START, START + timedelta(days=1))
        assert register(ctx, "phone", "ravi", days=2) == first
        assert devices.of_user(ctx.db, "meera", now=START) == []
        (moved,) = devices.of_user(ctx.db, "ravi", now=START)
        assert (moved["userId"], moved["createdAt"]) == ("ravi", START + timedelta(days=2))

    def test_the_longest_unseen_of_too_many_goes(self, ctx: Context) -> None:
        for n in range(devices.MAX_DEVICES + 2):
            register(ctx, f"t{n}", days=n)
        left = {device["token"] for device in devices.of_user(ctx.db, "meera", now=START)}
        assert left == {f"t{n}" for n in range(2, devices.MAX_DEVICES + 2)}

    def test_a_device_that_is_long_unseen_is_none(self, ctx: Context) -> None:
        register(ctx, "phone")
        assert len(devices.of_user(ctx.db, "meera", now=START + timedelta(days=269))) == 1
        assert devices.of_user(ctx.db, "meera", now=START + timedelta(days=271)) == []

    def test_erasing_a_user_takes_devices_and_preferences(self, post: Post) -> None:
        told(post.ctx)
        register(post.ctx, "other", "ravi")
        assert service.erase(post.ctx.db, "meera") == 1
        assert [device["userId"] for device in Query(("devices",)).run(post.ctx.db)] == ["ravi"]
        assert post.ctx.db.get(*preferences.path("meera")) is None


class TestSandbox:
    def test_it_checks_as_fcm_does(self, post: Post) -> None:
        url = f"{post.push.url}/v1/projects/p/messages:send"
        token = {"Authorization": "Bearer any"}
        cases: list[tuple[Any, str]] = [
            ({}, "must contain a message"),
            ({"message": {"token": ""}}, "Recipient"),
            ({"message": {"token": "x", "data": {"n": 1}}}, "TYPE_STRING"),
            ({"message": {"token": "x", "body": "no"}}, "Unknown name"),
            ({"message": {"token": "x", "notification": {"body": "x" * 5000}}}, "too big"),
            ({"message": {"token": "x", "webpush": {"fcm_options": {"link": "http://x"}}}}, "HTTPS"),
        ]
        for body, said in cases:
            refused = requests.post(url, json=body, headers=token, timeout=60)
            assert refused.status_code == 400, body
            assert said in refused.json()["error"]["message"]
        assert requests.post(url, json={}, timeout=60).status_code == 401
        sent = requests.post(url, json={"message": {"token": "<x>"}}, headers=token, timeout=60).json()
        assert sent["name"].startswith("projects/p/messages/")
        listed = requests.get(f"{post.push.url}/sandbox/messages?token=<x>", timeout=60).json()["items"]
        assert [item["name"] for item in listed] == [sent["name"]]
        assert "&lt;x&gt;" in requests.get(post.push.url, timeout=60).text

    def test_a_deployed_service_sends_to_google_alone(self) -> None:
        with pytest.raises(ConfigError, match="FCM_URL"):
            load({"K_SERVICE": "api", "FCM_URL": "http://127.0.0.1:1"})
        assert load({}).fcm_url == FCM_URL
