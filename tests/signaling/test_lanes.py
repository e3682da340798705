"""Order within a lane, side by side across lanes, and nothing left behind."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from konnect.errors import RateLimited
from signaling.lanes import Lanes


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 20))


class TestLanes:
    def test_calls_of_a_lane_run_in_order_one_at_a_time(self, pool: ThreadPoolExecutor) -> None:
        async def main() -> None:
            lanes, seen, running = Lanes(pool), [], []

            def work(number: int) -> int:
                running.append(number)
                assert running == [number]
                seen.append(number)
                running.clear()
                return number

            results = await asyncio.gather(*(lanes.run("a", lambda n=number: work(n)) for number in range(50)))
            assert results == seen == list(range(50))
            assert len(lanes) == 0

        run(main)

    def test_lanes_do_not_wait_for_each_other(self, pool: ThreadPoolExecutor) -> None:
        async def main() -> None:
            lanes, gate = Lanes(pool), threading.Event()
            blocked = asyncio.ensure_future(lanes.run("a", gate.wait))
            assert await lanes.run("b", lambda: "free") == "free"
            gate.set()
            assert await blocked

        run(main)

    def test_a_full_lane_refuses(self, pool: ThreadPoolExecutor) -> None:
        async def main() -> None:
            lanes, gate = Lanes(pool, waiting_max=3), threading.Event()
            calls = [asyncio.ensure_future(lanes.run("a", gate.wait)) for _ in range(4)]
            await asyncio.sleep(0)
            with pytest.raises(RateLimited):
                await lanes.run("a", gate.wait)
            gate.set()
            assert await asyncio.gather(*calls) == [True] * 4
            assert len(lanes) == 0

        run(main)

    def test_an_error_is_the_callers_and_the_lane_goes_on(self, pool: ThreadPoolExecutor) -> None:
        async def main() -> None:
            lanes = Lanes(pool)

            def fail() -> None:
                raise ValueError("no")

            failed, fine = await asyncio.gather(lanes.run("a", fail), lanes.run("a", lambda: 1), return_exceptions=True)
            assert isinstance(failed, ValueError)
            assert fine == 1
            assert len(lanes) == 0

        run(main)

    def test_a_caller_who_goes_does_not_stop_the_lane(self, pool: ThreadPoolExecutor) -> None:
        async def main() -> None:
            lanes, gate, seen = Lanes(pool), threading.Event(), []
            running = asyncio.ensure_future(lanes.run("a", gate.wait))
            waiting = asyncio.ensure_future(lanes.run("a", lambda: seen.append("cancelled")))
            last = asyncio.ensure_future(lanes.run("a", lambda: seen.append("last")))
            await asyncio.sleep(0)
            running.cancel()
            waiting.cancel()
            await asyncio.wait([running, waiting])
            await asyncio.sleep(0.05)
            assert not seen, "the thread of the one who went still has the lane"
            gate.set()
            await last
            assert seen == ["last"]
            assert len(lanes) == 0

        run(main)

    def test_a_turn_that_nobody_takes_is_passed_on(self, pool: ThreadPoolExecutor) -> None:
        async def main() -> None:
            lanes, gate = Lanes(pool), threading.Event()
            first = asyncio.ensure_future(lanes.run("a", gate.wait))
            second = asyncio.ensure_future(lanes.run("a", lambda: 2))
            third = asyncio.ensure_future(lanes.run("a", lambda: 3))
            # Cancelled in the loop's very step in which its turn comes.
            first.add_done_callback(lambda _: second.cancel())
            await asyncio.sleep(0)
            gate.set()
            await first
            assert await third == 3
            assert len(lanes) == 0

        run(main)
