"""The Cloud Tasks emulator's queues, refusals and restarts, through the stock client."""

import datetime
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf import field_mask_pb2

from tests.local.cloud_tasks import LOCATION, LocalCloud, post, soon, stock_client, wait_for


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    cloud = LocalCloud()
    yield cloud
    cloud.stop()


class TestQueues:
    def test_defaults(self, cloud: LocalCloud) -> None:
        queue = cloud.client.get_queue(name=cloud.queue())
        assert queue.state == tasks_v2.Queue.State.RUNNING
        assert queue.rate_limits.max_dispatches_per_second == 500
        assert queue.rate_limits.max_concurrent_dispatches == 1000
        assert queue.rate_limits.max_burst_size >= 500
        assert (queue.retry_config.max_attempts, queue.retry_config.max_doublings) == (100, 16)
        assert queue.retry_config.min_backoff == datetime.timedelta(seconds=0.1)
        assert queue.retry_config.max_backoff == datetime.timedelta(hours=1)

    def test_create_twice(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        with pytest.raises(exceptions.AlreadyExists):
            cloud.client.create_queue(parent=LOCATION, queue={"name": queue})

    def test_list_by_location_in_pages(self, cloud: LocalCloud) -> None:
        location = "projects/demo-pages/locations/asia-south1"
        names = [f"{location}/queues/q{n}" for n in range(5)]
        for name in names:
            cloud.client.create_queue(parent=location, queue={"name": name})
        listed = cloud.client.list_queues(request={"parent": location, "page_size": 2})
        assert [queue.name for queue in listed] == names

    def test_update_what_the_mask_names(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"max_attempts": 7, "max_doublings": 2})
        changed = {"name": queue, "rate_limits": {"max_dispatches_per_second": 50}, "state": "PAUSED"}
        paths = ["rate_limits.max_dispatches_per_second", "retry_config.max_doublings", "state"]
        mask = field_mask_pb2.FieldMask(paths=paths)
        updated = cloud.client.update_queue(queue=changed, update_mask=mask)
        assert updated == cloud.client.get_queue(name=queue)
        assert updated.rate_limits.max_dispatches_per_second == 50
        assert updated.rate_limits.max_concurrent_dispatches == 1000
        assert (updated.retry_config.max_attempts, updated.retry_config.max_doublings) == (7, 0)
        assert updated.state == tasks_v2.Queue.State.RUNNING
        with pytest.raises(exceptions.InvalidArgument):
            cloud.client.update_queue(queue=changed, update_mask=field_mask_pb2.FieldMask(paths=["nothing"]))

    def test_update_of_all_or_of_a_new_queue(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"max_attempts": 7})
        assert cloud.client.update_queue(queue={"name": queue}).retry_config.max_attempts == 100
        new = cloud.client.update_queue(queue={"name": f"{queue}-new", "retry_config": {"max_attempts": 3}})
        assert cloud.client.get_queue(name=f"{queue}-new") == new

    def test_an_update_reaches_waiting_tasks(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(rate_limits={"max_concurrent_dispatches": 1})
        url, target = cloud.script(gated=True)
        for _ in range(3):
            cloud.client.create_task(parent=queue, task=post(url))
        wait_for(lambda: target.running == 1)
        cloud.client.update_queue(queue={"name": queue, "rate_limits": {"max_concurrent_dispatches": 3}})
        wait_for(lambda: target.running == 3)
        cloud.open(target)

    def test_pause_and_resume(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        assert cloud.client.pause_queue(name=queue).state == tasks_v2.Queue.State.PAUSED
        cloud.client.create_task(parent=queue, task=post(url))
        time.sleep(0.1)
        assert not target.calls
        assert cloud.client.resume_queue(name=queue).state == tasks_v2.Queue.State.RUNNING
        wait_for(lambda: target.calls)

    def test_purge(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        names = [f"{queue}/tasks/t{n}" for n in range(3)]
        for name in names:
            cloud.client.create_task(parent=queue, task=post(url, name=name, schedule_time=soon(60)))
        assert cloud.client.purge_queue(name=queue).purge_time
        assert not list(cloud.client.list_tasks(parent=queue))
        with pytest.raises(exceptions.AlreadyExists):
            cloud.client.create_task(parent=queue, task=post(url, name=names[0]))
        cloud.client.create_task(parent=queue, task=post(url))
        wait_for(lambda: len(target.calls) == 1)

    def test_delete(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        cloud.client.create_task(parent=queue, task=post("http://127.0.0.1:1/", schedule_time=soon(60)))
        cloud.client.delete_queue(name=queue)
        for call in (
            lambda: cloud.client.create_task(parent=queue, task=post("http://127.0.0.1:1/")),
            lambda: cloud.client.get_queue(name=queue),
            lambda: cloud.client.create_queue(parent=LOCATION, queue={"name": queue}),
        ):
            with pytest.raises(exceptions.FailedPrecondition, match="existed"):
                call()


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": "tick"}, "formatted"),
            ({"name": "{queue}/tasks/with space"}, "formatted"),
            ({"name": "{queue}/tasks/" + "x" * 501}, "formatted"),
            ({"name": LOCATION + "/queues/other/tasks/t"}, "same as the queue name"),
            ({"http_request": None}, "httpRequest is required"),
            ({"http_request": {"url": "ftp://127.0.0.1/"}}, "must start with"),
            ({"http_request": {"url": "http://"}}, "host"),
            ({"http_request": {"url": "http://127.0.0.1:99999/"}}, "not a URL"),
            ({"http_request": {"url": "http://127.0.0.1/" + "x" * 2083}}, "2083"),
            ({"http_request": {"url": "http://a/", "http_method": "GET", "body": b"x"}}, "body"),
            ({"http_request": {"url": "http://a/", "body": b"x" * 102_400}}, "too large"),
            ({"http_request": {"url": "http://a/", "headers": {"A": "x" * 81_920}}}, "80KB"),
            ({"http_request": {"url": "http://a/", "headers": {"A": "x\r\nB: y"}}}, "valid HTTP header"),
            ({"http_request": {"url": "http://a/", "oidc_token": {"audience": "a"}}}, "serviceAccountEmail"),
            ({"schedule_time": "30 days"}, "720h"),
            ({"dispatch_deadline": {"seconds": 14}}, "dispatchDeadline"),
            ({"dispatch_deadline": {"seconds": 1801}}, "dispatchDeadline"),
            ({"retry_config": {"max_attempts": -2}}, "maxAttempts"),
        ],
    )
    def test_a_bad_task(self, cloud: LocalCloud, change: dict[str, Any], message: str) -> None:
        queue = cloud.queue()
        task = {**post("http://127.0.0.1:1/", schedule_time=soon(60)), **change}
        if "name" in change:
            task["name"] = change["name"].replace("{queue}", queue)
        if "schedule_time" in change:
            task["schedule_time"] = soon(30 * 24 * 3600 + 60)
        with pytest.raises(exceptions.InvalidArgument, match=message):
            cloud.client.create_task(parent=queue, task=task)
        assert not list(cloud.client.list_tasks(parent=queue))

    def test_what_is_just_allowed(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        cloud.client.pause_queue(name=queue)
        for fields in (
            {"schedule_time": soon(30 * 24 * 3600 - 60)},
            {"dispatch_deadline": {"seconds": 15}},
            {"dispatch_deadline": {"seconds": 1800}},
            {"name": f"{queue}/tasks/{'x' * 500}"},
            {"http_request": {"url": "http://127.0.0.1:1/", "body": b"x" * 100_000}},
        ):
            cloud.client.create_task(parent=queue, task={**post("http://127.0.0.1:1/"), **fields})

    @pytest.mark.parametrize(
        "settings",
        [
            {"rate_limits": {"max_dispatches_per_second": 501}},
            {"rate_limits": {"max_dispatches_per_second": -1}},
            {"rate_limits": {"max_concurrent_dispatches": 5001}},
            {"retry_config": {"max_attempts": -2}},
            {"retry_config": {"max_doublings": -1}},
            {"retry_config": {"min_backoff": {"seconds": 5}, "max_backoff": {"seconds": 4}}},
            {"name": "queue"},
            {"name": LOCATION + "/queues/under_score"},
        ],
    )
    def test_a_bad_queue(self, cloud: LocalCloud, settings: dict[str, Any]) -> None:
        queue = {"name": LOCATION + "/queues/refused", **settings}
        with pytest.raises(exceptions.InvalidArgument):
            cloud.client.create_queue(parent=LOCATION, queue=queue)
        with pytest.raises(exceptions.NotFound):
            cloud.client.get_queue(name=LOCATION + "/queues/refused")

    def test_no_such_queue_or_task(self, cloud: LocalCloud) -> None:
        missing = LOCATION + "/queues/missing"
        queue = cloud.queue()
        for call in (
            lambda: cloud.client.create_task(parent=missing, task=post("http://127.0.0.1:1/")),
            lambda: cloud.client.get_queue(name=missing),
            lambda: cloud.client.pause_queue(name=missing),
            lambda: cloud.client.delete_queue(name=missing),
            lambda: list(cloud.client.list_tasks(parent=missing)),
            lambda: cloud.client.get_task(name=f"{queue}/tasks/missing"),
            lambda: cloud.client.delete_task(name=f"{queue}/tasks/missing"),
        ):
            with pytest.raises(exceptions.NotFound):
                call()

    def test_what_is_not_offered_says_so(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        for call in (
            lambda: cloud.client.create_task(parent=queue, task={"app_engine_http_request": {"relative_uri": "/"}}),
            lambda: cloud.client.list_queues(request={"parent": LOCATION, "filter": "state: PAUSED"}),
            lambda: cloud.client.get_iam_policy(request={"resource": queue}),
        ):
            with pytest.raises(exceptions.MethodNotImplemented):
                call()


class TestEnsureQueue:
    def test_takes_the_manifests_form_and_keeps_the_tasks(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        cloud.client.create_task(parent=queue, task=post("http://127.0.0.1:1/", schedule_time=soon(60)))
        limits = {"maxDispatchesPerSecond": 200, "maxConcurrentDispatches": 40}
        retry = {"maxAttempts": 5, "maxRetrySeconds": 90, "minBackoffSeconds": 0.5, "maxBackoffSeconds": 9}
        cloud.call(lambda: cloud.emulator.ensure_queue(queue, limits, {**retry, "maxDoublings": 0}))
        got = cloud.client.get_queue(name=queue)
        assert got.rate_limits.max_dispatches_per_second == 200
        assert got.rate_limits.max_concurrent_dispatches == 40
        assert (got.retry_config.max_attempts, got.retry_config.max_doublings) == (5, 0)
        assert got.retry_config.max_retry_duration == datetime.timedelta(seconds=90)
        assert got.retry_config.min_backoff == datetime.timedelta(seconds=0.5)
        assert len(list(cloud.client.list_tasks(parent=queue))) == 1

    def test_refuses_an_unknown_setting(self, cloud: LocalCloud) -> None:
        with pytest.raises(ValueError, match="maxAttempt"):
            cloud.call(lambda: cloud.emulator.ensure_queue(f"{LOCATION}/queues/typo", {}, {"maxAttempt": 5}))


class TestRestart:
    def test_queues_tasks_and_names_survive(self, cloud: LocalCloud) -> None:
        first = cloud.start_emulator()
        client = stock_client(first.address)
        queue = cloud.queue(client, retry_config={"min_backoff": {"seconds": 60}, "max_doublings": 3})
        paused = cloud.queue(client)
        client.pause_queue(name=paused)
        url, target = cloud.script(500)
        running_url, running = cloud.script(gated=True)
        client.create_task(parent=queue, task=post(url, name=f"{queue}/tasks/tried"))
        wait_for(lambda: client.get_task(name=f"{queue}/tasks/tried").response_count)
        client.create_task(parent=queue, task=post(running_url, name=f"{queue}/tasks/running"))
        wait_for(lambda: running.running)
        soon_url, soon_target = cloud.script()
        client.create_task(parent=queue, task=post(soon_url, schedule_time=soon(1.5)))
        client.create_task(parent=queue, task=post(url, name=f"{queue}/tasks/deleted", schedule_time=soon(60)))
        client.delete_task(name=f"{queue}/tasks/deleted")
        tried = client.get_task(name=f"{queue}/tasks/tried")
        cloud.run(first.stop())
        client.transport.close()
        kept = json.loads(json.dumps(cloud.call(first.snapshot)))

        second = cloud.start_emulator()
        cloud.call(lambda: second.restore(kept))
        client = stock_client(second.address)
        assert client.get_queue(name=queue).retry_config.max_doublings == 3
        assert client.get_queue(name=paused).state == tasks_v2.Queue.State.PAUSED
        assert client.get_task(name=f"{queue}/tasks/tried") == tried
        # What ran when the first one stopped runs again, and what comes due later still does.
        wait_for(lambda: len(running.calls) == 2)
        wait_for(lambda: soon_target.calls)
        for taken in ("tried", "deleted"):
            with pytest.raises(exceptions.AlreadyExists):
                client.create_task(parent=queue, task=post(url, name=f"{queue}/tasks/{taken}"))
        client.run_task(name=f"{queue}/tasks/tried")
        wait_for(lambda: len(target.calls) == 2)
        assert target.calls[1].headers["X-CloudTasks-TaskRetryCount"] == "1"
        assert target.calls[1].headers["X-CloudTasks-TaskPreviousResponse"] == "500"
        cloud.open(running)
        client.transport.close()
        cloud.run(second.stop())

    def test_a_taken_port_is_named(self, cloud: LocalCloud) -> None:
        port = int(cloud.emulator.address.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=str(port)):
            cloud.start_emulator(port=port)
