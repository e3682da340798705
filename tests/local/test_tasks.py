"""The Cloud Tasks emulator, through the stock client and a real HTTP target."""

import datetime
import json
import time
from collections.abc import Iterator

import jwt
import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf import duration_pb2

from tests.local.cloud_tasks import LocalCloud, is_gone, post, soon, stats, stock_client, wait_for

FAST_RETRIES = {"min_backoff": {"nanos": 10_000_000}, "max_backoff": {"nanos": 40_000_000}}
EMAIL = "tasks@demo-konnect.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    cloud = LocalCloud()
    yield cloud
    cloud.stop()


class TestDispatch:
    def test_sends_the_request_with_the_headers_of_cloud_tasks(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        task = cloud.client.create_task(
            parent=queue,
            task={
                "name": f"{queue}/tasks/tick-1",
                "http_request": {
                    "url": url,
                    "http_method": "PUT",
                    "body": b'{"n": 1}',
                    "headers": {
                        "Content-Type": "application/json",
                        "X-Mine": "yes",
                        "User-Agent": "mine",
                        "Host": "elsewhere",
                        "X-CloudTasks-TaskName": "forged",
                    },
                },
            },
        )
        wait_for(lambda: target.calls)
        (call,) = target.calls
        assert (call.method, call.body) == ("PUT", b'{"n": 1}')
        assert call.headers["Content-Type"] == "application/json"
        assert call.headers["X-Mine"] == "yes"
        assert call.headers["User-Agent"] == "Google-Cloud-Tasks"
        assert call.headers["Host"] == url.split("/")[2]
        assert call.headers["X-CloudTasks-QueueName"] == queue.rsplit("/", 1)[1]
        assert call.headers["X-CloudTasks-TaskName"] == "tick-1"
        assert call.headers["X-CloudTasks-TaskRetryCount"] == "0"
        assert call.headers["X-CloudTasks-TaskExecutionCount"] == "0"
        assert float(call.headers["X-CloudTasks-TaskETA"]) == pytest.approx(task.schedule_time.timestamp(), abs=1e-5)
        for absent in ("X-CloudTasks-TaskPreviousResponse", "X-CloudTasks-TaskRetryReason", "Authorization"):
            assert absent not in call.headers
        wait_for(lambda: stats(cloud, queue) == {"waiting": 0, "running": 0, "done": 1, "failed": 0})

    def test_sends_an_oidc_token(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        for audience in ("", "https://tasks.example"):
            token = {"service_account_email": EMAIL, "audience": audience}
            request = {"url": url, "oidc_token": token, "headers": {"authorization": "mine"}}
            cloud.client.create_task(parent=queue, task={"http_request": request})
        wait_for(lambda: len(target.calls) == 2)
        key = jwt.PyJWKSet.from_dict(cloud.issuer.jwks()).keys[0].key
        audiences = set()
        for call in target.calls:
            (authorization,) = call.headers.getall("Authorization")
            scheme, token = authorization.split(" ")
            claims = jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})
            assert (scheme, claims["email"]) == ("Bearer", EMAIL)
            audiences.add(claims["aud"])
        assert audiences == {url, "https://tasks.example"}

    def test_get_without_body_or_content_type(self, cloud: LocalCloud) -> None:
        url, target = cloud.script()
        cloud.client.create_task(parent=cloud.queue(), task={"http_request": {"url": url, "http_method": "GET"}})
        wait_for(lambda: target.calls)
        assert target.calls[0].method == "GET"
        assert "Content-Type" not in target.calls[0].headers

    def test_waits_for_the_schedule_time(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        due = soon(0.4)
        cloud.client.create_task(parent=queue, task=post(url, schedule_time=soon(3600)))
        cloud.client.create_task(parent=queue, task=post(url, schedule_time=due))
        cloud.client.create_task(parent=queue, task=post(url, schedule_time=soon(3600)))
        wait_for(lambda: target.calls)
        assert target.calls[0].at >= due.timestamp()
        assert stats(cloud, queue)["waiting"] == 2

    def test_a_time_in_the_past_is_now(self, cloud: LocalCloud) -> None:
        url, target = cloud.script()
        task = cloud.client.create_task(parent=cloud.queue(), task=post(url, schedule_time=soon(-500)))
        assert task.schedule_time > soon(-10)
        wait_for(lambda: target.calls)

    def test_runs_as_many_at_once_as_the_queue_allows(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(rate_limits={"max_concurrent_dispatches": 3})
        url, target = cloud.script(gated=True)
        for _ in range(8):
            cloud.client.create_task(parent=queue, task=post(url))
        wait_for(lambda: target.running == 3)
        assert stats(cloud, queue) == {"waiting": 5, "running": 3, "done": 0, "failed": 0}
        cloud.open(target)
        wait_for(lambda: stats(cloud, queue)["done"] == 8)
        assert target.most_running == 3

    def test_keeps_to_the_rate_after_the_burst(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(rate_limits={"max_dispatches_per_second": 10})
        url, target = cloud.script()
        cloud.client.pause_queue(name=queue)
        for _ in range(14):
            cloud.client.create_task(parent=queue, task=post(url))
        started = time.time()
        cloud.client.resume_queue(name=queue)
        wait_for(lambda: len(target.calls) == 14)
        # From before the first dispatch, so that a loaded machine can only lengthen it: 10 at once, 4 at 10 a second.
        assert target.calls[13].at - started > 0.3


class TestRetry:
    @pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
    def test_any_status_but_2xx_is_tried_again(self, cloud: LocalCloud, status: int) -> None:
        queue = cloud.queue(retry_config=FAST_RETRIES)
        url, target = cloud.script(status, status)
        cloud.client.create_task(parent=queue, task=post(url))
        wait_for(lambda: stats(cloud, queue)["done"] == 1)
        first, second, third = target.calls
        assert [call.headers["X-CloudTasks-TaskRetryCount"] for call in target.calls] == ["0", "1", "2"]
        # A 5xx counts as not executed, as documented.
        executions = "0" if status >= 500 else "2"
        assert third.headers["X-CloudTasks-TaskExecutionCount"] == executions
        assert third.headers["X-CloudTasks-TaskPreviousResponse"] == str(status)
        assert str(status) in third.headers["X-CloudTasks-TaskRetryReason"]
        assert float(second.headers["X-CloudTasks-TaskETA"]) >= float(first.headers["X-CloudTasks-TaskETA"]) + 0.01

    def test_shows_the_attempts(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"min_backoff": duration_pb2.Duration(seconds=60)})
        url, _ = cloud.script(500)
        name = cloud.client.create_task(parent=queue, task=post(url)).name
        task = wait_for(lambda: (task := cloud.client.get_task(name=name)).response_count and task)
        assert (task.dispatch_count, task.response_count) == (1, 1)
        assert task.first_attempt.dispatch_time == task.last_attempt.dispatch_time
        assert task.first_attempt.response_time is None
        assert task.last_attempt.schedule_time <= task.last_attempt.dispatch_time <= task.last_attempt.response_time
        assert task.last_attempt.response_status.code == 13
        assert task.last_attempt.response_status.message == "INTERNAL(13): HTTP status code 500"
        assert (task.schedule_time - task.last_attempt.response_time).total_seconds() == pytest.approx(60, abs=0.001)

    def test_no_connection_is_tried_again(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"min_backoff": duration_pb2.Duration(seconds=60)})
        name = cloud.client.create_task(parent=queue, task=post("http://127.0.0.1:1/nobody")).name
        task = wait_for(lambda: (task := cloud.client.get_task(name=name)).last_attempt.response_status.code and task)
        assert (task.dispatch_count, task.response_count) == (1, 0)
        assert task.last_attempt.response_status.code == 14

    def test_no_answer_by_the_deadline_is_tried_again(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"min_backoff": duration_pb2.Duration(seconds=60)})
        cloud.client.pause_queue(name=queue)
        url, target = cloud.script(gated=True)
        name = cloud.client.create_task(parent=queue, task=post(url)).name
        # The API takes 15 s at the least: shorten the deadline behind its back.
        cloud.call(lambda: shorten_deadline(cloud, queue, name))
        cloud.client.resume_queue(name=queue)
        task = wait_for(lambda: (task := cloud.client.get_task(name=name)).last_attempt.response_status.code and task)
        assert (task.response_count, task.last_attempt.response_status.code) == (0, 4)
        cloud.open(target)

    def test_waits_as_long_as_retry_after_says(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"min_backoff": {"nanos": 1_000_000}, "max_backoff": {"seconds": 600}})
        url, _ = cloud.script(503, Retry_After="120")
        name = cloud.client.create_task(parent=queue, task=post(url)).name
        task = wait_for(lambda: (task := cloud.client.get_task(name=name)).response_count and task)
        assert (task.schedule_time - task.last_attempt.response_time).total_seconds() == pytest.approx(120, abs=0.001)

    def test_gives_up_after_the_attempts_and_keeps_a_dead_letter(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={**FAST_RETRIES, "max_attempts": 3})
        url, target = cloud.script(500, 500, 400, 500)
        request = {"url": url, "body": b"lost"}
        name = cloud.client.create_task(
            parent=queue, task={"name": f"{queue}/tasks/dead", "http_request": request}
        ).name
        wait_for(lambda: is_gone(cloud, name))
        assert len(target.calls) == 3
        assert stats(cloud, queue) == {"waiting": 0, "running": 0, "done": 0, "failed": 1}
        letter = next(letter for letter in cloud.call(cloud.emulator.dead_letters) if letter["queue"] == queue)
        assert (letter["task"], letter["url"], letter["body"]) == ("dead", url, "lost")
        assert (letter["attempts"], letter["httpStatus"]) == (3, 400)
        json.dumps(letter)

    def test_the_attempts_alone_do_not_end_it_while_the_duration_lasts(self, cloud: LocalCloud) -> None:
        config = {**FAST_RETRIES, "max_attempts": 1, "max_retry_duration": {"seconds": 300}}
        queue = cloud.queue(retry_config=config)
        url, target = cloud.script(500, 500, 500)
        cloud.client.create_task(parent=queue, task=post(url))
        wait_for(lambda: stats(cloud, queue)["done"] == 1)
        assert len(target.calls) == 4

    def test_a_tasks_own_configuration_goes_first(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"min_backoff": {"seconds": 3600}})
        url, target = cloud.script(500)
        cloud.client.create_task(parent=queue, task=post(url, retry_config=FAST_RETRIES))
        wait_for(lambda: len(target.calls) == 2)


