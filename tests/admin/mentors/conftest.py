"""The API over a project of one's own, a Sheets sandbox, and mentors to begin with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from konnect.admin.mentors import tasks
from konnect.context import Context
from konnect.experts import profiles
from konnect.experts.linking import imported_id
from konnect.store import Doc, Query
from local.sandboxes import background
from local.sandboxes.sheets import SheetsSandbox
from tests.payments.api import Api, User, serve
from tests.support import START, kept_tasks, new_context

SHEET = "1AbcDefGhiJkl_-mentors"


@pytest.fixture(scope="package")
def sandbox() -> Iterator[SheetsSandbox]:
    made = SheetsSandbox(0)
    with background(made):
        yield made


@dataclass
class Panel:
    """An admin's panel, and what is behind it."""

    ctx: Context
    api: Api
    sheets_url: str

    @property
    def admin(self) -> User:
        return self.api.user("root", role="admin")

    def mentor(self, email: str | None, **fields: Any) -> str:
        """An approved mentor of an address."""
        expert_id = imported_id(email or fields["name"])
        fields = {"title": "Engineer", "company": "", "experience": 5, "pricePerMinPaise": 1500, **fields}
        status = fields.pop("status", "approved")
        self.ctx.run(
            lambda tx: profiles.create(
                tx,
                expert_id,
                fields,
                email=email,
                firebase_uid=fields.get("firebaseUid"),
                status=status,
                default_price_paise=1000,
                now=fields.get("createdAt", START),
            )
        )
        return expert_id

    def doc(self, *path: str) -> Doc:
        found = self.ctx.db.get(*path)
        assert found is not None, "/".join(path)
        return found

    def private(self, expert_id: str) -> Doc:
        return self.doc("experts", expert_id, "private", "onboarding")

    def all(self, collection: str) -> list[Doc]:
        return Query((collection,)).run(self.ctx.db)

    def upload(self, csv: str | bytes, **params: Any) -> requests.Response:
        data = csv.encode() if isinstance(csv, str) else csv
        return self.admin.send("POST", "/api/admin/mentors/bulk", data=data, content_type="text/csv", **params)

    def put_sheet(self, values: list[list[Any]], spreadsheet_id: str = SHEET, **options: Any) -> None:
        url = f"{self.sheets_url}/sandbox/spreadsheets/{spreadsheet_id}"
        requests.put(url, json={"values": values, **options}, timeout=60).raise_for_status()

    def fault(self, **fault: Any) -> None:
        requests.post(f"{self.sheets_url}/sandbox/faults", json=fault, timeout=60).raise_for_status()

    def run_tasks(self) -> int:
        """Run the imports' tasks, and those that they make, each once. Returns how many there were."""
        done: set[str] = set()
        while True:
            waiting = [task for task in kept_tasks(self.ctx).keyed("import") if task.name not in done]
            if not waiting:
                return len(done)
            for task in waiting:
                done.add(task.name)
                tasks.advance_import(self.ctx, task.payload, START)


class PanelUser(User):
    def send(self, method: str, path: str, *, data: bytes, content_type: str, **params: Any) -> requests.Response:
        return requests.request(
            method,
            self._url + path,
            data=data,
            params=params,
            headers={**self._headers, "Content-Type": content_type},
            timeout=60,
        )


@dataclass
class PanelApi:
    url: str
    ctx: Context

    def user(self, uid: str | None, **claims: Any) -> PanelUser:
        return PanelUser(self.url, self.ctx, uid, **claims)


@pytest.fixture
def panel(sandbox: SheetsSandbox) -> Iterator[Panel]:
    made = new_context()
    settings = made.settings.model_copy(
        update={"firebase_auth_emulator_host": "127.0.0.1:1", "sheets_url": sandbox.url}
    )
    ctx = replace(made, settings=settings)
    with serve(ctx) as api:
        yield Panel(ctx, PanelApi(api.url, ctx), sandbox.url)
    requests.delete(f"{sandbox.url}/sandbox/faults", timeout=60)
