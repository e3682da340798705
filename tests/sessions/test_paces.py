"""Random lives of a session under whatever grace and absence an operator may set: who pays what is not up to them."""

import random
from datetime import timedelta

import pytest

from konnect.sessions import service
from konnect.sessions.metering import Pace
from konnect.store import Doc
from tests.sessions.conftest import EXPERT, Stage
from tests.support import START, give, kept_tasks, sum_of_all_legs, wallet_of

MINUTE = timedelta(minutes=1)
SIDES = ("user", "expert")


@pytest.mark.parametrize("seed", range(16))
def test_each_minute_has_one_fate(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    pace = Pace(60, chance.choice([10, 30, 90, 200, 600]), chance.choice([10, 60, 61, 150, 400, 600]))
    rupees, now, missed = chance.choice([10, 30, 60, 500]), START, []
    session_id = stage.started("meera", rupees)

    def session() -> Doc:
        return stage.session(session_id)

    for _ in range(40):
        then = now + timedelta(seconds=chance.choice([3, 17, 40, 75, 130]))
        while (due := session()["nextTickAt"]) is not None and due <= then:
            assert due in {task.at for task in kept_tasks(stage.ctx).by_name.values()}
            stage.ctx.run(lambda tx, due=due: service.progress(tx, session_id, pace=pace, now=due, due=due))
            now = due
        if session()["status"] != "in_progress":
            break
        now, what = then, chance.choice([*SIDES, "deposit", None, None])
        if what in SIDES:
            since = session()[f"{what}AbsentSince"]
            stage.ctx.run(
                lambda tx, now=now, what=what, since=since: service.set_absent(
                    tx, session_id, what, since is None, pace=pace, now=now
                )
            )
            missed += [(since, now)] if what == "expert" and since is not None else []
        elif what == "deposit":
            give(stage.ctx, "meera", 2000)
            rupees += 20
            stage.ctx.run(lambda tx, now=now: service.progress(tx, session_id, pace=pace, now=now))
    if session()["status"] == "in_progress":
        stage.end(session_id, chance.choice(["meera", EXPERT]), now)
    ended = session()
    unpaid = [minute for fate in ("deferred", "grace", "writtenOff", "givenBack") for minute in ended[f"{fate}Minutes"]]
    assert len(unpaid) == len(set(unpaid))
    paid = sorted({*range(ended["nextMinute"])} - {*unpaid})
    assert (ended["minutesCharged"], ended["totalAmountPaise"], ended["heldPaise"]) == (len(paid), 1000 * len(paid), 0)
    assert wallet_of(stage.ctx, "meera")["balance"] == rupees - 10 * len(paid)
    assert sum_of_all_legs(stage.ctx) == 0
    for minute in paid:
        begins = START + minute * MINUTE
        assert not [one for one in missed if one[0] <= begins and begins + MINUTE <= one[1]]
        assert all(ended[f"{side}AbsentSince"] is None or begins <= ended[f"{side}AbsentSince"] for side in SIDES)
