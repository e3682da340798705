"""The RPCs of google.cloud.tasks.v2.CloudTasks over the emulator's queues."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.cloud.tasks_v2.types import cloudtasks
from google.protobuf import empty_pb2

from local.tasks.errors import RpcError, already_exists, failed_precondition, invalid, not_found, unimplemented
from local.tasks.policy import QueueMessage
from local.tasks.queue import TaskQueue
from local.tasks.record import FULL, TaskRecord
from local.tasks.validation import check_location, check_queue, check_queue_name, split_task_name

SERVICE = "google.cloud.tasks.v2.CloudTasks"
QUEUE_TOMBSTONE_US = 3 * 24 * 3600 * 1_000_000
MAX_QUEUES_PAGE = 9800
MAX_TASKS_PAGE = 1000
# Full tasks can be 100 KB each, a gRPC client takes 4 MB in one message unless told otherwise.
MAX_PAGE_BYTES = 2 * 1024 * 1024

ListQueuesResponse = cloudtasks.ListQueuesResponse.pb()
ListTasksResponse = cloudtasks.ListTasksResponse.pb()

_OUTPUT_ONLY = frozenset({"name", "state", "purge_time", "rate_limits.max_burst_size"})


class Queues:
    """All queues by name. `make(name)` builds a new one, already started if the emulator is."""

    def __init__(self, make: Callable[[str], TaskQueue], now_us: Callable[[], int]) -> None:
        self._make = make
        self._now_us = now_us
        self._queues: dict[str, TaskQueue] = {}
        self._deleted: dict[str, int] = {}

    def __iter__(self) -> Iterator[TaskQueue]:
        return iter(self._queues.values())

    def find(self, name: str) -> TaskQueue | None:
        return self._queues.get(name)

    def get(self, name: str) -> TaskQueue:
        """Raises INVALID_ARGUMENT, NOT_FOUND; FAILED_PRECONDITION if the queue was deleted lately."""
        queue = self._queues.get(check_queue_name(name))
        if queue:
            return queue
        if self._deleted_lately(name):
            raise failed_precondition("The queue no longer exists, though a queue with this name existed recently.")
        raise not_found("Queue does not exist.")

    def add(self, name: str, *, checked: bool = True) -> TaskQueue:
        """A new queue with the default configuration; `checked`: unless one of the name was deleted lately."""
        check_queue_name(name)
        if name in self._queues:
            raise already_exists("Queue already exists")
        if checked and self._deleted_lately(name):
            raise failed_precondition(
                "The queue cannot be created because a queue with this name existed too recently."
            )
        self._deleted.pop(name, None)
        self._queues[name] = self._make(name)
        return self._queues[name]

    def delete(self, name: str) -> None:
        queue = self.get(name)
        queue.purge()
        queue.pause()
        del self._queues[name]
        self._deleted[name] = self._now_us() + QUEUE_TOMBSTONE_US

    def _deleted_lately(self, name: str) -> bool:
        return self._deleted.get(name, 0) > self._now_us()


class CloudTasksService:
    """One method an RPC, named like it: takes the request message, answers the response message, raises RpcError."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    # Queues

    def create_queue(self, request: Any) -> Any:
        parent = check_location(request.parent)
        name = check_queue_name(request.queue.name)
        if not name.startswith(f"{parent}/queues/"):
            raise invalid("The queue's name must be of the location of the request.")
        check_queue(request.queue)
        return self._configured_new(name, request.queue).message

    def _configured_new(self, name: str, given: Any) -> TaskQueue:
        queue = self._queues.find(name)
        if queue:
            raise already_exists("Queue already exists")
        # Before the name is taken: a refused queue leaves nothing behind.
        TaskQueue.check(given)
        queue = self._queues.add(name)
        queue.configure(given)
        return queue

    def get_queue(self, request: Any) -> Any:
        return self._queues.get(request.name).message

    def list_queues(self, request: Any) -> Any:
        parent = check_location(request.parent)
        if request.filter:
            raise unimplemented("ListQueuesRequest.filter")
        page_size = _page_size(request.page_size, MAX_QUEUES_PAGE)
        prefix = f"{parent}/queues/"
        names = sorted(queue.name for queue in self._queues if queue.name.startswith(prefix))
        # The token is the last name of the page before.
        names = [name for name in names if name > request.page_token]
        response = ListQueuesResponse(queues=[self._queues.get(name).message for name in names[:page_size]])
        if len(names) > page_size:
            response.next_page_token = names[page_size - 1]
        return response

    def update_queue(self, request: Any) -> Any:
        """Changes what the mask names, or everything; creates the queue if there is none."""
        name = check_queue_name(request.queue.name)
        check_queue(request.queue)
        queue = self._queues.find(name)
        if not queue:
            return self._configured_new(name, request.queue).message
        given = QueueMessage()
        given.CopyFrom(request.queue)
        mask = request.update_mask
        # Unset and 0 doublings look alike; 0 is meant if the queue has it or the mask names the field itself.
        keep_zero = bool(mask.paths) and "retry_config" not in mask.paths
        if mask.paths:
            if not mask.IsValidForDescriptor(QueueMessage.DESCRIPTOR):
                raise invalid("UpdateQueueRequest.updateMask names a field that a queue does not have.")
            mask = type(mask)(paths=[path for path in mask.paths if path not in _OUTPUT_ONLY])
            # A field of the mask that the request leaves out is to be cleared; merging skips absent messages whole.
            source = QueueMessage()
            source.CopyFrom(request.queue)
            source.rate_limits.SetInParent()
            source.retry_config.SetInParent()
            given.CopyFrom(queue.message)
            mask.MergeMessage(source, given, replace_message_field=True)
        queue.configure(given, keep_zero_doublings=keep_zero)
        return queue.message

    def delete_queue(self, request: Any) -> Any:
        self._queues.delete(request.name)
        return empty_pb2.Empty()

    def purge_queue(self, request: Any) -> Any:
        queue = self._queues.get(request.name)
        queue.purge()
        return queue.message

    def pause_queue(self, request: Any) -> Any:
        queue = self._queues.get(request.name)
        queue.pause()
        return queue.message

    def resume_queue(self, request: Any) -> Any:
        queue = self._queues.get(request.name)
        queue.resume()
        return queue.message

    # Tasks

    def create_task(self, request: Any) -> Any:
        return self._queues.get(request.parent).create(request.task).message(request.response_view)

    def get_task(self, request: Any) -> Any:
        queue, task_id = self._locate(request.name)
        return queue.get(task_id).message(request.response_view)

    def list_tasks(self, request: Any) -> Any:
        """Pages in the order of creation; the token is the number of the last task of the page before."""
        queue = self._queues.get(request.parent)
        page_size = _page_size(request.page_size, MAX_TASKS_PAGE)
        try:
            after = int(request.page_token or "0")
        except ValueError:
            raise invalid("Invalid page token.") from None
        response = ListTasksResponse()
        page_bytes = 0
        last: TaskRecord | None = None
        for record in queue.tasks.values():
            if record.number <= after:
                continue
            if last and (len(response.tasks) >= page_size or page_bytes + len(record.request) > MAX_PAGE_BYTES):
                response.next_page_token = str(last.number)
                break
            response.tasks.append(record.message(request.response_view))
            page_bytes += len(record.request) if request.response_view == FULL else 0
            last = record
        return response

    def delete_task(self, request: Any) -> Any:
        queue, task_id = self._locate(request.name)
        queue.delete(task_id)
        return empty_pb2.Empty()

    def run_task(self, request: Any) -> Any:
        queue, task_id = self._locate(request.name)
        return queue.run(task_id).message(request.response_view)

    def _locate(self, name: str) -> tuple[TaskQueue, str]:
        queue_name, task_id = split_task_name(name)
        return self._queues.get(queue_name), task_id


