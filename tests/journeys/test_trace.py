"""One trace through the running stack, read from the logs of its processes: request, task, trigger, socket."""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.clients import SocketClients
from local.person import wait_until
from tests import conftest, people


@pytest.fixture
def sockets(stack_env: dict[str, str]) -> Iterator[SocketClients]:
    with SocketClients(stack_env) as clients:
        yield clients


def logs() -> Path:
    running = os.environ.get("KONNECT_STACK")
    return Path(running).parent / "logs" if running else conftest.LOGS


def lines(trace_id: str, processes: str) -> list[dict[str, Any]]:
    """The lines of a trace in the logs of these processes, in their order."""
    found = []
    for file in sorted(logs().glob(f"{processes}*.log")):
        for line in file.read_bytes().splitlines():
            if trace_id.encode() in line and line.startswith(b"{"):
                found.append(json.loads(line))
    return [line for line in found if line.get("logging.googleapis.com/trace", "").endswith(f"/traces/{trace_id}")]


def wait_for(trace_id: str, processes: str, what: str, **fields: Any) -> dict[str, Any]:
    """A line of the trace with this message and these fields."""

    def matching() -> dict[str, Any] | None:
        for line in lines(trace_id, processes):
            if line["message"] == what and all(line.get(name) == value for name, value in fields.items()):
                return line
        return None

    found: dict[str, Any] = wait_until(f"{what} {fields} of the trace in the log of {processes}", matching)
    return found


def test_from_a_request_on(stack_env: dict[str, str], sockets: SocketClients) -> None:
    """An admin approves: the request, the task that gives the role, the trigger that mails, the event on the socket."""
    admin, asha = people.admin(stack_env), people.person(stack_env, "Asha")
    asha.post("/api/experts/register", {"name": "Asha", "title": "Expert"})
    sockets.connect("asha", stack_env["SIGNALING_2_URL"], namespace="/notifications", token=asha.token)
    trace_id = secrets.token_hex(16)
    path = f"/api/admin/mentor-applications/{asha.uid}/status"
    admin.call("PUT", path, {"status": "approved"}, traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
    told = sockets.wait_for("asha", "new_notification", lambda data: data["notification"]["type"] == "mentor_approved")
    assert trace_id not in json.dumps(told.args)

    request = wait_for(trace_id, "functions", "request", path=path, status=200)
    assert request["uid"] == admin.uid
    assert request["logging.googleapis.com/spanId"] == "00f067aa0ba902b7"
    task = wait_for(trace_id, "functions", "task", path="/experts/give-role", status=204)
    trigger = wait_for(
        trace_id,
        "functions",
        "trigger",
        trigger="konnect.notifications.triggers:on_notification_created",
    )
    assert trigger["delivery_trace"] != trace_id
    delivered = wait_for(trace_id, "signaling-2", "event delivered", event="new_notification")
    assert delivered["room"] == f"user:{asha.uid}"
    # What is in no request's trace has one all the same.
    assert task["request_id"] != request["request_id"]


def test_from_a_socket_s_event_on(stack_env: dict[str, str], sockets: SocketClients) -> None:
    """A session that a socket asked for: its ticks, its end and what is told of it are of the event's trace."""
    meera, asha = people.user(stack_env, rupees=20), people.expert(stack_env, pricePerMin=10)
    sockets.connect("asha", stack_env["SIGNALING_2_URL"], token=asha.token)
    sockets.call("asha", "register", {"userType": "expert", "name": "Asha"})
    sockets.connect("meera", stack_env["SIGNALING_1_URL"], token=meera.token)
    chat_id = sockets.call("meera", "request-chat", {"expertId": asha.uid})["chatId"]
    sockets.wait_for("meera", "billing-update", lambda data: data["totalCharged"] == 20)

    asked = event_line("request-chat", meera.uid)
    trace_id = asked["logging.googleapis.com/trace"].rpartition("/")[2]
    assert asked["error"] is None
    wait_for(trace_id, "functions", "task", path="/sessions/progress", status=204)
    wait_for(trace_id, "signaling-2", "event delivered", event="chat-started")
    wait_for(trace_id, "signaling-1", "event delivered", event="billing-update", room=f"user:{meera.uid}")
    sockets.call("meera", "end-chat", {"chatId": chat_id})
    # Each event begins a trace of its own.
    assert trace_id not in event_line("end-chat", meera.uid)["logging.googleapis.com/trace"]


def event_line(event: str, uid: str) -> dict[str, Any]:
    """The line of a user's event, at whichever instance."""

    def matching() -> dict[str, Any] | None:
        for file in logs().glob("signaling-*.log"):
            for line in file.read_text("utf-8").splitlines():
                if uid in line and f'"{event}"' in line and json.loads(line)["message"] == "event":
                    found: dict[str, Any] = json.loads(line)
                    return found
        return None

    line: dict[str, Any] = wait_until(f"the line of {event}", matching)
    return line