def shorten_deadline(cloud: LocalCloud, queue: str, name: str) -> None:
    record = cloud.emulator._queues.get(queue).get(name.rsplit("/", 1)[1])
    task = tasks_v2.Task.deserialize(record.request)
    task.dispatch_deadline = datetime.timedelta(seconds=0.1)
    record.request = tasks_v2.Task.serialize(task)


class TestNames:
    def test_a_name_is_taken_while_it_waits_and_after(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        name = f"{queue}/tasks/once"
        cloud.client.pause_queue(name=queue)
        cloud.client.create_task(parent=queue, task=post(url, name=name))
        with pytest.raises(exceptions.AlreadyExists, match="already exists"):
            cloud.client.create_task(parent=queue, task=post(url, name=name))
        cloud.client.resume_queue(name=queue)
        wait_for(lambda: is_gone(cloud, name))
        with pytest.raises(exceptions.AlreadyExists, match="existed too recently"):
            cloud.client.create_task(parent=queue, task=post(url, name=name))
        assert len(target.calls) == 1
        # The name belongs to the queue alone.
        other = cloud.queue()
        cloud.client.create_task(parent=other, task=post(url, name=f"{other}/tasks/once"))

    def test_a_deleted_name_is_taken_for_an_hour(self, cloud: LocalCloud) -> None:
        offset_us = 0
        emulator = cloud.start_emulator(now_us=lambda: time.time_ns() // 1000 + offset_us)
        client = stock_client(emulator.address)
        queue = cloud.queue(client)
        client.pause_queue(name=queue)
        name = f"{queue}/tasks/once"
        client.create_task(parent=queue, task=post("http://127.0.0.1:1/", name=name))
        client.delete_task(name=name)
        for offset_us in (0, 3590 * 1_000_000):  # noqa: B007 - the emulator's clock reads it
            with pytest.raises(exceptions.AlreadyExists):
                client.create_task(parent=queue, task=post("http://127.0.0.1:1/", name=name))
        offset_us = 3601 * 1_000_000
        assert client.create_task(parent=queue, task=post("http://127.0.0.1:1/", name=name)).name == name
        client.transport.close()
        cloud.run(emulator.stop())

    def test_unnamed_tasks_get_names_of_their_own(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        cloud.client.pause_queue(name=queue)
        names = {cloud.client.create_task(parent=queue, task=post("http://127.0.0.1:1/")).name for _ in range(5)}
        assert len(names) == 5
        assert all(name.startswith(f"{queue}/tasks/") for name in names)


class TestTasks:
    def test_views(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        request = {"url": "http://127.0.0.1:1/", "body": b"secret"}
        task = cloud.client.create_task(parent=queue, task={"http_request": request, "schedule_time": soon(60)})
        assert task.view == tasks_v2.Task.View.BASIC
        assert task.http_request.body == b""
        assert task.http_request.http_method == tasks_v2.HttpMethod.POST
        assert task.dispatch_deadline == datetime.timedelta(minutes=10)
        assert task.create_time.microsecond == 0
        full = cloud.client.get_task(request={"name": task.name, "response_view": "FULL"})
        assert full.http_request.body == b"secret"
        (listed,) = cloud.client.list_tasks(request={"parent": queue, "response_view": "FULL"})
        assert listed == full

    def test_pages(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        names = [
            cloud.client.create_task(parent=queue, task=post("http://127.0.0.1:1/", schedule_time=soon(600 - n))).name
            for n in range(7)
        ]
        pages = iter(cloud.client.list_tasks(request={"parent": queue, "page_size": 3}).pages)
        assert [task.name for task in next(pages).tasks] == names[:3]
        # A page does not depend on what the one before still holds.
        cloud.client.delete_task(name=names[2])
        cloud.client.delete_task(name=names[4])
        assert [task.name for page in pages for task in page.tasks] == [names[3], names[5], names[6]]

    def test_full_pages_stay_below_the_limit_of_a_message(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        request = {"url": "http://127.0.0.1:1/", "body": b"x" * 90_000}
        for _ in range(60):
            cloud.client.create_task(parent=queue, task={"http_request": request, "schedule_time": soon(600)})
        assert len(list(cloud.client.list_tasks(request={"parent": queue, "response_view": "FULL"}))) == 60

    def test_delete(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        url, target = cloud.script()
        # Paused, it can't be due before it is deleted.
        cloud.client.pause_queue(name=queue)
        waiting = cloud.client.create_task(parent=queue, task=post(url, schedule_time=soon(0.2))).name
        cloud.client.delete_task(name=waiting)
        with pytest.raises(exceptions.NotFound):
            cloud.client.delete_task(name=waiting)
        later, marker = cloud.script()
        cloud.client.create_task(parent=queue, task=post(later, schedule_time=soon(0.25)))
        cloud.client.resume_queue(name=queue)
        wait_for(lambda: marker.calls)
        assert not target.calls

    def test_delete_while_it_runs_stops_the_retries(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config=FAST_RETRIES)
        url, target = cloud.script(500, gated=True)
        name = cloud.client.create_task(parent=queue, task=post(url)).name
        wait_for(lambda: target.running)
        cloud.client.delete_task(name=name)
        cloud.open(target)
        wait_for(lambda: not target.running)
        time.sleep(0.1)
        assert len(target.calls) == 1
        assert stats(cloud, queue) == {"waiting": 0, "running": 0, "done": 0, "failed": 0}

    def test_run_now_even_when_paused(self, cloud: LocalCloud) -> None:
        queue = cloud.queue()
        cloud.client.pause_queue(name=queue)
        url, target = cloud.script()
        name = cloud.client.create_task(parent=queue, task=post(url, schedule_time=soon(600))).name
        task = cloud.client.run_task(name=name)
        assert task.dispatch_count == 1
        wait_for(lambda: is_gone(cloud, name))
        assert len(target.calls) == 1
        with pytest.raises(exceptions.NotFound):
            cloud.client.run_task(name=name)

    def test_run_beside_a_running_attempt(self, cloud: LocalCloud) -> None:
        queue = cloud.queue(retry_config={"min_backoff": {"seconds": 60}})
        url, target = cloud.script(500, 500, gated=True)
        name = cloud.client.create_task(parent=queue, task=post(url)).name
        wait_for(lambda: target.running == 1)
        cloud.client.run_task(name=name)
        wait_for(lambda: target.running == 2)
        cloud.open(target)
        task = wait_for(lambda: (task := cloud.client.get_task(name=name)).response_count == 2 and task)
        assert task.schedule_time > soon(30)
        cloud.client.run_task(name=name)
        wait_for(lambda: is_gone(cloud, name))
