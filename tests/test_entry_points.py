"""Each entry point alone, as production starts it; main.py, functions.yaml, firebase.json and contract agree."""

import ast
import csv
import inspect
import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bench import entry_point
from bench.entry_point import EntryPoint, Probe
from konnect.config import Settings
from konnect.http import routes
from local import manifest
from local.manifest import ROOT, Endpoint, EventEndpoint, HttpEndpoint
from local.oidc import LocalIssuer

MANIFEST = manifest.load()
MAIN = ast.parse(entry_point.SOURCE.read_text())
CONTRACT = Path(__file__).with_name("contract")
JSON_TYPE = {"Content-Type": "application/json"}
PUBLIC = {"api", "admin", "webhooks"}
DECISION = "/api/admin/mentor-applications/nobody/status"
WEBHOOK = "/api/payments/webhook"
STRIPE_WEBHOOK = "/api/v1/payments/webhook"
TICK = "/sessions/progress"


@dataclass(frozen=True)
class World:
    """A project of the run's emulators for entry points alone, and an issuer of their tasks' tokens."""

    project: str
    oidc: LocalIssuer
    environ: Mapping[str, str]

    def starting(self, name: str, **changes: str) -> EntryPoint:
        return EntryPoint(name, {**self.environ, **changes})

    def user(self, uid: str, **claims: Any) -> dict[str, str]:
        return bearer(entry_point.id_token(self.project, uid, **claims))


@pytest.fixture(scope="module")
def world(stack_env: dict[str, str]) -> Iterator[World]:
    project = f"demo-{uuid.uuid4().hex[:12]}"
    with entry_point.issuer() as oidc:
        yield World(project, oidc, entry_point.environ(stack_env, project, oidc))


# What a job takes for wrong input, beside what is no JSON object.
BAD_INPUT = {
    "settle_withdrawal": b"{}",
    "show_payout_details": b"{}",
    "decide_expert": b"{}",
    "roll_up_metrics": b'{"days": 0}',
    "refund_session": b"{}",
    "refund_booking": b"{}",
    "refund_course": b"{}",
    "settle_refund": b"{}",
    "decide_dispute": b"{}",
    "adjust_wallet": b"{}",
    "set_user": b'{"uid": "nobody", "roll": "admin"}',
    "set_config": b'{"set": {"fee": 1}}',
    "import_mentors": b"{}",
    "toggle_mentor": b"{}",
}


def refusals(world: World, endpoint: Endpoint) -> list[Probe]:
    """What an entry point must not take."""
    name = endpoint.entry_point
    if name in OF_THEIR_OWN:
        return OF_THEIR_OWN[name](world)
    if isinstance(endpoint, EventEndpoint):
        broken = entry_point.event_headers(world.project)
        return [
            Probe(name, "POST", "/", 415, b"garbage"),
            Probe(name, "POST", "/", 400, b"{}", JSON_TYPE),
            Probe(name, "POST", "/", 500, b"\xff\xff", broken),
        ]
    bodies = [b"{", b"[]", *([BAD_INPUT[name]] if name in BAD_INPUT else [])]
    return [Probe(name, "POST", "/", 400, body) for body in bodies]


def api_refusals(world: World) -> list[Probe]:
    return [
        Probe("api", "GET", "/api/wallet", 401),
        Probe("api", "GET", "/api/wallet", 401, headers={"Authorization": "Bearer forged"}),
        Probe("api", "GET", "/api/nothing", 404),
        Probe("api", "PUT", DECISION, 404, b"{}", world.user("root", role="admin")),
        Probe("api", "POST", TICK, 404, b"{}"),
    ]


def admin_refusals(world: World) -> list[Probe]:
    return [
        Probe("admin", "PUT", DECISION, 401, b"{}", JSON_TYPE),
        Probe("admin", "PUT", DECISION, 403, b"{}", world.user("ann")),
        Probe("admin", "GET", "/api/wallet", 404, headers=world.user("ann")),
    ]


def webhooks_refusals(world: World) -> list[Probe]:
    return [
        Probe("webhooks", "POST", WEBHOOK, 400, b"{}", {"X-Razorpay-Signature": "0" * 64}),
        Probe("webhooks", "POST", WEBHOOK, 400, b"{}"),
        Probe("webhooks", "GET", WEBHOOK, 405),
        Probe("webhooks", "POST", STRIPE_WEBHOOK, 400, b"{}", {"Stripe-Signature": "t=1,v1=00"}),
        Probe("webhooks", "POST", STRIPE_WEBHOOK, 400, b"{}"),
    ]


def tasks_refusals(world: World) -> list[Probe]:
    audience, account = entry_point.TASKS_URL, entry_point.TASKS_ACCOUNT
    foreign = LocalIssuer(world.oidc.issuer_url)
    wrong = [
        world.oidc.token("http://other.test", account),
        world.oidc.token(audience, "somebody@demo-konnect.iam.gserviceaccount.com"),
        world.oidc.token(audience, account, lifetime_s=-60),
        foreign.token(audience, account),
    ]
    right = bearer(world.oidc.token(audience, account))
    return [
        Probe("tasks", "POST", TICK, 401, b"{}"),
        *(Probe("tasks", "POST", TICK, 401, b"{}", bearer(token)) for token in wrong),
        Probe("tasks", "POST", "/nothing", 404, b"{}", right),
        Probe("tasks", "POST", TICK, 400, b"[]", right),
    ]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


