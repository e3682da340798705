"""What holds for every operation, taken from the document that is served: who may not call it, whose things it does not
show, and how it refuses what is wrong. Nothing of this changes anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from konnect import clock
from konnect.context import Context
from konnect.courses import authoring as courses
from konnect.http.validation import MAX_DETAILS
from konnect.live import service as live
from konnect.members import service as members
from konnect.notifications import service as notifications
from konnect.platform import PlatformConfig
from konnect.sessions.metering import Pace
from konnect.store import Query
from tests.contract.operations import DOCUMENT, Operation, choices, operations
from tests.experts import world
from tests.payments.api import Api, User
from tests.support import START, give

OPERATIONS = operations()
OWNER, EXPERT, STRANGER = "meera", "asha", "eve"
BODIES: dict[str, Any] = {
    "PUT /api/v1/admin/courses/{courseId}/status": {"status": "published"},
    "PATCH /api/admin/specialties/{specialtyId}": {"order": 1},
    "PUT /api/admin/mentors/{mentorId}/reject": {"reason": "no"},
    "POST /api/conversations/{conversationId}/messages": {"message": "hello"},
}
"""Where the fields that are required don't make a right body."""
OPEN_TO_ALL = {"POST /api/reviews/{reviewId}/report", "POST /api/v1/live-sessions/{liveSessionId}/join"}
"""With the id of what belongs to others, for whoever is signed in."""
SHOWN_TO_ALL = {"mentorId", "slug", "packageId"}
"""Ids of profiles and their packages, which are public."""
ELSEWHERE = {"invoiceId", "bookingId"}
"""Things whose owners their own tests look after."""
COUNTS = "rateLimits"
"""Where requests are counted; nothing else changes."""


def each(chosen: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", chosen, ids=str)


def is_of_owner(operation: Operation) -> bool:
    signed_in = operation.role in {"user", "expert"} and str(operation) not in OPEN_TO_ALL
    return signed_in and bool(set(operation.variables) - SHOWN_TO_ALL - ELSEWHERE)


def right_body(operation: Operation) -> Any:
    return BODIES.get(str(operation)) or operation.right_body()


@dataclass
class Served:
    """The API over a project with one of each thing; `ids`: by the name of a path's variable, whose owners are not the
    strangers."""

    ctx: Context
    api: Api
    ids: dict[str, str] = field(default_factory=dict)

    def as_role(self, role: str) -> User:
        """A stranger to all things, who has this role; nobody for `public`."""
        if role == "public":
            return self.api.user(None)
        return self.api.user(STRANGER if role == "user" else f"{STRANGER}-{role}", role=role)

    def call(self, operation: Operation, caller: User, body: Any = None, **ids: str) -> requests.Response:
        return caller.call(operation.method, operation.at(**{**dict.fromkeys(operation.variables, "x"), **ids}), body)


def all_documents(ctx: Context) -> dict[str, Any]:
    names = [collection.id for collection in ctx.db.client.collections() if collection.id != COUNTS]
    return {f"{name}/{doc['id']}": doc for name in names for doc in Query((name,)).run(ctx.db)}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with world.opened() as (ctx, api):
        served = Served(ctx, api, owned(ctx, api.user(OWNER)))
        before = all_documents(ctx)
        yield served
        assert all_documents(ctx) == before


def owned(ctx: Context, owner: User) -> dict[str, str]:
    """One of each thing that somebody owns."""
    world.expert(ctx, EXPERT)
    for session_id, status in (("done", "completed"), ("on", "in_progress")):
        world.finished_session(ctx, session_id, user=OWNER, expert_id=EXPERT, status=status)
    give(ctx, OWNER, 100_00)
    give(ctx, OWNER, 1_00, part="earned")
    told = ctx.run(
        lambda tx: notifications.notify(tx, OWNER, "session_started", about=("on",), title="T", body="B", now=START)
    )
    file = {"purpose": "resume", "contentType": "application/pdf", "size": 1, "fileName": "cv.pdf"}
    return {
        "sessionId": "done",
        "conversationId": "on",
        "messageId": made(owner.post("/api/conversations/on/messages", {"message": "hello"})),
        "transactionId": made(owner.post("/api/wallet/deposit", {"amount": 100}), "transactionId"),
        "payoutId": made(owner.post("/api/wallet/withdraw", {"amount": 1}), "transactionId"),
        "notificationId": told,
        "uploadId": made(owner.post("/api/uploads", file)),
        "reviewId": made(owner.post("/api/sessions/done/review", {"rating": 4})),
        "deviceId": made(owner.post("/api/notifications/devices", {"token": "a-device", "platform": "web"})),
        "expertId": EXPERT,
        "courseId": course(ctx),
        "quizId": "quiz",
        "exchangeId": exchange(ctx, owner),
        "liveSessionId": live_session(ctx),
        "consultId": made(owner.post("/consult/start", {"consultantId": EXPERT, "durationMinutes": 5}), "consultId"),
    }


def course(ctx: Context) -> str:
    """A draft of the expert's."""
    return str(
        ctx.run(lambda tx: courses.create(tx, EXPERT, "course", {"title": "A draft"}, {}, key=None, now=START))["id"]
    )


def live_session(ctx: Context) -> str:
    """A class of the expert's, in a month."""
    wanted = live.Wanted(EXPERT, "A class", "", "", clock.now() + timedelta(days=30), 60, 5, None, "class", "live-room")
    config, pace = PlatformConfig(), Pace.of(ctx.settings)
    made = ctx.run(lambda tx: live.create(tx, wanted, config=config, pace=pace, now=clock.now()))
    return str(made["id"])


def exchange(ctx: Context, owner: User) -> str:
    """A request of the owner's to the expert."""
    for uid in (OWNER, EXPERT):
        ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False}, merge=True)
        ctx.run(lambda tx, uid=uid: members.ensure(tx, uid, START))
    wanted = {"providerId": EXPERT, "offeredSkill": "Python", "requestedSkill": "Guitar"}
    return made(owner.post("/api/v1/skill-exchanges", wanted))


