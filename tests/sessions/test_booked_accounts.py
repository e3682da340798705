"""What becomes of booked sessions with an account that is closed or deleted."""

import pytest

from konnect.context import Context
from konnect.errors import Conflict, KonnectError
from konnect.sessions import deletion, removal, tasks
from konnect.sessions import service as sessions
from tests.sessions.bookings import SLOT, USER, Bookings, told
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, kept_tasks, wallet_of


@pytest.fixture
def stage(ctx: Context) -> Bookings:
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=START)
    return stage


class TestClosedAccount:
    """Of either side, although the task is lost that cancels what it is booked for."""

    @pytest.mark.parametrize("closed", [USER, EXPERT])
    @pytest.mark.parametrize("minute", [-15, 0, 10])
    def test_all_comes_back(self, stage: Bookings, closed: str, minute: int) -> None:
        session_id = stage.booked()
        stage.here(USER, EXPERT, now=stage.slot(-20))
        if minute == 10:
            stage.gone(closed, now=stage.slot(-1))
            stage.progress(session_id, SLOT)
        stage.ctx.db.set(("users", closed), {"disabled": True}, merge=True)
        for _ in range(2):
            stage.progress(session_id, stage.slot(minute))
        session = stage.session(session_id)
        assert (session["status"], session["cancelledBy"], session["startedAt"]) == ("cancelled", "platform", None)
        assert told(stage, "booking_reminder") == set()
        assert told(stage, "booking_cancelled") == {USER, EXPERT}
        stage.check(session_id, kept=0)

    def test_a_connection_starts_nothing(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(USER, now=stage.slot(-1))
        stage.ctx.db.set(("users", USER), {"disabled": True}, merge=True)
        stage.here(EXPERT, now=stage.slot(1))
        assert stage.session(session_id)["status"] == "cancelled"
        stage.check(session_id, kept=0)


class TestAccounts:
    @pytest.mark.parametrize(("closed", "code"), [(USER, "ACCOUNT_DISABLED"), (EXPERT, "NOT_ACCEPTING_BOOKINGS")])
    def test_a_closed_account_books_nothing_more(self, stage: Bookings, closed: str, code: str) -> None:
        stage.person(USER)
        stage.ctx.db.set(("users", closed), {"disabled": True}, merge=True)
        with pytest.raises(KonnectError) as refused:
            stage.book()
        assert refused.value.code == code

    def test_an_open_booking_stands_in_the_way_of_deletion_and_removal(self, stage: Bookings) -> None:
        session_id = stage.booked()
        for uid in (USER, EXPERT):
            [matter] = stage.ctx.run(lambda tx, uid=uid: deletion.open_matters(tx, uid))
            assert (matter["code"], matter["sessionId"], matter["way"]) == ("SESSION_OPEN", session_id, "cancel it")
        with pytest.raises(Conflict) as refused:
            stage.ctx.run(lambda tx: removal.remove(tx, EXPERT, by="root", config=stage.config, now=START))
        assert refused.value.code == "EXPERT_BUSY"

    @pytest.mark.parametrize("closed", [USER, EXPERT])
    def test_what_a_disabled_account_is_booked_for_is_cancelled(self, stage: Bookings, closed: str) -> None:
        session_id = stage.booked()
        other = stage.booked("kabir", scheduled_at=stage.slot(60))
        stage.ctx.run(lambda tx: sessions.end_all(tx, closed, pace=PACE, now=stage.slot(-1)))
        [task] = kept_tasks(stage.ctx).keyed("cancel-all", closed)
        for _ in range(2):
            tasks.cancel_all(stage.ctx, task.payload, stage.slot(-1))
        session = stage.session(session_id)
        assert (session["status"], session["cancelledBy"], session["refundedAmount"]) == ("cancelled", "platform", 300)
        assert stage.session(other)["status"] == ("cancelled" if closed == EXPERT else "confirmed")
        assert wallet_of(stage.ctx, USER)["balance"] == 1000
        stage.check_books()

    def test_names_of_the_deleted_go(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.cancel(session_id, EXPERT, START)
        deletion.erase(stage.ctx, USER, None, "Deleted user", now=START)
        assert stage.session(session_id)["userName"] == "Deleted user"
