"""Google's own emulators as children of the stack: Firestore, Pub/Sub, Auth.

Each keeps its data by its own export: `save(folder)` while it runs, `data` at the next start.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp

from local import emulator_files
from local.emulator_files import FIREBASE, ROOT, EmulatorMissingError
from local.environment import child_environ
from local.ports import HOST, url
from local.processes import Child

READY_TIMEOUT_S = 240.0
EXPORT_NAME = "firestore_export"
# The serial collector needs the least memory and no threads of its own while nothing happens.
JAVA_OPTIONS = ("-XX:+UseSerialGC", "-Xmx1g", "-Duser.language=en")
NODE_OPTIONS = ("--max-semi-space-size=1", "--max-old-space-size=384")
# What the emulators take for a caller that may do everything.
OWNER = {"Authorization": "Bearer owner"}


class RulesError(RuntimeError):
    """firestore.rules does not compile; the message has a line `file:line:column: what` for each error."""


class EmulatorError(RuntimeError):
    """An emulator refused what the stack asked of it."""


async def answers(target: str) -> bool:
    """Whether anything but a server error comes back from a GET."""
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(target) as response:
            return response.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False


class FirestoreEmulator:
    """The Firestore emulator, with the rules of `rules` for every project, posting its events to `events_address`."""

    def __init__(self, port: int, project: str, rules: Path, events_address: str, logs: Path) -> None:
        self.url = url(port)
        self._port = port
        self._project = project
        self._rules = rules
        self._events_address = events_address
        self._logs = logs
        self.child: Child | None = None

    async def start(self, data: Path | None = None) -> list[str]:
        """Start with the documents saved in `data`, if there are any. Answers the warnings about the rules.

        Raises EmulatorMissingError, RulesError, ChildError.
        """
        command = [
            emulator_files.java(),
            *JAVA_OPTIONS,
            "-cp",
            str(emulator_files.firestore_jar()),
            "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
            f"--host={HOST}",
            f"--port={self._port}",
            f"--rules={self._rules}",
            f"--functions_emulator={self._events_address}",
        ]
        saved = data / EXPORT_NAME / f"{EXPORT_NAME}.overall_export_metadata" if data else None
        if saved and saved.is_file():
            command.append(f"--seed_from_export={saved}")
        if not self._rules.is_file():
            raise RulesError(f"{self._rules}: no such file")
        self.child = Child("Firestore emulator", command, self._logs / "firestore.log", child_environ({}), self._logs)
        await self.child.start()
        await self.child.wait_ready(lambda: answers(self.url), READY_TIMEOUT_S)
        return await self._check_rules()

    async def _check_rules(self) -> list[str]:
        """The emulator starts with a broken file and then refuses every request: ask it for the issues."""
        content = self._rules.read_text(encoding="utf-8")
        body = {"ignore_errors": True, "rules": {"files": [{"name": self._rules.name, "content": content}]}}
        answer = await _call("PUT", f"{self.url}/emulator/v1/projects/{self._project}:securityRules", body)
        errors: list[str] = []
        warnings: list[str] = []
        for issue in answer.get("issues", []):
            position = issue.get("sourcePosition", {})
            where = f"{self._rules.name}:{position.get('line', 0)}:{position.get('column', 0)}"
            kind = errors if issue.get("severity") == "ERROR" else warnings
            kind.append(f"{where}: {issue.get('description', '')}")
        if errors:
            raise RulesError("\n".join(errors))
        return warnings

    async def save(self, folder: Path) -> None:
        """Write all documents of the project below `folder`."""
        body = {
            "database": f"projects/{self._project}/databases/(default)",
            "export_directory": str(folder),
            "export_name": EXPORT_NAME,
        }
        shutil.rmtree(folder / EXPORT_NAME, ignore_errors=True)
        await _call("POST", f"{self.url}/emulator/v1/projects/{self._project}:export", body)

    async def stop(self) -> None:
        if self.child:
            await self.child.stop()


class PubSubEmulator:
    """The Pub/Sub emulator. It keeps no data: topics are made at start, and messages live for seconds."""

    def __init__(self, port: int, project: str, logs: Path) -> None:
        self.url = url(port)
        self._port = port
        self._project = project
        self._logs = logs
        self.child: Child | None = None

    async def start(self) -> None:
        """Raises EmulatorMissingError, ChildError."""
        jar = str(emulator_files.pubsub_jar())
        command = [emulator_files.java(), *JAVA_OPTIONS, "-jar", jar, f"--host={HOST}", f"--port={self._port}"]
        self.child = Child("Pub/Sub emulator", command, self._logs / "pubsub.log", child_environ({}), self._logs)
        await self.child.start()
        await self.child.wait_ready(lambda: answers(self.url), READY_TIMEOUT_S)

    async def ensure_topic(self, name: str) -> None:
        """Create the topic, unless it is there."""
        await _call("PUT", f"{self.url}/v1/projects/{self._project}/topics/{name}", {}, accept=(409,))

    async def stop(self) -> None:
        if self.child:
            await self.child.stop()


class AuthEmulator:
    """firebase-tools' Auth emulator. Accounts are kept in the form of its own export (accounts.json, config.json)."""

    def __init__(self, port: int, hub_port: int, logging_port: int, project: str, folder: Path, logs: Path) -> None:
        self.url = url(port)
        self._ports = {"auth": port, "hub": hub_port, "logging": logging_port}
        self._project = project
        self._folder = folder
        self._logs = logs
        self.child: Child | None = None

    async def start(self, data: Path | None = None) -> None:
        """Start with the accounts saved in `data`, if there are any. Raises EmulatorMissingError, ChildError."""
        if not FIREBASE.exists():
            raise EmulatorMissingError("the Auth emulator is part of firebase-tools, which is not installed: npm ci")
        # A folder of its own: firebase-tools writes its debug log and looks for its project where it runs.
        folder = self._folder / "auth"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "firebase.json"
        emulators: dict[str, Any] = {name: {"host": HOST, "port": port} for name, port in self._ports.items()}
        config.write_text(json.dumps({"emulators": {**emulators, "ui": {"enabled": False}}}), encoding="utf-8")
        command = [
            shutil.which("node") or "node",
            *NODE_OPTIONS,
            "--require",
            str(ROOT / "local" / "auth_emulator_preload.cjs"),
            str(FIREBASE.resolve()),
            "emulators:start",
            "--only=auth",
            f"--project={self._project}",
            f"--config={config}",
            "--non-interactive",
        ]
        self.child = Child("Auth emulator", command, self._logs / "auth.log", child_environ({}), folder)
        await self.child.start()
        await self.child.wait_ready(lambda: answers(self.url), READY_TIMEOUT_S)
        if data and (data / "auth_export" / "accounts.json").is_file():
            await self.load(data)

    async def save(self, folder: Path) -> None:
        """Write all accounts and the project's configuration below `folder`."""
        target = folder / "auth_export"
        target.mkdir(parents=True, exist_ok=True)
        accounts = await _call("GET", f"{self._accounts_url}:batchGet?maxResults=-1")
        config = await _call("GET", self._config_url)
        (target / "accounts.json").write_text(json.dumps(accounts, indent=1), encoding="utf-8")
        (target / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")

    async def load(self, folder: Path) -> None:
        """Add what `save` wrote below `folder`."""
        source = folder / "auth_export"
        await _call("PATCH", self._config_url, _read_json(source / "config.json"))
        accounts = _read_json(source / "accounts.json")
        if accounts.get("users"):
            await _call("POST", f"{self._accounts_url}:batchCreate", accounts)

    @property
    def _accounts_url(self) -> str:
        return f"{self.url}/identitytoolkit.googleapis.com/v1/projects/{self._project}/accounts"

    @property
    def _config_url(self) -> str:
        return f"{self.url}/emulator/v1/projects/{self._project}/config"

    async def stop(self) -> None:
        if self.child:
            await self.child.stop()


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


async def _call(method: str, target: str, body: Any = None, *, accept: tuple[int, ...] = ()) -> Any:
    """One JSON request as the emulator's owner. Raises EmulatorError for a status of 400 or more not in `accept`."""
    async with (
        aiohttp.ClientSession(headers=OWNER) as session,
        session.request(method, target, json=body) as response,
    ):
        text = await response.text()
        if response.status >= 400 and response.status not in accept:
            raise EmulatorError(f"{method} {target}: {response.status} {text[:500]}")
        return json.loads(text) if text.strip() else {}
