import asyncio
import os
import time
from pathlib import Path

import pytest

from local.processes import Child, ChildError


def child(tmp_path: Path, script: str) -> Child:
    return Child("worker", ["sh", "-c", script], tmp_path / "worker.log", os.environ, tmp_path, stop_timeout_s=2)


def holds_text(path: Path) -> bool:
    return path.exists() and bool(path.read_text().strip())


async def is_there(path: Path) -> bool:
    return holds_text(path)


def ends(pid: int) -> bool:
    """Whether the process goes within half a minute; a zombie is gone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "], ids=["willing", "deaf to SIGTERM"])
def test_stop_ends_grandchildren_too(tmp_path: Path, trap: str):
    async def run() -> tuple[int, int]:
        process = child(tmp_path, f"{trap}sleep 600 & echo $! > grandchild; wait; wait")
        await process.start()
        await process.wait_ready(lambda: is_there(tmp_path / "grandchild"), 60)
        pid = process.pid
        assert pid
        await process.stop()
        return pid, int((tmp_path / "grandchild").read_text())

    assert all(ends(pid) for pid in asyncio.run(run()))


def test_death_is_told_with_the_end_of_the_log(tmp_path: Path):
    async def run() -> str:
        process = child(tmp_path, "echo one; echo the reason >&2; exit 3")
        await process.start()
        return await process.died()

    message = asyncio.run(run())
    assert "worker ended with code 3" in message
    assert message.endswith("one\nthe reason")


def test_death_by_signal_names_it(tmp_path: Path):
    async def run() -> str:
        process = child(tmp_path, "kill -KILL $$")
        await process.start()
        return await process.died()

    assert "worker was ended by SIGKILL" in asyncio.run(run())


def test_waiting_ends_with_the_process_or_the_time(tmp_path: Path):
    async def never() -> bool:
        return False

    async def run(script: str, timeout_s: float) -> None:
        process = child(tmp_path, script)
        await process.start()
        try:
            await process.wait_ready(never, timeout_s)
        finally:
            await process.stop()

    with pytest.raises(ChildError, match=r"(?s)ended with code 1.*no such luck"):
        asyncio.run(run("echo no such luck; exit 1", 60))
    with pytest.raises(ChildError, match=r"did not answer within 0\.2 s"):
        asyncio.run(run("sleep 600", 0.2))


def test_missing_program_is_an_error(tmp_path: Path):
    process = Child("worker", [str(tmp_path / "none")], tmp_path / "log", os.environ, tmp_path)

    async def run() -> str:
        await process.start()
        return await process.died()

    try:
        # With setpriv in front the program is looked for in the child.
        message = asyncio.run(run())
    except ChildError as error:
        message = str(error)
    assert "worker" in message
    assert "none" in message
