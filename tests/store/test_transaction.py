"""The runner: effects of the committed attempt alone, passing faults tried again, writes merged."""

import pytest
from google.api_core import exceptions
from google.cloud import firestore

from konnect.context import Context
from konnect.errors import Conflict, Unavailable
from konnect.store import Tx, measure
from konnect.tasks import Task
from tests.support import at_once, kept_events, kept_tasks


def test_effects_of_a_failed_attempt_are_dropped(ctx: Context) -> None:
    attempts: list[int] = []

    def work(tx: Tx) -> str:
        attempts.append(1)
        tx.enqueue(Task("/x", ("try", len(attempts))))
        tx.emit("user:a", "hello", {"try": len(attempts)})
        if len(attempts) < 3:
            raise exceptions.Aborted("contention in a read")
        return "done"

    assert ctx.run(work) == "done"
    assert [task.key for task in kept_tasks(ctx).by_name.values()] == [("try", 3)]
    assert [data["try"] for data in kept_events(ctx).named("hello")] == [3]


def test_gives_up_with_a_503(ctx: Context) -> None:
    def work(tx: Tx) -> None:
        raise exceptions.Aborted("busy")

    from konnect import store

    with pytest.raises(Unavailable) as refused:
        store.run(ctx.db, ctx, work, attempts=2)
    assert refused.value.retry_after_s == 1


def test_an_error_of_the_function_rolls_back(ctx: Context) -> None:
    def work(tx: Tx) -> None:
        tx.set(("things", "a"), {"n": 1})
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        ctx.run(work)
    assert ctx.db.get("things", "a") is None


def test_create_of_what_exists_is_a_conflict(ctx: Context) -> None:
    ctx.db.set(("things", "a"), {"n": 1})
    with pytest.raises(Conflict):
        ctx.run(lambda tx: tx.create(("things", "a"), {"n": 2}))


def test_reads_see_the_attempts_own_writes_and_writes_merge(ctx: Context) -> None:
    ctx.db.set(("things", "a"), {"n": 1, "m": 1})

    def work(tx: Tx) -> dict[str, object] | None:
        tx.update(("things", "a"), {"n": (tx.get("things", "a") or {})["n"] + 1})
        tx.update(("things", "a"), {"n": (tx.get("things", "a") or {})["n"] + 1})
        tx.merge(("counters", "c"), {"n": firestore.Increment(1)})
        tx.merge(("counters", "c"), {"n": firestore.Increment(2)})
        return tx.get("things", "a")

    with measure() as usage:
        assert ctx.run(work) == {"n": 3, "m": 1}
    assert (usage.reads, usage.writes) == (1, 2)
    assert ctx.db.get("things", "a") == {"n": 3, "m": 1}
    assert ctx.db.get("counters", "c") == {"n": 3}


def test_delete_then_set(ctx: Context) -> None:
    ctx.db.set(("things", "a"), {"n": 1, "m": 1})

    def work(tx: Tx) -> None:
        tx.delete(("things", "a"))
        assert tx.get("things", "a") is None
        tx.set(("things", "a"), {"n": 5})

    ctx.run(work)
    assert ctx.db.get("things", "a") == {"n": 5}


def test_an_unread_document_is_read_with_the_attempts_own_writes(ctx: Context) -> None:
    ctx.db.set(("things", "a"), {"n": 1, "m": 1})

    def work(tx: Tx) -> dict[str, object] | None:
        tx.update(("things", "a"), {"n": 2})
        tx.merge(("things", "a"), {"m": firestore.Increment(4)})
        return tx.get("things", "a")

    assert ctx.run(work) == {"n": 2, "m": 5}
    assert ctx.db.get("things", "a") == {"n": 2, "m": 5}


def test_set_after_set_and_an_increment_of_what_was_set(ctx: Context) -> None:
    def work(tx: Tx) -> dict[str, object] | None:
        tx.set(("things", "a"), {"n": 1})
        tx.set(("things", "a"), {"n": 2})
        tx.merge(("things", "a"), {"n": firestore.Increment(3)})
        return tx.get("things", "a")

    assert ctx.run(work) == {"n": 5}
    assert ctx.db.get("things", "a") == {"n": 5}


def test_a_deleted_document_can_not_be_changed(ctx: Context) -> None:
    def work(tx: Tx) -> None:
        tx.delete(("things", "a"))
        tx.update(("things", "a"), {"n": 1})

    with pytest.raises(AssertionError):
        ctx.run(work)


def test_every_task_is_tried_although_one_fails(ctx: Context) -> None:
    class Failing:
        def __init__(self) -> None:
            self.created: list[str] = []

        def create(self, task: Task) -> None:
            if task.path == "/first":
                raise Unavailable("the queue is away")
            self.created.append(task.path)

    failing = Failing()
    broken = Context(ctx.settings, ctx.db, failing, ctx.realtime)

    def work(tx: Tx) -> None:
        tx.enqueue(Task("/first", ("a",)))
        tx.enqueue(Task("/second", ("b",)))

    with pytest.raises(Unavailable):
        broken.run(work)
    assert failing.created == ["/second"]


