"""A relay of trigger events before a function of the test's own, and events as the emulator posts them."""

import base64
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from google.events.cloud.firestore_v1 import Document, DocumentEventData

from local.events import DeliveryRetry, EventRelay
from local.manifest import Manifest, parse_functions
from tests.local.function_target import FunctionTarget

FAST = DeliveryRetry(min_backoff_s=0.01, max_backoff_s=0.02, max_attempts=4)
DRAIN_S = 60.0
NOBODY = "http://127.0.0.1:1/functions"


def manifest_of(*triggers: str) -> Manifest:
    """Each trigger as "name kind document retry"."""
    entries = []
    for trigger in triggers:
        name, kind, document, retry = trigger.split()
        is_pattern = "{" in document
        filters = {"database": "(default)", "namespace": "(default)"} | ({} if is_pattern else {"document": document})
        patterns = {"document": document} if is_pattern else {}
        entry = {
            "entryPoint": name,
            "eventTrigger": {
                "eventType": f"google.cloud.firestore.document.v1.{kind}",
                "eventFilters": filters,
                "eventFilterPathPatterns": patterns,
                "retry": retry == "retry",
            },
        }
        entries.append(f"  {name}: {json.dumps(entry)}")
    return Manifest(parse_functions("specVersion: v1alpha1\nendpoints:\n" + "\n".join(entries)))


@dataclass
class Setup:
    relay: EventRelay
    target: FunctionTarget
    project: str
    session: aiohttp.ClientSession

    @property
    def delivered(self) -> list[str]:
        """The documents of the calls, in order."""
        return [call.headers["ce-document"] for call in self.target.calls]

    async def emit(self, trigger: str, document: str, value: Any = 1, old: Any = None) -> int:
        """Post an event as the emulator does; the status."""
        data = DocumentEventData(value=document_of(document, value) if value is not None else None)
        if old is not None:
            data.old_value = document_of(document, old)
        headers = {
            "ce-id": uuid.uuid4().hex,
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-source": f"//firestore.googleapis.com/projects/projects/{self.project}/databases/(default)",
            "ce-specversion": "1.0",
            "ce-document": document,
            "Content-Type": "application/protobuf",
        }
        url = f"{self.relay.url}/functions/projects/{self.project}/triggers/{trigger}"
        body = base64.b64encode(DocumentEventData.serialize(data))
        async with self.session.post(url, data=body, headers=headers) as response:
            return response.status


def document_of(path: str, value: Any) -> Document:
    name = f"projects/p/databases/(default)/documents/{path}"
    return Document(name=name, fields={"value": {"integer_value": value}}, update_time={"seconds": int(time.time())})


@asynccontextmanager
async def running(
    manifest: Manifest, logs: Path, *, port: int = 0, retry: DeliveryRetry = FAST, concurrency: int = 8
) -> AsyncIterator[Setup]:
    project = f"demo-{uuid.uuid4().hex[:8]}"
    async with FunctionTarget() as target, aiohttp.ClientSession() as session:
        relay = EventRelay(port, manifest, target.url, project, logs, retry=retry, concurrency=concurrency)
        await relay.start()
        try:
            yield Setup(relay, target, project, session)
        finally:
            await relay.stop()


def integers(document: Document) -> dict[str, int]:
    return {name: value.integer_value for name, value in document.fields.items()}