OF_THEIR_OWN = {
    "api": api_refusals,
    "admin": admin_refusals,
    "webhooks": webhooks_refusals,
    "tasks": tasks_refusals,
}


@pytest.mark.parametrize("endpoint", MANIFEST.endpoints.values(), ids=lambda endpoint: endpoint.name)
def test_answers_alone_and_refuses(world: World, endpoint: Endpoint) -> None:
    name = endpoint.entry_point
    works = [probe for probe in entry_point.probes(world.oidc, world.project) if probe.entry_point == name]
    assert works, f"no probe shows that {name} works: bench/entry_point.py lists them"
    with world.starting(name) as function:
        for probe in [*works, *refusals(world, endpoint)]:
            answer = function.ask(probe)
            assert answer.status == probe.status, f"{probe.label}: {answer.body!r}\n{function.output()}"
            if probe.status >= 400 and not isinstance(endpoint, EventEndpoint):
                assert set(answer.json()["error"]) == {"code", "message", "details"}
        assert "unexpected error" not in function.output()


class TestStart:
    """What must stop a deployed process from starting, and what must not."""

    DEPLOYED = {  # noqa: RUF012 - a constant
        "K_SERVICE": "api",
        "FIRESTORE_EMULATOR_HOST": "",
        "FIREBASE_AUTH_EMULATOR_HOST": "",
        "PUBSUB_EMULATOR_HOST": "",
        "CLOUD_TASKS_EMULATOR_HOST": "",
        "OIDC_ISSUER": "",
        "OIDC_CERTS_URL": "",
        "SHEETS_URL": "",
        "STORAGE_EMULATOR_HOST": "",
        "IAM_CREDENTIALS_URL": "",
        "FCM_URL": "",
        "KMS_URL": "",
        "STRIPE_URL": "",
        "RATE_LIMIT_FACTOR": "",
        "SMTP_HOST": "smtp.test",
        "SMTP_TLS": "starttls",
        "MAIL_FROM": "Konnect <no-reply@konnect.test>",
        "MINUTE_S": "60",
    }

    def test_deployed(self, world: World) -> None:
        with world.starting("api", **self.DEPLOYED) as function:
            assert function.ask(Probe("api", "GET", "/health", 200)).status == 200

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:8401"),
            ("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:8402"),
            ("PUBSUB_EMULATOR_HOST", "127.0.0.1:8403"),
            ("CLOUD_TASKS_EMULATOR_HOST", "127.0.0.1:8404"),
            ("OIDC_ISSUER", "http://127.0.0.1:8414/oidc"),
            ("OIDC_CERTS_URL", "http://127.0.0.1:8414/oidc/certs"),
            ("MINUTE_S", "2"),
            ("SMTP_TLS", "none"),
            ("MAIL_FROM", ""),
            ("SHEETS_URL", "http://127.0.0.1:8415"),
            ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:8416"),
            ("IAM_CREDENTIALS_URL", "http://127.0.0.1:8416"),
            ("FCM_URL", "http://127.0.0.1:8417"),
            ("KMS_URL", "http://127.0.0.1:8418"),
            ("STRIPE_URL", "http://127.0.0.1:8419"),
            ("KMS_KEY", ""),
            ("RATE_LIMIT_FACTOR", "2"),
            ("RAZORPAY_WEBHOOK_SECRET", ""),
        ],
    )
    def test_refused(self, world: World, variable: str, value: str) -> None:
        with world.starting("api", **{**self.DEPLOYED, variable: value}) as function:
            assert function.process is not None
            assert function.process.wait(60) != 0
            assert variable in function.output()


# The files agree


def decorated() -> dict[str, str]:
    """The functions of main.py by name, with the framework's decorator: "http" or "cloud_event"."""
    return {
        node.name: decorator.attr
        for node in MAIN.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Attribute)
    }


def named_functions() -> list[str]:
    """Each "module:function" that main.py or a task's path names."""
    strings = [node.value for node in ast.walk(MAIN) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in strings if text.startswith("konnect.") and ":" in text] + [*routes.TASK_HANDLERS.values()]


