"""`make demo`: the main job, played on a fresh stack through real clients, and checked to the paisa.

Firebase's JS SDK and socket.io-client (from npm) are the clients; people sign in through Firebase Auth, pay at the
Razorpay sandbox's checkout, and talk. Exits nonzero if anything is not as it should be.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from local import reconcile
from local.clients import FirebaseClients, SocketClients
from local.manifest import ROOT
from local.person import Person, make_admin, make_expert, wait_until
from local.running import running_stack
from local.timeline import Formatter, Timeline, bar

MINUTE_S = 2.0
PRICE = 25
DEPOSIT = 100
PASSWORD = "konnect-demo"
FEE_PERCENT = 20
FOLDER = ROOT / ".local" / "demo"
"""Where the demo's stack leaves its logs."""
COLOURS = {"Meera": "cyan", "Kabir": "magenta", "Asha": "yellow", "Admin": "blue"}


@dataclass
class Checks:
    """What must be so at the end; each is printed with what was found."""

    rows: list[tuple[str, Any, Any]] = field(default_factory=list)

    def equal(self, what: str, expected: Any, found: Any) -> None:
        self.rows.append((what, expected, found))

    @property
    def failed(self) -> int:
        return sum(1 for _, expected, found in self.rows if expected != found)

    def show(self, console: Console) -> None:
        table = Table(title="Checks", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for name in ("", "what", "expected", "found"):
            table.add_column(name)
        for what, expected, found in self.rows:
            table.add_row("[green]✓[/]" if expected == found else "[red]✗[/]", what, str(expected), str(found))
        console.print(table)


@dataclass
class Story:
    """The people, their clients, and the lines they leave."""

    env: Mapping[str, str]
    line: Timeline
    sockets: SocketClients
    firebase: FirebaseClients
    checks: Checks = field(default_factory=Checks)
    names: dict[str, str] = field(default_factory=dict)
    """By uid."""

    def sign_up(self, name: str) -> Person:
        email = f"{name.lower()}@konnect.test"
        signed = self.firebase.sign_up(name, email, PASSWORD)
        self.names[signed.uid] = name
        person = Person(self.env, email, PASSWORD, signed.uid, signed.id_token)
        person.rename(name)
        profile = person.post("/api/auth/verify")
        self.line.did(name, f"signs up in Firebase Auth as {email}: profile and empty wallet ({profile['role']})")
        return person

    def listen_to_wallet(self, person: Person) -> None:
        self.firebase.listen(person.name, f"wallets/{person.uid}", "wallet")

    def connect(self, person: Person, *, as_expert: bool = False) -> None:
        self.sockets.connect(person.name, self.env["SIGNALING_URL"], token=person.token)
        kind = "expert" if as_expert else "user"
        ack = self.sockets.call(person.name, "register", {"userId": person.uid, "userType": kind, "name": person.name})
        assert "error" not in ack, ack

    def deposit(self, person: Person, rupees: int) -> None:
        order = person.order(rupees)
        self.line.did(person.name, f"orders a deposit of {rupees} INR ({order['orderId']}, {order['status']})")
        paid = person.pay(order["orderId"])
        self.line.did(
            person.name, f"pays at Razorpay's checkout ({paid['razorpay_payment_id']}); its webhook is on its way"
        )
        verified = person.post("/api/payments/verify", paid)
        self.line.did(person.name, f"has the signature verified: {verified['status']}")

    def say(self, sender: str, chat_id: str, text: str) -> None:
        ack = self.sockets.call(sender, "chat-message", {"chatId": chat_id, "message": text, "senderId": "anybody"})
        assert ack.get("id"), ack

    def wait(self, name: str, event: str, *, since: int = 0, **fields: Any) -> dict[str, Any]:
        """The first `event` of somebody that has these fields."""

        def fits(data: dict[str, Any], *_: Any) -> bool:
            return all(data.get(key) == value for key, value in fields.items())

        seen: dict[str, Any] = self.sockets.wait_for(name, event, fits, 30, since=since).args[0]
        return seen

    def play(self) -> str:
        line = self.line
        line.heading("1  Sign-up, and an expert is approved")
        admin = self.sign_up("Admin")
        make_admin(self.env, admin)
        meera, kabir, asha = (self.sign_up(name) for name in ("Meera", "Kabir", "Asha"))
        make_expert(admin, asha, title="Career mentor", pricePerMin=PRICE, specialties=["Interviews"])
        line.did("Admin", f"approves Asha's application; she asks {PRICE} INR a minute")
        for person in (meera, kabir, asha):
            self.listen_to_wallet(person)

        line.heading(f"2  A deposit of {DEPOSIT} INR")
        self.deposit(meera, DEPOSIT)

        line.heading("3  The expert comes online")
        self.connect(meera)
        self.connect(kabir)
        self.connect(asha, as_expert=True)
        self.wait("Meera", "expert-online", id=asha.uid)

        line.heading("4  A chat, by the minute")
        ack = self.sockets.call(
            "Meera", "request-chat", {"userId": meera.uid, "userName": "Meera", "expertId": asha.uid}
        )
        first = str(ack["chatId"])
        self.wait("Asha", "chat-started", chatId=first)
        self.say("Meera", first, "Hello! How do I prepare for a system design interview?")
        self.say("Asha", first, "Start with the numbers: users, requests, bytes.")
        self.deposit(kabir, PRICE)
        self.sockets.call("Kabir", "request-chat", {"userId": kabir.uid, "userName": "Kabir", "expertId": asha.uid})
        self.say("Meera", first, "And then?")
        self.say("Asha", first, "Then draw the smallest thing that works.")
        ended = self.wait("Meera", "chat-ended", chatId=first)

        line.heading("5  The next in the queue, who saves the session by a deposit")
        second = str(self.wait("Kabir", "chat-started")["chatId"])
        self.say("Kabir", second, "My turn at last!")
        self.wait("Kabir", "chat-warning", type="zero-balance", chatId=second)
        self.deposit(kabir, 2 * PRICE)
        self.wait("Kabir", "billing-update", chatId=second, duration=2)
        self.say("Asha", second, "Good, we can go on.")
        self.wait("Kabir", "billing-update", chatId=second, duration=3)
        self.sockets.call("Kabir", "end-chat", {"chatId": second})
        self.wait("Asha", "chat-ended", chatId=second)

        self._check(meera, kabir, asha, first, second, ended)
        return second

    def _check(
        self, meera: Person, kabir: Person, asha: Person, first: str, second: str, ended: dict[str, Any]
    ) -> None:
        equal = self.checks.equal
        equal("Meera's session: minutes, INR, reason", (4, 100, "insufficient-balance"), _summary(ended))
        sessions = {item["id"]: item for item in asha.get("/api/sessions/expert")["items"]}
        equal("Kabir's session: minutes, INR, reason", (3, 75, "user-ended"), _of(sessions[second]))
        equal("wallets of Meera and Kabir, INR", (0, 0), (_balance(meera), _balance(kabir)))
        share = (100 + 75) * (100 - FEE_PERCENT) / 100
        equal("Asha's earnings, INR", share, _balance(asha))
        equal(
            "payment and earning of the first",
            (100, 80),
            (_amount(meera, first, "payment"), _amount(asha, first, "earning")),
        )
        messages = len(self.sockets.events("Asha", "new-message"))
        equal("messages that Asha's client saw", 6, messages)
        seen = [round(event.args[0]["data"]["balance"]) for event in self.firebase.events("Meera", "wallet")]
        equal("Meera's wallet, as her browser's SDK saw it", [0, 100, 75, 50, 25, 0], seen)


def main() -> int:
    console = Console(highlight=False)
    began = time.monotonic()
    with ExitStack() as closing:
        env = closing.enter_context(_stack(console))
        sockets = closing.enter_context(SocketClients(env))
        firebase = closing.enter_context(FirebaseClients(env))
        line = Timeline(console, COLOURS)
        closing.callback(line.close)
        story = Story(env, line, sockets, firebase)
        line.watch(sockets, _socket_lines(story.names))
        line.watch(firebase, {"wallet": _wallet_line})
        story.play()
        line.close()

        console.print("\n[bold]The books[/]")
        report = reconcile.of_stack(dict(env))
        fees = (100 + 75) * FEE_PERCENT
        story.checks.equal("platform fees, paise", fees, report["accountsPaise"].get("platform:fees"))
        story.checks.equal("sum of all legs, paise", 0, report["sumPaise"])
        reconcile.show(report, console)
        console.print()
        _show_ticks(FOLDER / "logs" / "functions.log", console, story.checks)
        console.print()
        story.checks.equal("reconcile", True, report["ok"])
        story.checks.show(console)
    failed = story.checks.failed
    took = time.monotonic() - began
    verdict = f"[green]all as it should be[/] in {took:.0f} s" if not failed else f"[red]{failed} differ[/]"
    console.print(Panel.fit(verdict, border_style="red" if failed else "green"))
    return 1 if failed else 0


@contextmanager
def _stack(console: Console) -> Iterator[Mapping[str, str]]:
    console.print(
        Panel.fit(
            f"[bold]Konnect[/]  A user talks to an expert; each minute is charged exactly once.\n"
            f"[dim]Here a minute lasts {MINUTE_S:g} s, the grace {MINUTE_S / 2:g} s; only a local stack may do that.[/]"
        )
    )
    with (
        console.status("starting the local cloud: Firestore, Auth, Pub/Sub, Cloud Tasks, functions, signaling …"),
        ExitStack() as starting,
    ):
        began = time.monotonic()
        env = starting.enter_context(running_stack(minute_s=MINUTE_S, folder=FOLDER))
        running = starting.pop_all()
    console.print(f"[dim]the local cloud is up after {time.monotonic() - began:.1f} s[/]")
    with running:
        yield env


def _socket_lines(names: Mapping[str, str]) -> dict[str, Formatter]:
    def started(_: str, data: dict[str, Any]) -> str:
        other = data.get("expert") or data.get("user") or {}
        return f"[bold]session started[/] with {other.get('name')}, {data['pricePerMin']:g} INR a minute"

    def billed(_: str, data: dict[str, Any]) -> str:
        balance = f", {data['balance']:g} INR left" if "balance" in data else ""
        return f"minute {data['duration']} charged: {data['totalCharged']:g} INR in all{balance}"

    def warned(_: str, data: dict[str, Any]) -> str:
        grace = " (the grace begins)" if data["type"] == "zero-balance" else ""
        return f"[bold red]{data['type']}[/]{grace}"

    def ended(_: str, data: dict[str, Any]) -> str:
        earned = f", earning {data['earning']:g} INR" if "earning" in data else ""
        total = f"{data['duration']} minutes, {data['totalCharged']:g} INR"
        return f"[bold]session ended[/]: {data['reason']}, {total}{earned}"

    def queued(_: str, data: dict[str, Any]) -> str:
        if not data["position"]:
            return f"out of the queue: {data.get('reason')}"
        return f"in the queue, position {data['position']}"

    def message(who: str, data: dict[str, Any]) -> str | None:
        return None if names.get(data["senderId"]) == who else f"reads “{data['message']}”"

    return {
        "expert-online": lambda _, data: f"sees {data['name']} come online",
        "chat-started": started,
        "new-message": message,
        "billing-update": billed,
        "chat-warning": warned,
        "chat-ended": ended,
        "queue-joined": queued,
        "queue-status": queued,
    }


def _wallet_line(_: str, snapshot: dict[str, Any]) -> str | None:
    data = snapshot.get("data")
    return None if not data else f"{bar(data['balance'], DEPOSIT)} wallet {data['balance']:g} INR"


def _show_ticks(log: Path, console: Console, checks: Checks) -> None:
    """What the ticks cost, from the functions' own log."""
    ticks = wait_until("the ticks' log lines", lambda: _plain_ticks(log))
    reads = [tick["reads"] for tick in ticks]
    writes = [tick["writes"] for tick in ticks]
    console.print(
        f"{len(ticks)} ticks that charged a minute: {statistics.median(reads):g} Firestore reads and "
        f"{statistics.median(writes):g} writes each, {statistics.median(tick['ms'] for tick in ticks):g} ms (median)"
    )
    checks.equal("most reads and writes of a tick", (2, 3), (max(reads), max(writes)))


def _plain_ticks(log: Path) -> list[dict[str, Any]]:
    lines = (json.loads(text) for text in log.read_text().splitlines() if text.startswith("{"))
    tasks = [line for line in lines if line.get("message") == "task" and line.get("path") == "/sessions/progress"]
    # Ticks alone write three documents; a repeat writes none, a warning one, an end more.
    return [task for task in tasks if task["status"] == 204 and task["writes"] == 3]


def _summary(ended: dict[str, Any]) -> tuple[Any, ...]:
    return ended["duration"], ended["totalCharged"], ended["reason"]


def _of(session: dict[str, Any]) -> tuple[Any, ...]:
    return session["duration"], session["totalAmount"], session["endReason"]


def _balance(person: Person) -> float:
    return float(person.get("/api/wallet")["balance"])


def _amount(person: Person, session_id: str, kind: str) -> float:
    return float(person.get(f"/api/wallet/transactions/{session_id}-{kind}")["amount"])


if __name__ == "__main__":
    sys.exit(main())
