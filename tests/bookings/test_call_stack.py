"""A booking's call over the running stack: its link, Jitsi's webhooks, a recording copied by a task and fetched."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from konnect import clock
from konnect.store import Database
from local.environment import JITSI_WEBHOOK_SECRET
from local.person import Person, wait_until
from tests import people

from .calls import event, signature
from .test_stack import TIMEOUT_S, Env, book, open_slot, ravi, status_of

__all__ = ["ravi"]
VIDEO = b"a video" * 1000


@contextmanager
def served(body: bytes) -> Iterator[str]:
    """The address of a recording at the provider."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/1.mp4"
        server.shutdown()


def tell(env: Env, room: str, name: str, **data: Any) -> str:
    """Jitsi posts an event; its outcome."""
    raw = json.dumps(event(name, room, **data))
    headers = {"X-Jaas-Signature": signature(raw, secret=JITSI_WEBHOOK_SECRET), "Content-Type": "application/json"}
    answer = requests.post(f"{env['API_URL']}/api/webhooks/jitsi", data=raw, headers=headers, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"])


def told(person: Person) -> set[str]:
    return {one["type"] for one in person.get("/api/notifications?limit=50")["items"]}


def test_a_call_and_its_recording(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    made = book(meera, ravi, open_slot(meera, ravi))
    booking_id = made["booking"]["id"]
    meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    assert status_of(meera, booking_id) == "confirmed"
    waiting = meera.get(f"/api/bookings/{booking_id}/meeting-link")
    assert (waiting["status"], waiting["url"]) == ("waiting", None)
    assert waiting["secondsLeft"] > 3600
    # Its time comes sooner than a test can wait for.
    begins = clock.now()
    times = {"scheduledAt": begins, "endsAt": begins + timedelta(hours=1)}
    Database(stack_env["GOOGLE_CLOUD_PROJECT"]).set(("bookings", booking_id), times, merge=True)
    link = meera.get(f"/api/bookings/{booking_id}/meeting-link")
    assert (link["status"], link["role"], link["url"]) == (
        "open",
        "participant",
        f"https://meet.jit.si/{link['roomName']}",
    )
    assert tell(stack_env, link["roomName"], "PARTICIPANT_JOINED", id=ravi.uid) == "noted"
    for person in (meera, ravi):
        assert "session_started" in told(person)
    with served(VIDEO) as url:
        assert tell(stack_env, link["roomName"], "RECORDING_UPLOADED", preAuthenticatedLink=url) == "noted"
        wait_until(
            "the recording",
            lambda: meera.get(f"/api/bookings/{booking_id}")["recording"] == "available",
        )
    found = ravi.get(f"/api/bookings/{booking_id}/recording")
    assert requests.get(found["url"], timeout=TIMEOUT_S).content == VIDEO
