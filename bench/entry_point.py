"""One function in a process of its own, started as it is when deployed, and a request that shows that it works."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import jwt
from google.cloud.firestore_v1._helpers import encode_dict
from google.events.cloud.firestore_v1.types.data import DocumentEventData

from konnect.integrations.razorpay import signatures
from local.environment import PROJECT, child_environ
from local.manifest import ROOT
from local.oidc import LocalIssuer
from local.ports import AUTO, HOST, reserve

SOURCE = ROOT / "functions" / "main.py"
WEBHOOK_SECRET = "bench-webhook-secret"
TASKS_URL = "http://tasks.test"
TASKS_ACCOUNT = "tasks@demo-konnect.iam.gserviceaccount.com"
ANSWER_TIMEOUT_S = 60.0

TRIGGERS: dict[str, tuple[str, dict[str, Any]]] = {
    "on_transaction_written": ("transactions/t1", {"type": "deposit", "status": "completed", "userId": "nobody"}),
    "on_user_written": ("users/u1", {}),
    "on_member_written": ("members/u1", {}),
    "on_user_verified": ("users/u1", {"email": "nobody@konnect.test", "emailVerified": True}),
    "on_member_account_written": ("users/u1", {"emailVerified": True}),
    "on_expert_created": ("experts/e1", {"firebaseUid": None}),
    "on_mentor_written": ("experts/e1", {}),
    "on_expert_written": ("experts/e1", {}),
    "on_course_written": ("courses/c1", {"status": "draft"}),
    "on_educator_written": ("experts/e1", {"firebaseUid": None}),
    "on_notification_created": (
        "notifications/n1",
        {"userId": "nobody", "type": "review_received", "channels": ["email", "push"]},
    ),
    "on_session_terms_written": ("sessions/s1/private/terms", {}),
    "on_booking_written": ("bookings/b1", {"status": "pending", "confirmedAt": None}),
    "on_booking_ended": ("bookings/b1", {"isOpen": True, "confirmedAt": None, "mentorId": "e1"}),
    "on_exchange_written": ("exchanges/x1", {"acceptedAt": None}),
    "on_payment_written": ("payments/p1", {"orderId": "none"}),
    "on_course_purchase_written": ("coursePurchases/p1", {"source": "wallet"}),
    "on_mentor_message_created": ("conversations/b1/messages/m1", {"senderId": "nobody"}),
    "on_review_written": ("reviews/r1", {"expertId": "e1"}),
}
"""Trigger → the document of the event, and its fields."""

JOBS: dict[str, tuple[int, dict[str, Any]]] = {
    "sweep_sessions": (200, {}),
    "sweep_bookings": (200, {}),
    "sweep_consults": (200, {}),
    "sweep_live_sessions": (200, {}),
    "sweep_exchanges": (200, {}),
    "sweep_packages": (200, {}),
    "sweep_payments": (200, {}),
    "sweep_payouts": (200, {}),
    "sweep_invoices": (200, {}),
    "sweep_subscriptions": (200, {}),
    "sweep_accounts": (200, {}),
    "tell_messages": (200, {}),
    "digest_messages": (200, {}),
    "sweep_uploads": (200, {}),
    "sample_metrics": (200, {}),
    "roll_up_metrics": (200, {}),
    "reconcile": (200, {}),
    "settle_withdrawal": (404, {"payoutId": "none", "outcome": "paid"}),
    "show_payout_details": (404, {"payoutId": "none", "by": "bench"}),
    "rotate_encryption_key": (200, {}),
    "pay_earnings": (200, {}),
    "pay_mentor": (404, {"userId": "nobody"}),
    "decide_expert": (404, {"expertId": "nobody", "status": "approved"}),
    "refund_booking": (404, {"bookingId": "none", "reason": "bench"}),
    "decide_dispute": (404, {"bookingId": "none", "decision": "no_refund", "note": "bench"}),
    "refund_course": (404, {"paymentId": "none", "reason": "bench"}),
    "settle_refund": (404, {"refundId": "none", "way": "bank"}),
    "refund_session": (404, {"sessionId": "none", "reason": "bench"}),
    "adjust_wallet": (404, {"userId": "nobody", "amount": 5, "reason": "bench"}),
    "set_user": (404, {"uid": "nobody", "name": "Nobody"}),
    "set_config": (200, {"set": {"platformFeePercent": 20}, "dryRun": True}),
    "import_mentors": (400, {"csv": "nothing"}),
    "toggle_mentor": (404, {"mentorId": "nobody"}),
}
"""Scheduled or console function → the status that it answers with, and its payload."""

# Short beside what is measured, long enough to leave the core to the function.
_CONNECT_INTERVAL_S = 0.001


@dataclass(frozen=True, eq=False)
class Probe:
    """A request to an entry point, and the status that shows that all of it is there."""

    entry_point: str
    method: str
    path: str
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.method} {self.path} → {self.status}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


class EntryPoint:
    """`with EntryPoint(name, environ) as function`: functions-framework serving one entry point of functions/main.py.

    `environ` is the process's whole environment, `cpu` the one core that it may use.
    """

    def __init__(self, name: str, environ: Mapping[str, str], *, source: Path = SOURCE, cpu: int | None = None) -> None:
        self.name = name
        # Not one of those that the system hands out for outgoing connections: it would be gone before it is used.
        self._reserved = reserve(AUTO)
        self.port = self._reserved.ports.functions
        self._command = [sys.executable, "-m", "functions_framework", f"--target={name}", f"--source={source}"]
        self._command += [f"--host={HOST}", f"--port={self.port}"]
        self._environ = dict(environ)
        self._cpu = cpu
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0

    def __enter__(self) -> Self:
        own = os.sched_getaffinity(0) if self._cpu is not None else set()
        if self._cpu is not None:
            os.sched_setaffinity(0, {self._cpu})
        try:
            self.started_s = time.perf_counter()
            self.process = subprocess.Popen(
                self._command, env=self._environ, stdout=self._output, stderr=self._output, start_new_session=True
            )
        finally:
            if self._cpu is not None:
                os.sched_setaffinity(0, own)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            # The worker too: nothing is lost by not waiting for a graceful end.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reserved.release()
        self._output.close()

    def ask(self, probe: Probe) -> Answer:
        """Send the request as soon as somebody listens. Raises RuntimeError, with the output, if no answer comes."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_TIMEOUT_S)
        connection.sock = self._connected()
        try:
            connection.request(probe.method, probe.path, body=probe.body or None, headers=dict(probe.headers))
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.getheaders()))
        except (OSError, http.client.HTTPException) as error:
            raise RuntimeError(f"{self.name} does not answer: {error!r}\n{self.output()}") from error
        finally:
            connection.close()

    def output(self) -> str:
        """What the process has written so far."""
        return os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace")

    def _connected(self) -> socket.socket:
        assert self.process is not None
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            try:
                return socket.create_connection((HOST, self.port), timeout=ANSWER_TIMEOUT_S)
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not listen:\n{self.output()}") from None
                time.sleep(_CONNECT_INTERVAL_S)


