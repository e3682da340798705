"""Thirty messages a minute, whatever way they take."""

from datetime import timedelta

import pytest

from konnect.errors import RateLimited
from konnect.messaging.limit import SendingLimit
from konnect.store import measure
from local.person import wait_until
from tests.messaging.conftest import Talk
from tests.support import at_once


def limit(messages: int = 30, window_s: float = 3600, unlooked: int = 10) -> SendingLimit:
    """Of an hour: what a test sends is in one window, however slow the machine is."""
    return SendingLimit(messages, window_s, unlooked=unlooked)


def test_the_one_after_the_last_is_refused_and_not_stored(talk: Talk) -> None:
    ours = limit()
    for number in range(30):
        talk.say("meera", str(number), ours)
    with pytest.raises(RateLimited) as refused:
        talk.say("meera", "one more", ours)
    assert refused.value.retry_after_s is not None
    assert 3000 <= refused.value.retry_after_s <= 3600
    assert len(talk.stored) == 30
    talk.say("asha", "mine is another limit", ours)


def test_a_common_pace_costs_no_read_and_a_refusal_none_again(talk: Talk) -> None:
    ours, of = limit(), talk.of
    with measure() as cost:
        for number in range(10):
            talk.say("meera", str(number), ours)
    # Each say() reads the session; the limit reads nothing.
    assert cost.reads == 10
    with measure() as cost:
        for _ in range(20):
            ours.take(talk.ctx.db, of, "meera")
    # Looks at what is left, by halves.
    assert cost.reads <= 6
    for _ in range(5):
        with measure() as cost, pytest.raises(RateLimited):
            ours.take(talk.ctx.db, of, "meera")
    assert cost.reads == 0


@pytest.mark.parametrize("instances", [2, 3])
def test_what_went_through_other_instances_counts(talk: Talk, instances: int) -> None:
    ours = [limit() for _ in range(instances)]
    sent = 0
    for number in range(60):
        try:
            talk.say("meera", str(number), ours[number % instances])
            sent += 1
        except RateLimited:
            pass
    assert sent == 30


def test_requests_count_with_sockets(talk: Talk) -> None:
    sockets, requests = limit(), limit(unlooked=0)
    for number in range(25):
        talk.say("meera", str(number), sockets)
    for number in range(5):
        talk.say("meera", f"request {number}", requests)
    for ours in (requests, sockets):
        with pytest.raises(RateLimited):
            talk.say("meera", "one more", ours)
    # An instance that has not seen the user lets its unlooked ones pass.
    other = limit()
    for number in range(10):
        talk.say("meera", f"late {number}", other)
    with pytest.raises(RateLimited):
        talk.say("meera", "too late", other)


def test_another_chat_of_the_same_user_counts(talk: Talk) -> None:
    ours, other = limit(), talk.session("s2")
    for number in range(20):
        talk.say("asha", str(number), ours)
    for number in range(10):
        other.say("asha", str(number), ours)
    with pytest.raises(RateLimited):
        other.say("asha", "one more", ours)
    with pytest.raises(RateLimited):
        talk.say("asha", "one more", ours)


def test_a_message_that_is_there_already_is_no_new_one(talk: Talk) -> None:
    ours = limit(3, unlooked=1)
    first = talk.say("meera", "1", ours, client_id="c1")
    for number in (2, 3):
        talk.say("meera", str(number), ours)
    assert talk.say("meera", "1", ours, client_id="c1") == first
    with pytest.raises(RateLimited):
        talk.say("meera", "4", ours, client_id="c4")


def test_the_window_slides(talk: Talk) -> None:
    """A fifth gets through once the first has left the window, and not before, however long each of them takes."""
    ours = limit(4, window_s=1.5, unlooked=1)

    def sent(number: int) -> bool:
        try:
            talk.say("meera", str(number), ours)
        except RateLimited:
            return False
        return True

    for number in range(5):
        wait_until("room for one more", lambda number=number: sent(number))
    times = [one["createdAt"] for one in talk.stored]
    assert len(times) == 5
    assert times[4] - times[0] >= timedelta(seconds=1.4)


def test_forty_at_once(talk: Talk) -> None:
    ours = limit()
    done = at_once(40, lambda number: talk.say("meera", str(number), ours))
    assert len([error for error in done if isinstance(error, RateLimited)]) == 10
    assert len(talk.stored) == 30