def made(answer: requests.Response, name: str = "id") -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()[name])


def refused(response: requests.Response, status: int) -> dict[str, Any]:
    """The error of a refusal, in its one form."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"]
    assert error["message"]
    assert response.headers["X-Request-Id"]
    return error


def assert_choices_told(error: dict[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> None:
    """Who has chosen what there is not reads what there is."""
    for detail in error["details"]:
        for choice in choices(schemas.get(detail["field"], {})):
            assert f"'{choice}'" in detail["message"], detail


def fields_of(error: dict[str, Any]) -> set[str]:
    """The fields that a refusal names, by their outermost part."""
    return {detail["field"].partition(".")[0] for detail in error["details"]}


def test_the_document_is_the_one_that_is_served(served: Served) -> None:
    assert served.api.user(None).get("/api/openapi.json").json() == DOCUMENT


class TestWho:
    @each([one for one in OPERATIONS if one.role != "public"])
    def test_anonymous(self, served: Served, operation: Operation) -> None:
        answer = served.call(operation, served.api.user(None))
        assert refused(answer, 401)["code"] == "UNAUTHENTICATED"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        nonsense = {"Authorization": "Bearer not.a.token"}
        path = operation.at(**dict.fromkeys(operation.variables, "x"))
        refused(served.api.user(None).call(operation.method, path, **nonsense), 401)

    @each([one for one in OPERATIONS if one.role in {"expert", "admin"}])
    def test_without_the_role(self, served: Served, operation: Operation) -> None:
        for role in ("user", "expert") if operation.role == "admin" else ("user",):
            assert refused(served.call(operation, served.as_role(role)), 403)["code"] == "FORBIDDEN"

    @each([one for one in OPERATIONS if is_of_owner(one)])
    def test_not_the_owner(self, served: Served, operation: Operation) -> None:
        ids = {name: served.ids[name] for name in operation.variables}
        answer = served.call(operation, served.as_role(operation.role), right_body(operation), **ids)
        assert answer.status_code in {403, 404}, answer.text
        refused(answer, answer.status_code)

    @each(OPERATIONS)
    def test_what_is_answered_is_documented(self, operation: Operation) -> None:
        documented = set(operation.described["responses"])
        assert operation.role == "public" or {"401", "403", "429", "503"} <= documented
        assert not operation.variables or "404" in documented
        assert operation.body is None or {"400", "413"} <= documented


class TestWhat:
    @each([one for one in OPERATIONS if one.variables])
    def test_missing(self, served: Served, operation: Operation) -> None:
        answer = served.call(
            operation,
            served.as_role(operation.role),
            right_body(operation),
            **dict.fromkeys(operation.variables, "nothing-there"),
        )
        refused(answer, 404)

    @each([one for one in OPERATIONS if one.body is not None])
    def test_no_json(self, served: Served, operation: Operation) -> None:
        caller = served.as_role(operation.role)
        path = operation.at(**dict.fromkeys(operation.variables, "x"))
        for raw in ("{", "[]", '"text"', "null", "{'a': 1}"):
            answer = caller.call(operation.method, path, raw=raw)
            assert refused(answer, 400)["code"] == "INVALID_JSON", raw

    @each([one for one in OPERATIONS if one.required])
    def test_required_fields(self, served: Served, operation: Operation) -> None:
        answer = served.call(operation, served.as_role(operation.role), {})
        error = refused(answer, 400)
        assert set(operation.required) <= fields_of(error), error

    @each([one for one in OPERATIONS if one.wrong_body()])
    def test_wrong_fields(self, served: Served, operation: Operation) -> None:
        wrong = operation.wrong_body()
        error = refused(served.call(operation, served.as_role(operation.role), wrong), 400)
        assert fields_of(error) >= set(list(wrong)[:MAX_DETAILS]), error
        assert_choices_told(error, operation.fields)

    @each([one for one in OPERATIONS if one.wrong_query()])
    def test_wrong_query(self, served: Served, operation: Operation) -> None:
        caller, wrong = served.as_role(operation.role), operation.wrong_query()
        path = operation.at(**dict.fromkeys(operation.variables, "x"))
        error = refused(caller.call(operation.method, f"{path}?{urlencode(wrong)}"), 400)
        assert fields_of(error) == set(wrong), error
        assert_choices_told(error, operation.query)


def test_unknown_paths_and_methods(served: Served) -> None:
    nobody = served.api.user(None)
    for path in ("/api/no-such-thing", "/api/admin/no-such-thing", "/api/experts/a/b/c"):
        refused(nobody.get(path), 404)
    answer = nobody.call("DELETE", "/api/wallet")
    refused(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
