"""Points and badges over the running stack: the API, and SkillVerse's bell through the stock client."""

from collections.abc import Callable
from typing import Any

import pytest

from konnect import clock
from konnect.context import context
from konnect.gamification import service
from konnect.notifications import service as notifications
from local.clients import SocketClients
from local.person import Person
from tests import people
from tests.signaling.conftest import Seat, clients, seat, urls

__all__ = ["clients", "seat", "urls"]


@pytest.fixture
def meera(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Meera")


@pytest.fixture
def arjun(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Arjun")


def code(ack: Any) -> Any:
    return ack["error"]["code"]


def test_the_bell(seat: Callable[..., Seat], meera: Person, arjun: Person, urls: tuple[str, str]) -> None:
    here, elsewhere, deaf = seat(meera, urls[0]).connect(), seat(meera, urls[1]).connect(), seat(meera).connect()
    other = seat(arjun).connect()
    for one in (here, elsewhere, here):
        assert one.call("subscribe_notifications", meera.uid) == {"count": 0}
    assert code(other.call("subscribe_notifications", meera.uid)) == "FOREIGN_USER"
    for wrong in (7, "..", {"userId": meera.uid}, None):
        assert code(here.call("subscribe_notifications", wrong)) == "INVALID_INPUT", wrong
    assert other.call("subscribe_notifications", arjun.uid) == {"count": 0}
    context().run(lambda tx: service.earn_badge(tx, meera.uid, "top_rated", now=clock.now()))
    for one in (here, elsewhere):
        told = one.wait("new_notification")
        assert (told["type"], told["data"]["badge"], told["isRead"]) == ("badge_earned", "top_rated", False)
        assert told["link"] == told["actionUrl"] == "/achievements"
        assert told["eventId"] == told["id"]
    # After what is told to everybody who could hear it: its own answer comes later.
    assert deaf.call("subscribe_notifications", meera.uid) == {"count": 1}
    assert [len(one.seen("new_notification")) for one in (here, elsewhere, deaf, other)] == [1, 1, 0, 0]
    (listed,) = meera.get("/api/notifications")["items"]
    assert listed == {name: told[name] for name in listed}


def test_who_is_signed_out_hears_no_more(
    seat: Callable[..., Seat], clients: SocketClients, meera: Person, arjun: Person
) -> None:
    """A room ends with its socket: who comes back subscribes again."""
    first = seat(meera).connect()
    first.call("subscribe_notifications", meera.uid)
    clients.drop(first.name)
    back, new = seat(meera).connect(), seat(meera).connect()
    new.call("subscribe_notifications", meera.uid)
    ctx = context()
    ctx.run(
        lambda tx: notifications.notify(
            tx, meera.uid, "session_started", about=("x",), title="T", body="B", now=clock.now()
        )
    )
    assert new.wait("new_notification")["title"] == "T"
    assert back.seen("new_notification") == []


def test_the_api(meera: Person, arjun: Person, stack_env: dict[str, str]) -> None:
    dashboard = meera.get("/api/v1/users/dashboard")
    assert (dashboard["user"]["name"], dashboard["gamification"]["points"]) == ("Meera", 5)
    context().run(lambda tx: service.award(tx, meera.uid, "exchange_completed", "x", now=clock.now()))
    own = meera.get("/api/v1/gamification/me")
    assert (own["points"], own["monthPoints"], own["currentStreak"]) == (80, 80, 1)
    assert [one["reason"] for one in own["recent"]] == ["exchange_completed", "daily_streak"]
    assert len(meera.get("/api/v1/gamification/badges")["items"]) == 7
    assert arjun.get(f"/api/v1/users/{meera.uid}")["gamification"]["points"] == 80
    leaders = arjun.get("/api/v1/gamification/leaderboard?limit=100")["items"]
    assert [one["points"] for one in leaders if one["user"]["id"] == meera.uid] == [80]
