"""Signaling's answers over HTTP: health, and Engine.IO's polling."""

import pytest
import requests

from konnect import ids

PATHS = ["/health", "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
def test_each_answer_names_its_request(stack_env: dict[str, str], path: str) -> None:
    url = stack_env["SIGNALING_1_URL"] + path
    answer = requests.get(url, headers={"X-Request-Id": "poll-1.2"}, timeout=60)
    assert answer.headers["X-Request-Id"] == "poll-1.2"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    made = requests.get(url, headers={"X-Request-Id": "<script>"}, timeout=60).headers["X-Request-Id"]
    assert ids.valid(made)


@pytest.mark.parametrize("path", [*PATHS, "/index.html"])
def test_also_through_the_gateway(stack_env: dict[str, str], path: str) -> None:
    answer = requests.get(stack_env["API_URL"] + path, timeout=60)
    assert len(answer.headers["X-Request-Id"]) == 20
