"""Google's emulators as the stack starts them: rules are checked, data outlives a restart."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.emulators import OWNER, AuthEmulator, EmulatorError, FirestoreEmulator, PubSubEmulator, RulesError
from local.ports import AUTO, Ports, reserve

PROJECT = "demo-emulators"
RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /things/{id} { allow read: if %s; }
  }
}
"""


@pytest.fixture
def ports() -> Iterator[Ports]:
    reservation = reserve(AUTO)
    yield reservation.ports
    reservation.release()


def firestore(ports: Ports, folder: Path, condition: str) -> FirestoreEmulator:
    rules = folder / "firestore.rules"
    rules.write_text(RULES % condition)
    return FirestoreEmulator(ports.firestore, PROJECT, rules, f"127.0.0.1:{ports.events}", folder)


async def call(method: str, url: str, body: Any = None, *, owner: bool = False) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(headers=OWNER if owner else {}) as session,
        session.request(method, url, json=body) as response,
    ):
        return response.status, await response.json(content_type=None)


def test_broken_rules_stop_the_start_with_line_and_column(ports: Ports, tmp_path: Path):
    async def run() -> None:
        emulator = firestore(ports, tmp_path, "fals e")
        try:
            await emulator.start()
        finally:
            await emulator.stop()

    with pytest.raises(RulesError, match=r"^firestore\.rules:4:46: Unexpected 'e'\.$"):
        asyncio.run(run())


def test_firestore_has_the_rules_and_keeps_its_data(ports: Ports, tmp_path: Path):
    fields = {"n": {"integerValue": "5"}, "at": {"timestampValue": "2026-01-05T10:00:00.123456Z"}}
    data = tmp_path / "data"
    data.mkdir()

    async def run() -> None:
        emulator = firestore(ports, tmp_path, "id == 'open' || nobody.knows")
        documents = f"{emulator.url}/v1/projects/{PROJECT}/databases/(default)/documents/things"
        try:
            assert await emulator.start() == ["firestore.rules:4:57: Invalid variable name: nobody."]
            for name in ("open", "closed"):
                await call("POST", f"{documents}?documentId={name}", {"fields": fields}, owner=True)
            # Twice: the second replaces the first.
            await emulator.save(data)
            await emulator.save(data)
        finally:
            await emulator.stop()
        emulator = firestore(ports, tmp_path, "id == 'open'")
        try:
            assert await emulator.start(data) == []
            status, document = await call("GET", f"{documents}/open")
            assert (status, document["fields"]) == (200, fields)
            assert (await call("GET", f"{documents}/closed"))[0] == 403
        finally:
            await emulator.stop()

    asyncio.run(run())


def test_auth_keeps_accounts_passwords_and_claims(ports: Ports, tmp_path: Path):
    def auth(project: str) -> AuthEmulator:
        return AuthEmulator(ports.auth, ports.hub, ports.logging, project, tmp_path, tmp_path)

    async def run() -> None:
        emulator = auth(PROJECT)
        account = {"email": "somebody@konnect.test", "password": "a password", "returnSecureToken": True}
        tools = f"{emulator.url}/identitytoolkit.googleapis.com/v1"
        try:
            await emulator.start(tmp_path / "nothing yet")
            status, created = await call("POST", f"{tools}/projects/{PROJECT}/accounts", account, owner=True)
            assert status == 200
            # Requests are validated, though the description that they are validated by is not.
            assert (await call("POST", f"{tools}/accounts:signUp?key=local", {"email": 5}))[0] == 400
            claims = {"localId": created["localId"], "customAttributes": '{"role":"expert"}'}
            assert (await call("POST", f"{tools}/projects/{PROJECT}/accounts:update", claims, owner=True))[0] == 200
            await emulator.save(tmp_path)

            # A second start takes seconds; a project that is new to the emulator has nothing either.
            await auth("demo-another").load(tmp_path)
            another = {**account, "targetProjectId": "demo-another"}
            status, signed_in = await call("POST", f"{tools}/accounts:signInWithPassword", another, owner=True)
            assert (status, signed_in["localId"]) == (200, created["localId"])
            lookup = {"localId": [created["localId"]]}
            _, found = await call("POST", f"{tools}/projects/demo-another/accounts:lookup", lookup, owner=True)
            assert found["users"][0]["customAttributes"] == '{"role":"expert"}'
        finally:
            await emulator.stop()

    asyncio.run(run())


def test_pubsub_topic_is_made_once(ports: Ports, tmp_path: Path):
    async def run() -> None:
        emulator = PubSubEmulator(ports.pubsub, PROJECT, tmp_path)
        try:
            await emulator.start()
            await emulator.ensure_topic("realtime")
            await emulator.ensure_topic("realtime")
            _, topics = await call("GET", f"{emulator.url}/v1/projects/{PROJECT}/topics")
            assert topics == {"topics": [{"name": f"projects/{PROJECT}/topics/realtime"}]}
            with pytest.raises(EmulatorError, match="400"):
                await emulator.ensure_topic("-")
        finally:
            await emulator.stop()

    asyncio.run(run())
