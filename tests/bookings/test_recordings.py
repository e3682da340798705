"""Recordings of calls: from Jitsi's webhook into our bucket, to the two alone, until their time is over."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.bookings import deletion, recordings, sweeps
from konnect.errors import Unavailable
from konnect.store import Doc, Query
from tests.payments.api import error_code
from tests.support import kept_tasks

from .calls import APP_ID, SECRET, event, post, running, take
from .conftest import DAY, HOUR, MENTOR, MINUTE, OTHER, STUDENT, Desk

VIDEO = b"\x00\x00\x00 ftypmp42" + b"frames " * 40_000
KEPT_DAYS = 30


@dataclass
class Provider:
    """Where recordings lie until they are fetched: an HTTP server on this machine."""

    url: str = ""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "video/mp4"})
    cut: bool = False
    """Serve less than is announced."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    told = Provider(answers={"/1.mp4": (200, VIDEO)})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = told.answers.get(self.path.partition("?")[0], (404, b"no such file"))
            self.send_response(status)
            for name, value in {**told.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if told.cut else body)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hearing(open_desk: Callable[..., Desk]) -> Desk:
    made = open_desk(jitsi_webhook_secret=SECRET, recording_max_mb=1)
    made.no_webhooks()
    return made


def called(desk: Desk, **fields: Any) -> tuple[str, str]:
    """A booking whose call is open, and its room."""
    booking_id = running(desk, **fields)
    return booking_id, str(take(desk, booking_id, MENTOR, clock.now())["roomName"])


def uploaded(desk: Desk, room: str, url: str, *, recording: str = "r1", at: datetime | None = None) -> Doc:
    """Jitsi tells of a recording; what it is answered."""
    started = int((at or clock.now()).timestamp() * 1000)
    data = {"preAuthenticatedLink": url, "recordingSessionId": recording, "startTimestamp": started, "durationSec": 61}
    return dict(post(desk, event("RECORDING_UPLOADED", room, **data)).json())


def run_tasks(desk: Desk) -> None:
    for task in kept_tasks(desk.ctx).keyed("recording"):
        recordings.fetch(desk.ctx, task.payload, clock.now())


def asked(desk: Desk, booking_id: str, uid: str | None = STUDENT) -> requests.Response:
    return desk.api.user(uid).get(f"/api/bookings/{booking_id}/recording")


def stored(desk: Desk) -> list[Doc]:
    return sorted(Query(("recordings",)).run(desk.ctx.db), key=lambda one: one["recordedAt"])


def test_from_the_webhook_to_both(hearing: Desk, provider: Provider) -> None:
    booking_id, room = called(hearing)
    none = asked(hearing, booking_id)
    assert (none.status_code, error_code(none)) == (404, "NO_RECORDING")
    link = f"{provider.url}/1.mp4?signature=abc"
    for _ in range(2):
        assert uploaded(hearing, room, link) == {"outcome": "noted"}
    early = asked(hearing, booking_id)
    assert (early.status_code, error_code(early)) == (409, "RECORDING_NOT_READY")
    assert hearing.booking(booking_id)["recording"] == "processing"
    for _ in range(2):
        run_tasks(hearing)
    # The provider's is not needed any more.
    provider.answers.clear()
    for uid in (STUDENT, MENTOR):
        found = asked(hearing, booking_id, uid)
        assert found.status_code == 200, found.text
        [item] = found.json()["items"]
        assert (item["size"], item["contentType"], item["durationSeconds"]) == (len(VIDEO), "video/mp4", 61)
        assert found.json()["url"] == item["url"]
        assert requests.get(item["url"], timeout=60).content == VIDEO
    assert asked(hearing, booking_id, OTHER).status_code == 403
    assert asked(hearing, booking_id, None).status_code == 401
    [kept] = stored(hearing)
    assert (kept["sourceUrl"], kept["path"]) == (None, f"recordings/{booking_id}/{kept['id']}.mp4")
    seen = hearing.api.user(STUDENT).get(f"/api/bookings/{booking_id}").json()
    assert seen["recording"] == "available"
    assert kept["path"] not in str(seen)


def test_in_our_own_bucket(hearing: Desk) -> None:
    booking_id, room = called(hearing)
    path = f"recordings/jibri/{room}.mp4"
    uploaded(hearing, room, f"{hearing.ctx.settings.storage_url}/{hearing.ctx.settings.bucket}/{path}")
    with pytest.raises(Unavailable):
        run_tasks(hearing)
    recordings.storage(hearing.ctx).write(path, "video/mp4", [VIDEO])
    run_tasks(hearing)
    assert stored(hearing)[0]["path"] == path
    assert requests.get(asked(hearing, booking_id).json()["url"], timeout=60).content == VIDEO


def test_other_folders_of_our_bucket_are_no_recordings(hearing: Desk) -> None:
    booking_id, room = called(hearing)
    recordings.storage(hearing.ctx).write("resumes/eve/cv.pdf", "application/pdf", [b"%PDF"])
    uploaded(hearing, room, f"{hearing.ctx.settings.storage_url}/{hearing.ctx.settings.bucket}/resumes/eve/cv.pdf")
    run_tasks(hearing)
    assert asked(hearing, booking_id).status_code == 404


