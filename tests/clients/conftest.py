"""A Firestore project of the tests' own, under the real rules, and the clients that use it."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from google.cloud import firestore

from local.clients import FirebaseClients
from tests.clients.browser import BrowserClients

RULES = Path(__file__).parents[2] / "firestore.rules"
PASSWORD = "konnect-local"


def email(who: str) -> str:
    """An address that no other test has: the Auth emulator is shared."""
    return f"{who}-{uuid4().hex[:8]}@konnect.test"


@dataclass(frozen=True)
class Project:
    """`env` for client processes; `admin` writes past the rules, as functions do."""

    env: dict[str, str]
    admin: firestore.Client

    def set_balance(self, uid: str, balance: int) -> None:
        """Write the wallet document as the ledger does: paise, and the rupees beside them."""
        wallet = {"userId": uid, "currency": "INR", "balance": balance, "balancePaise": balance * 100}
        self.admin.document(f"wallets/{uid}").set(wallet)


@pytest.fixture(scope="session")
def project(stack_env: dict[str, str]) -> Iterator[Project]:
    # Not the stack's own project: a wallet that no movement explains would fail its reconciliation.
    project_id = f"demo-clients-{uuid4().hex[:8]}"
    env = {**stack_env, "GOOGLE_CLOUD_PROJECT": project_id}
    rules = {"rules": {"files": [{"name": "firestore.rules", "content": RULES.read_text()}]}}
    urllib.request.urlopen(
        urllib.request.Request(
            f"http://{env['FIRESTORE_EMULATOR_HOST']}/emulator/v1/projects/{project_id}:securityRules",
            data=json.dumps(rules).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        ),
        timeout=60,
    ).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", env["FIRESTORE_EMULATOR_HOST"])
        admin = firestore.Client(project=project_id)
    yield Project(env, admin)
    admin.close()


@pytest.fixture(scope="session")
def firebase(project: Project) -> Iterator[FirebaseClients]:
    with FirebaseClients(project.env) as clients:
        yield clients


@pytest.fixture(scope="session")
def browser(project: Project) -> Iterator[BrowserClients]:
    with BrowserClients(project.env) as clients:
        yield clients