@contextmanager
def issuer() -> Iterator[LocalIssuer]:
    """An issuer of service accounts' tokens, whose keys can be fetched while this runs."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(made.jwks()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Keys) as server:
        made = LocalIssuer(f"http://{HOST}:{server.server_port}/oidc")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        server.shutdown()


def environ(stack_env: Mapping[str, str], project: str = PROJECT, oidc: LocalIssuer | None = None) -> dict[str, str]:
    """The environment of one entry point on the emulators of a stack, in a project of its own."""
    settings = {
        **{name: value for name, value in stack_env.items() if name.endswith("_EMULATOR_HOST")},
        "GOOGLE_CLOUD_PROJECT": project,
        **{name: stack_env[name] for name in ("RAZORPAY_URL", "KMS_URL", "KMS_KEY") if name in stack_env},
        "RAZORPAY_KEY_ID": "rzp_test_bench",
        "RAZORPAY_KEY_SECRET": "bench-key-secret",
        "RAZORPAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "TASKS_URL": TASKS_URL,
        "TASKS_SERVICE_ACCOUNT": TASKS_ACCOUNT,
        "MINUTE_S": "60",
        "LOG_LEVEL": "INFO",
        # As deployed: no factor of the stack's.
        "RATE_LIMIT_FACTOR": "1",
    }
    if oidc is not None:
        settings |= {"OIDC_ISSUER": oidc.issuer_url, "OIDC_CERTS_URL": oidc.issuer_url + "/certs"}
    whole = child_environ(settings)
    # Deployed, the functions' folder is found through the source alone, and .pyc files are used where there are any.
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        whole.pop(name, None)
    return whole


def probes(oidc: LocalIssuer, project: str = PROJECT) -> list[Probe]:
    """One request for each entry point that does the whole of its work on an empty project."""
    token = {"Authorization": f"Bearer {id_token(project, 'bench', role='admin')}"}
    task = {"Authorization": f"Bearer {oidc.token(TASKS_URL, TASKS_ACCOUNT)}"}
    event = json.dumps({"entity": "event", "event": "bench.nothing", "payload": {}}).encode()
    signed = {
        "X-Razorpay-Signature": signatures.sign(event, WEBHOOK_SECRET),
        "x-razorpay-event-id": "bench",
    }
    tick = json.dumps({"sessionId": "none", "userId": "nobody", "due": "2026-01-01T00:00:00+00:00"}).encode()
    decision = "/api/admin/mentor-applications/nobody/status"
    return [
        Probe("api", "GET", "/health", 200),
        Probe("api", "GET", "/api/sessions", 200, headers=token),
        Probe("admin", "PUT", decision, 404, b'{"status": "approved"}', {**token, "Content-Type": "application/json"}),
        Probe("webhooks", "POST", "/api/payments/webhook", 200, event, signed),
        Probe("tasks", "POST", "/sessions/progress", 204, tick, task),
        *(trigger_probe(project, name, document, fields) for name, (document, fields) in TRIGGERS.items()),
        *(Probe(name, "POST", "/", status, json.dumps(given).encode()) for name, (status, given) in JOBS.items()),
    ]


def id_token(project: str, uid: str, **claims: Any) -> str:
    """An ID token in the Auth emulator's form: unsigned."""
    now_s = int(time.time())
    payload = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": uid,
        "auth_time": now_s - 1,
        "iat": now_s - 1,
        "exp": now_s + 3600,
        "email": f"{uid}@konnect.test",
        **claims,
    }
    return jwt.encode(payload, "", algorithm="none")


def trigger_probe(project: str, entry_point: str, document: str, fields: Mapping[str, Any]) -> Probe:
    """The event of a document that was written with these fields, after which it is gone."""
    message = DocumentEventData.pb()()
    message.value.name = f"projects/{project}/databases/(default)/documents/{document}"
    message.value.update_time.GetCurrentTime()
    for name, value in encode_dict(dict(fields)).items():
        message.value.fields[name].ParseFromString(type(value).serialize(value))
    return Probe(entry_point, "POST", "/", 200, message.SerializeToString(), event_headers(project, document))


def event_headers(project: str, document: str = "transactions/t1") -> dict[str, str]:
    """The headers of a Firestore event, as Eventarc sends it."""
    return {
        "Content-Type": "application/protobuf",
        "ce-specversion": "1.0",
        "ce-id": "bench",
        "ce-source": f"//firestore.googleapis.com/projects/{project}/databases/(default)",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-document": document,
    }