@pytest.mark.parametrize(
    ("answer", "url"),
    [
        ((404, b"gone"), "/1.mp4"),
        ((302, b""), "/1.mp4"),
        ((200, b"x" * (1024 * 1024 + 1)), "/1.mp4"),
        (None, "http://169.254.169.254/computeMetadata/v1/"),
        (None, "file:///etc/passwd"),
        (None, "https://[nowhere"),
    ],
)
def test_what_is_not_to_be_had(hearing: Desk, provider: Provider, answer: tuple[int, bytes] | None, url: str) -> None:
    booking_id, room = called(hearing)
    if answer is not None:
        provider.answers["/1.mp4"], url = answer, provider.url + url
    uploaded(hearing, room, url)
    run_tasks(hearing)
    [lost] = stored(hearing)
    assert (lost["status"], lost["sourceUrl"], lost["nextActionAt"]) == ("failed", None, None)
    assert hearing.booking(booking_id)["recording"] == "failed"
    assert asked(hearing, booking_id).status_code == 404


@pytest.mark.parametrize("trouble", ["500", "cut off", "no server"])
def test_trouble_is_tried_again(hearing: Desk, provider: Provider, trouble: str) -> None:
    booking_id, room = called(hearing)
    url = f"{provider.url}/1.mp4"
    if trouble == "500":
        provider.answers["/1.mp4"] = (500, b"")
    elif trouble == "cut off":
        provider.cut = True
    else:
        url = "http://127.0.0.1:1/1.mp4"
    uploaded(hearing, room, url)
    with pytest.raises(Unavailable):
        run_tasks(hearing)
    [waiting] = stored(hearing)
    assert (
        waiting["status"],
        recordings.storage(hearing.ctx).stat(f"recordings/{booking_id}/{waiting['id']}.mp4"),
    ) == (
        "pending",
        None,
    )
    # The sweep makes another task after an hour, and gives up after a day.
    before = len(kept_tasks(hearing.ctx).keyed("recording"))
    for later, tasks in ((59 * MINUTE, before), (61 * MINUTE, before + 1), (90 * MINUTE, before + 1)):
        assert recordings.sweep(hearing.ctx, now=waiting["receivedAt"] + later) == 0
        assert len(kept_tasks(hearing.ctx).keyed("recording")) == tasks
    assert recordings.sweep(hearing.ctx, now=waiting["receivedAt"] + 25 * HOUR) == 0
    assert hearing.booking(booking_id)["recording"] == "failed"


def test_two_of_one_call_and_their_end(hearing: Desk, provider: Provider) -> None:
    booking_id, room = called(hearing)
    now = clock.now()
    provider.answers["/2.mp4"] = (200, b"second" + VIDEO)
    # The older one has an hour left.
    uploaded(hearing, room, f"{provider.url}/2.mp4", recording="r2", at=now)
    uploaded(hearing, room, f"{provider.url}/1.mp4", at=now - KEPT_DAYS * DAY + HOUR / 2)
    run_tasks(hearing)
    answer = asked(hearing, booking_id).json()
    assert [item["size"] for item in answer["items"]] == [len(VIDEO), len(VIDEO) + 6]
    assert answer["expiresAt"] == answer["items"][0]["availableUntil"]
    paths = [one["path"] for one in stored(hearing)]

    def swept(at: datetime) -> list[bool]:
        assert sweeps.sweep(hearing.ctx, {}, at, clock=lambda: at)["failures"] == 0
        return [recordings.storage(hearing.ctx).stat(path) is not None for path in paths]

    assert swept(now + HOUR / 3) == [True, True]
    assert swept(now + HOUR) == [False, True]
    assert hearing.booking(booking_id)["recording"] == "available"
    assert [item["size"] for item in asked(hearing, booking_id).json()["items"]] == [len(VIDEO) + 6]
    assert swept(now + KEPT_DAYS * DAY) == [False, False]
    assert hearing.booking(booking_id)["recording"] == "expired"
    over = asked(hearing, booking_id)
    assert (over.status_code, error_code(over)) == (410, "RECORDING_EXPIRED")


def test_who_closes_the_account_is_seen_no_more(hearing: Desk, provider: Provider) -> None:
    booking_id, room = called(hearing)
    uploaded(hearing, room, f"{provider.url}/1.mp4")
    run_tasks(hearing)
    uploaded(hearing, room, f"{provider.url}/1.mp4", recording="r2")
    path = stored(hearing)[0]["path"]
    now = clock.now()
    deletion.erase(hearing.ctx, STUDENT, "Deleted user", now=now)
    # Its task comes too late.
    run_tasks(hearing)
    assert asked(hearing, booking_id).status_code in {409, 410}
    assert recordings.sweep(hearing.ctx, now=clock.now()) == 0
    assert recordings.storage(hearing.ctx).stat(path) is None
    assert {one["status"] for one in stored(hearing)} == {"expired"}
    assert asked(hearing, booking_id).status_code == 410


def test_of_another_s_app(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(jitsi_webhook_secret=SECRET, jitsi_app_id="vpaas-magic-cookie-own", jitsi_app_secret="s" * 32)
    desk.no_webhooks()
    _, room = called(desk)
    assert desk.ctx.settings.jitsi_app_id != APP_ID
    assert uploaded(desk, room, "https://8x8.vc/1.mp4") == {"outcome": "ignored"}
    assert stored(desk) == []