def _page_size(asked: int, maximum: int) -> int:
    if asked < 0:
        raise invalid("The page size must not be negative.")
    return min(asked or maximum, maximum)


def generic_handler(service: CloudTasksService) -> grpc.GenericRpcHandler:
    """The service for grpc.aio, on the raw protobuf classes of the client library. Other RPCs are UNIMPLEMENTED."""
    rpcs: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "CreateQueue": (service.create_queue, cloudtasks.CreateQueueRequest),
        "GetQueue": (service.get_queue, cloudtasks.GetQueueRequest),
        "ListQueues": (service.list_queues, cloudtasks.ListQueuesRequest),
        "UpdateQueue": (service.update_queue, cloudtasks.UpdateQueueRequest),
        "DeleteQueue": (service.delete_queue, cloudtasks.DeleteQueueRequest),
        "PurgeQueue": (service.purge_queue, cloudtasks.PurgeQueueRequest),
        "PauseQueue": (service.pause_queue, cloudtasks.PauseQueueRequest),
        "ResumeQueue": (service.resume_queue, cloudtasks.ResumeQueueRequest),
        "CreateTask": (service.create_task, cloudtasks.CreateTaskRequest),
        "GetTask": (service.get_task, cloudtasks.GetTaskRequest),
        "ListTasks": (service.list_tasks, cloudtasks.ListTasksRequest),
        "DeleteTask": (service.delete_task, cloudtasks.DeleteTaskRequest),
        "RunTask": (service.run_task, cloudtasks.RunTaskRequest),
    }
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: _unary(method, message.pb()) for name, (method, message) in rpcs.items()}
    )


def _unary(method: Callable[[Any], Any], request_class: Any) -> grpc.RpcMethodHandler:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return method(request)
        except RpcError as error:
            await context.abort(error.code, error.message)

    return grpc.unary_unary_rpc_method_handler(
        call,
        request_deserializer=request_class.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )
