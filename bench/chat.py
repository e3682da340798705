"""What a chat message costs from the sender's emit to the receiver's event, through npm's socket.io-client."""

import json
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.person import Person, make_admin, make_expert

from . import pubsub
from .table import Table, median, ms, percentile, ratio

SCRIPT = Path(__file__).with_name("chat.mjs")
PASSWORD = "konnect-bench"
KINDS = {
    "on one instance": ("SIGNALING_1_URL", "SIGNALING_1_URL"),
    "across two": ("SIGNALING_1_URL", "SIGNALING_2_URL"),
}
"""Where the user's and the expert's sockets are."""
CHATS, WINDOW = 8, 4
WARM_UP, SAMPLES = 20, 200
ROUNDS, ROUND_MS = 3, 4000
TIMEOUT_S = 300


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    """Needs a stack with two signaling processes."""
    config = {
        "pairs": _pairs(env),
        "warmUp": WARM_UP,
        "samples": SAMPLES,
        "rounds": ROUNDS,
        "roundMs": ROUND_MS,
        "window": WINDOW,
    }
    done = subprocess.run(
        ["node", SCRIPT], input=json.dumps(config), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{SCRIPT.name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return [_alone(found["alone"], pubsub.delivery_s(env)), _crowd(found["crowd"])]


def _pairs(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """CHATS users with money and as many approved experts, for each kind."""
    admin = _sign_up(env, "Admin")
    make_admin(env, admin)
    pairs = []
    for kind, (users, experts) in KINDS.items():
        for _ in range(CHATS):
            user, expert = _sign_up(env, "User"), _sign_up(env, "Expert")
            user.deposit(1000)
            make_expert(admin, expert, pricePerMin=10)
            pairs.append({"kind": kind, "user": _client(user, env[users]), "expert": _client(expert, env[experts])})
    return pairs


def _sign_up(env: Mapping[str, str], name: str) -> Person:
    person = Person.sign_up(env, f"{uuid.uuid4().hex}@bench.konnect.test", PASSWORD, name)
    person.post("/api/auth/verify")
    return person


def _client(person: Person, url: str) -> dict[str, str]:
    return {"url": url, "token": person.token, "uid": person.uid, "name": person.name}


def _alone(found: Mapping[str, Any], delivery_s: float) -> Table:
    base, other = KINDS
    rows = []
    for name, key in (("emit → receiver's new-message", "message"), ("emit → sender's ack", "ack")):
        for kind in KINDS:
            taken = [value / 1000 for value in found[kind][key]]
            compared = ratio(found[other][key], found[base][key]) if kind == other else ""
            rows.append((name, kind, ms(median(taken)), ms(percentile(taken, 99)), compared))
    note = (
        f"One message of 64 bytes at a time, {SAMPLES} each way, taking turns. Stored in Firestore before it is "
        "acknowledged or told. The ratio is of messages that follow each other. Between instances it goes over "
        f"Pub/Sub, whose emulator alone takes {ms(delivery_s)} ms from publish to streaming pull."
    )
    return Table("Chat message", ("message", "sockets", "ms", "p99", "ratio"), rows, note)


def _crowd(found: Mapping[str, Any]) -> Table:
    base, other = KINDS
    rows = []
    for kind in KINDS:
        taken = [value / 1000 for each in found[kind] for value in each["message"]]
        rates = {name: [each["perSecond"] for each in found[name]] for name in KINDS}
        compared = ratio(rates[other], rates[base]) if kind == other else ""
        rows.append((kind, f"{median(rates[kind]):.0f}", ms(median(taken)), ms(percentile(taken, 99)), compared))
    note = (
        f"{CHATS} chats at once, {WINDOW} messages of each on their way, {ROUNDS} rounds of {ROUND_MS / 1000:g} s each "
        "way, taking turns. Signaling, Firestore and the clients share the machine."
    )
    return Table("Chat at full speed", ("sockets", "messages/s", "ms", "p99", "ratio"), rows, note)
