"""A world of experts served over HTTP on a project of its own (tests/experts/world.py), and mentors in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from konnect.context import Context
from tests.experts import world
from tests.payments.api import Api, User

APPLICATION: dict[str, Any] = {
    "name": "Asha Rao",
    "headline": "SDE-2 at Google",
    "bio": "I build search.",
    "expertise": ["DSA", {"name": "System Design", "proficiency": "expert"}],
    "experience": {
        "currentCompany": "Google",
        "currentRole": "SDE-2",
        "years": 6,
        "past": [{"company": "Acme", "role": "SDE-1", "from": "2018", "to": "2021-06"}],
    },
    "sessionTopics": ["Mock Interview", "System Design"],
    "pricing": {"30": 499, "60": 899},
    "languages": ["English", "Hindi"],
    "linkedinUrl": "https://www.linkedin.com/in/asha-rao",
    "timeZone": "Asia/Kolkata",
    "availability": [{"dayOfWeek": 1, "slots": [{"start": "09:00", "end": "12:00"}]}],
}


class Served:
    def __init__(self, ctx: Context, api: Api) -> None:
        self.ctx = ctx
        self.api = api
        self.nobody = api.user(None)
        self.admin = api.user("root", role="admin")
        self.student = api.user("meera")

    def mentor(self, uid: str) -> User:
        return self.api.user(uid, role="expert")

    def apply(self, uid: str, **changed: Any) -> dict[str, Any]:
        answer = self.api.user(uid).call("POST", "/api/mentors/apply", {**APPLICATION, **changed})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def approved(self, uid: str, **changed: Any) -> dict[str, Any]:
        """A mentor as the pipeline makes one, but for the account's claim; listed."""
        made = self.apply(uid, **changed)
        self.ctx.db.set(("experts", uid), {"mentorStatus": "approved"}, merge=True)
        self.written(uid)
        return made

    def written(self, uid: str) -> None:
        """The trigger's event of a profile."""
        world.expert_written(self.ctx, uid, before={})


@pytest.fixture
def served() -> Iterator[Served]:
    with world.opened() as (ctx, api):
        yield Served(ctx, api)
