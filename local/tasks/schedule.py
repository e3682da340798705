"""The tasks of a queue that wait, by due time."""

import heapq

from local.tasks.record import TaskRecord

# Entries of deleted and moved tasks stay until they come up; past this many, and half, the heap is rebuilt.
STALE_ENTRIES = 1000


class Schedule:
    """A heap that forgets a task in constant time. Tasks due at the same microsecond keep the order of `add`."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, TaskRecord]] = []
        self._last_entry = 0
        self._stale = 0

    def add(self, record: TaskRecord) -> None:
        """Add `record` at its `due_us`; it must not be in already."""
        assert not record.heap_entry
        self._last_entry += 1
        record.heap_entry = self._last_entry
        heapq.heappush(self._heap, (record.due_us, self._last_entry, record))

    def remove(self, record: TaskRecord) -> None:
        """Take `record` out, if it is in."""
        if not record.heap_entry:
            return
        record.heap_entry = 0
        self._stale += 1
        if self._stale > STALE_ENTRIES and self._stale * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].heap_entry == entry[1]]
            heapq.heapify(self._heap)
            self._stale = 0

    def first(self) -> TaskRecord | None:
        """The task due first, left in."""
        while self._heap:
            _, entry, record = self._heap[0]
            if record.heap_entry == entry:
                return record
            heapq.heappop(self._heap)
            self._stale -= 1
        return None

    def clear(self) -> None:
        for _, entry, record in self._heap:
            if record.heap_entry == entry:
                record.heap_entry = 0
        self._heap.clear()
        self._stale = 0
