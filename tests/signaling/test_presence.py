"""Who is online, and what becomes of the connections of an instance that crashes, pauses or stops."""

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from konnect.store import Database
from local.person import Person
from tests import people
from tests.signaling.conftest import Instance, Pair, Seat, connections, expire, wait_until

STOP_S = 8.0


class TestExperts:
    def test_everybody_hears_of_an_expert(
        self, seat: Callable[..., Seat], expert: Person, user: Person, urls: tuple[str, str], stack_db: Database
    ) -> None:
        watching, portal = seat(user, urls[0]).connect(), seat(expert, urls[1]).connect()
        portal.call("register", {"userId": "somebody", "userType": "mentor", "name": "Asha"})
        shown = watching.wait("expert-online", lambda seen: seen["id"] == expert.uid)
        assert (shown["name"], shown["pricePerMin"], shown["available"]) == ("Asha", 10, True)
        online = watching.call("get-online-experts")
        assert expert.uid in [one["id"] for one in online]
        assert watching.wait("online-experts") == online
        portal.clients.kill(portal.name)
        portal.clients.drop(portal.name)
        watching.wait("expert-offline", lambda seen: seen["expertId"] == expert.uid)
        wait_until(lambda: not connections(stack_db, expert.uid))
        assert expert.uid not in [one["id"] for one in watching.call("get-online-experts")]

    def test_who_is_not_approved_stays_offline(self, seat: Callable[..., Seat], user: Person) -> None:
        one = seat(user).connect()
        assert one.call("register", {"userType": "expert"})["error"]["code"] == "EXPERT_NOT_APPROVED"
        assert one.call("register", {"userType": "user"})["session"] is None

    def test_one_of_two_sockets_goes(
        self, pair: Pair, seat: Callable[..., Seat], user: Person, urls: tuple[str, str], stack_db: Database
    ) -> None:
        second = seat(user, urls[1]).connect()
        # Those of the tests before may be leaving still.
        wait_until(lambda: len(connections(stack_db, user.uid)) == 2)
        second.clients.drop(second.name)
        wait_until(lambda: len(connections(stack_db, user.uid)) == 1)
        chat_id = pair.start()
        assert "id" in pair.user.call("chat-message", {"chatId": chat_id, "message": "still here"})


class TestInstances:
    def test_an_instance_that_was_paused_writes_its_connections_again(
        self, seat: Callable[..., Seat], stack_env: dict[str, str], instance: Callable[[], Instance], stack_db: Database
    ) -> None:
        paused, person = instance(), people.expert(stack_env, "Paused")
        portal = seat(person, paused.url).connect()
        portal.call("register", {"userType": "expert"})
        before = connections(stack_db, person.uid)
        os.kill(paused.process.pid, signal.SIGSTOP)
        expire(stack_db, paused)
        wait_until(lambda: not connections(stack_db, person.uid))
        assert not portal.seen("disconnect")
        os.kill(paused.process.pid, signal.SIGCONT)
        again = wait_until(lambda: connections(stack_db, person.uid))
        assert again.keys() == before.keys()
        wait_until(lambda: (stack_db.get("experts", person.uid) or {})["available"])
        assert not portal.seen("disconnect")

    def test_an_instance_that_stops_leaves_nothing_behind(
        self, seat: Callable[..., Seat], stack_env: dict[str, str], instance: Callable[[], Instance], stack_db: Database
    ) -> None:
        stopping, person = instance(), people.expert(stack_env, "Leaving")
        portal = seat(person, stopping.url).connect()
        portal.call("register", {"userType": "expert"})
        polling = f"{person.uid}-polling"
        portal.clients.connect(polling, stopping.url, token=person.token, options={"transports": ["polling"]})
        subscription = (
            f"http://{stack_env['PUBSUB_EMULATOR_HOST']}/v1/projects/{stack_env['GOOGLE_CLOUD_PROJECT']}"
            f"/subscriptions/{stack_env['REALTIME_TOPIC']}-{stopping.id}"
        )
        urllib.request.urlopen(subscription, timeout=60).close()
        begun = time.monotonic()
        stopping.process.terminate()
        assert stopping.process.wait(STOP_S + 10) == 0
        assert time.monotonic() - begun < STOP_S
        # A reason after which the stock client connects again by itself.
        assert portal.wait("disconnect")["reason"] == "transport close"
        portal.clients.drop(polling)
        assert not connections(stack_db, person.uid)
        assert not (stack_db.get("experts", person.uid) or {})["available"]
        assert (stack_db.get("presenceLeases", stopping.id) or {})["expiresAt"] < datetime.now(UTC)
        with pytest.raises(urllib.error.HTTPError) as gone:
            urllib.request.urlopen(subscription, timeout=60)
        assert gone.value.code == 404
