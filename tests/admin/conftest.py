"""An admin, the API over a project of one's own, and a session that has been paid for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from konnect.context import Context
from konnect.reconciliation.service import reconcile
from konnect.store import Doc
from tests.payments.api import Api, User, serve
from tests.sessions.conftest import EXPERT, Stage
from tests.support import new_context, sum_of_all_legs

ADMIN = "root"
USER = "meera"


@dataclass
class Panel:
    ctx: Context
    api: Api

    @property
    def admin(self) -> User:
        return self.api.user(ADMIN, role="admin")

    def stage(self, price_paise: int = 1000) -> Stage:
        stage = Stage(self.ctx)
        stage.expert_online(price_paise=price_paise)
        return stage

    def paid_session(self, minutes: int = 3, *, stage: Stage | None = None, uid: str = USER) -> str:
        """An ended session of `minutes` charged minutes, by default at 10 INR."""
        stage = stage or self.stage()
        session_id = stage.started(uid, 200)
        stage.run_until(session_id, stage.at(minutes - 1))
        stage.end(session_id, uid, stage.at(minutes - 1, 30))
        return session_id

    def doc(self, *path: str) -> Doc:
        found = self.ctx.db.get(*path)
        assert found is not None, "/".join(path)
        return found

    def check_books(self) -> None:
        report = reconcile(self.ctx)
        assert report.differences == []
        assert sum_of_all_legs(self.ctx) == 0


@pytest.fixture
def panel() -> Iterator[Panel]:
    made = new_context()
    ctx = replace(made, settings=made.settings.model_copy(update={"firebase_auth_emulator_host": "127.0.0.1:1"}))
    with serve(ctx) as api:
        yield Panel(ctx, api)


__all__ = ["EXPERT"]