def contract() -> list[dict[str, str]]:
    with (CONTRACT / "rest.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


class TestFiles:
    def test_every_endpoint_has_its_function_and_the_other_way_round(self) -> None:
        found = {
            endpoint.entry_point: "cloud_event" if isinstance(endpoint, EventEndpoint) else "http"
            for endpoint in MANIFEST.endpoints.values()
        }
        assert found == decorated()

    @pytest.mark.parametrize("name", named_functions())
    def test_what_main_names_is_there(self, name: str) -> None:
        module, _, function = name.partition(":")
        parameters = inspect.signature(getattr(import_module(module), function)).parameters
        needed = [one for one in parameters.values() if one.default is one.empty]
        assert len(needed) == 3, f"{name} is called with context, payload and time"

    @pytest.mark.parametrize("trigger", MANIFEST.triggers.values(), ids=lambda trigger: trigger.name)
    def test_a_trigger_decodes_the_documents_that_it_gets(self, trigger: EventEndpoint) -> None:
        body = next(n for n in MAIN.body if isinstance(n, ast.FunctionDef) and n.name == trigger.entry_point)
        assert trigger.document in [node.value for node in ast.walk(body) if isinstance(node, ast.Constant)]
        assert trigger.retry

    def test_tasks_go_to_the_queue_of_the_manifest(self) -> None:
        assert [*MANIFEST.queues] == [Settings().tasks_queue]

    def test_rewrites_lead_to_public_functions_and_to_each_of_them(self) -> None:
        assert {name for name, endpoint in MANIFEST.http.items() if endpoint.public} == PUBLIC
        assert {rewrite.function_id for rewrite in MANIFEST.rewrites if rewrite.function_id is not None} == PUBLIC

    @pytest.mark.parametrize("name", sorted(MANIFEST.endpoints.keys() - PUBLIC))
    def test_no_rewrite_leads_to_the_rest(self, name: str) -> None:
        assert MANIFEST.match(f"/{name}") is None

    def test_rewrites_name_the_functions_region(self) -> None:
        for rewrite in json.loads((ROOT / "firebase.json").read_text())["hosting"]["rewrites"]:
            target = rewrite.get("function") or rewrite["run"]
            function = MANIFEST.endpoints.get(target.get("functionId", ""))
            assert target["region"] == (function.region if function else Settings().region)

    @pytest.mark.parametrize(
        ("name", "prefixes"),
        [("api", routes.ROUTES), ("admin", routes.ADMIN_ROUTES), ("webhooks", routes.WEBHOOK_ROUTES)],
    )
    def test_each_route_is_reached(self, name: str, prefixes: dict[str, str]) -> None:
        for prefix in prefixes:
            assert MANIFEST.match(prefix.replace("*", "x1")) == name, prefix

    def test_each_path_of_the_contract_is_covered(self) -> None:
        rows = contract()
        assert len(rows) > 100
        for row in rows:
            path = row["path"].replace("{", "x").replace("}", "")
            assert MANIFEST.match(path) == target(row), row

    def test_sockets_go_to_signaling(self) -> None:
        rewrite = MANIFEST.rewrite("/socket.io/")
        assert rewrite is not None
        assert rewrite.service_id == "signaling"


def target(row: dict[str, str]) -> str:
    """The function that has to serve an operation of the contract."""
    if row["auth"] == "signature":
        return "webhooks"
    return "admin" if row["path"].startswith(("/api/admin/", "/api/v1/admin/")) else "api"


@pytest.fixture(scope="module")
def deployed() -> dict[str, Any]:
    """What firebase-tools would deploy. Anything that it refuses fails here."""
    script = Path(__file__).with_name("firebase_files.cjs")
    done = subprocess.run(["node", script, ROOT], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


class TestFirebaseTools:
    def test_reads_the_functions_as_we_do(self, deployed: dict[str, Any]) -> None:
        theirs = {endpoint["id"]: endpoint for endpoint in deployed["endpoints"]}
        assert theirs.keys() == MANIFEST.endpoints.keys()
        for name, endpoint in MANIFEST.endpoints.items():
            assert theirs[name]["platform"] == "gcfv2"
            ours = (endpoint.entry_point, endpoint.region, endpoint.memory_mb, endpoint.timeout_s)
            read = theirs[name]
            assert ours == (read["entryPoint"], read["region"], read["availableMemoryMb"], read["timeoutSeconds"])
            if isinstance(endpoint, HttpEndpoint):
                assert endpoint.invokers == tuple(read["httpsTrigger"]["invoker"])

    def test_reads_triggers_queues_and_schedules_as_we_do(self, deployed: dict[str, Any]) -> None:
        theirs = {endpoint["id"]: endpoint for endpoint in deployed["endpoints"]}
        for name, trigger in MANIFEST.triggers.items():
            read = theirs[name]["eventTrigger"]
            assert (read["eventType"], read["retry"]) == (trigger.event_type, trigger.retry)
            assert read["eventFilterPathPatterns"] == {"document": trigger.document}
        for name, queue in MANIFEST.queues.items():
            assert theirs[name]["taskQueueTrigger"]["rateLimits"] == queue.rate_limits
            assert theirs[name]["taskQueueTrigger"]["retryConfig"] == queue.retry_config
        for name, schedule in MANIFEST.schedules.items():
            read = theirs[name]["scheduleTrigger"]
            assert (read["schedule"], read["timeZone"]) == (schedule.cron, schedule.zone.key)

    def test_takes_rewrites_and_indexes(self, deployed: dict[str, Any]) -> None:
        assert deployed["runtime"] == "python311"
        assert len(deployed["rewrites"]) == len(MANIFEST.rewrites)
        assert deployed["indexes"] == len(json.loads((ROOT / "firestore.indexes.json").read_text())["indexes"])