class TestPeek:
    """Reads without a lock, whose writes hold only if nothing has changed."""

    @pytest.mark.parametrize("before", [None, {"n": 1, "old": True}])
    @pytest.mark.parametrize("kind", ["set", "delete", "update"])
    def test_a_change_meanwhile_repeats_the_attempt(self, ctx: Context, before: dict | None, kind: str) -> None:
        if before is None and kind == "update":
            return
        if before is not None:
            ctx.db.set(("things", "a"), before)
        seen: list[object] = []

        def work(tx: Tx) -> None:
            tx.peek(("things", "a"))
            seen.append(tx.get("things", "a"))
            if len(seen) == 1:
                # As another would, between the read and the commit; it does not have to wait.
                ctx.db.set(("things", "a"), {"n": 5})
            if kind == "delete":
                tx.delete(("things", "a"))
            elif kind == "update":
                tx.update(("things", "a"), {"n": 7})
            else:
                tx.set(("things", "a"), {"n": 7})

        ctx.run(work)
        if before is None and kind == "delete":
            # Nothing to guard: it was not there.
            assert seen == [None]
            return
        assert seen == [before, {"n": 5}]
        assert ctx.db.get("things", "a") == (None if kind == "delete" else {"n": 7})

    def test_a_set_replaces_the_whole(self, ctx: Context) -> None:
        ctx.db.set(("things", "a"), {"n": 1, "old.one": True, "kept": {"y": 1}})

        def work(tx: Tx) -> None:
            tx.peek(("things", "a"))
            tx.set(("things", "a"), {"n": 2, "new one": {"x": 1}, "kept": {"x": 1}})

        ctx.run(work)
        assert ctx.db.get("things", "a") == {"n": 2, "new one": {"x": 1}, "kept": {"x": 1}}

    def test_a_create_of_what_is_there(self, ctx: Context) -> None:
        ctx.db.set(("things", "a"), {"n": 1})

        def work(tx: Tx) -> None:
            tx.peek(("things", "a"))
            tx.create(("things", "a"), {"n": 2})

        with pytest.raises(Conflict):
            ctx.run(work)
        assert ctx.db.get("things", "a") == {"n": 1}

    def test_many_at_once_do_not_wait_for_each_other(self, ctx: Context) -> None:
        def work(tx: Tx) -> None:
            tx.peek(("things", "a"))
            tx.set(("things", "a"), {"n": (tx.get("things", "a") or {"n": 0})["n"] + 1})

        assert at_once(10, lambda _: ctx.run(work)) == [None] * 10
        assert ctx.db.get("things", "a") == {"n": 10}


class TestContention:
    """From the second attempt on, what the first would have written is read without a lock."""

    def test_many_at_once_all_get_their_turn(self, ctx: Context) -> None:
        ctx.db.set(("things", "a"), {"n": 0})

        def work(tx: Tx) -> None:
            tx.update(("things", "a"), {"n": (tx.get("things", "a") or {})["n"] + 1})
            tx.merge(("things", "sum"), {"n": firestore.Increment(1)})

        assert at_once(20, lambda _: ctx.run(work)) == [None] * 20
        assert ctx.db.get("things", "a") == ctx.db.get("things", "sum") == {"n": 20}

    @pytest.mark.parametrize("write", ["update", "set", "merge", "merge into a map", "delete", "nothing", "refuse"])
    def test_a_change_after_the_read_is_seen(self, ctx: Context, write: str) -> None:
        ctx.db.set(("things", "a"), {"n": 1, "map": {"kept": True}})
        seen: list[int] = []

        def work(tx: Tx) -> None:
            seen.append((tx.get("things", "a") or {})["n"])
            if len(seen) == 1:
                tx.update(("things", "a"), {"n": 0})
                raise exceptions.Aborted("others were first")
            if len(seen) == 2:
                ctx.db.set(("things", "a"), {"n": 2}, merge=True)
            if write == "refuse":
                raise Conflict(f"of {seen[-1]}")
            if write == "merge into a map":
                tx.merge(("things", "a"), {"map": {"n": seen[-1]}})
            elif write == "delete":
                tx.delete(("things", "a"))
            elif write != "nothing":
                {"update": tx.update, "set": tx.set, "merge": tx.merge}[write](("things", "a"), {"n": seen[-1] + 1})

        if write == "refuse":
            with pytest.raises(Conflict, match="of 2"):
                ctx.run(work)
        else:
            ctx.run(work)
        assert seen == [1, 1, 2]
        kept = {"kept": True}
        assert ctx.db.get("things", "a") == {
            "update": {"n": 3, "map": kept},
            "set": {"n": 3},
            "merge": {"n": 3, "map": kept},
            "merge into a map": {"n": 2, "map": {**kept, "n": 2}},
            "delete": None,
        }.get(write, {"n": 2, "map": kept})

    def test_a_create_of_what_exists_is_still_a_conflict(self, ctx: Context) -> None:
        ctx.db.set(("things", "a"), {"n": 1})
        attempts: list[int] = []

        def work(tx: Tx) -> None:
            attempts.append(1)
            tx.get("things", "b")
            tx.set(("things", "b"), {"n": 1})
            if len(attempts) == 1:
                raise exceptions.Aborted("others were first")
            tx.create(("things", "a"), {"n": 2})

        with pytest.raises(Conflict):
            ctx.run(work)
        assert (len(attempts), ctx.db.get("things", "b")) == (3, None)
