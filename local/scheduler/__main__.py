"""`python -m local.scheduler JOB`: run a scheduled function of the running stack now, and print the outcome."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import quote

from local.environment import Files, read_export_lines
from local.ports import PortError, Ports, environment_base

# A function's own limit ends a run; this ends the wait for a stack that hangs.
TIMEOUT_S = 1830


def console_url(environ: Mapping[str, str] = os.environ) -> str:
    """CONSOLE_URL, else what the running stack of this PORT_BASE wrote to its env file, else that base's port."""
    if environ.get("CONSOLE_URL"):
        return environ["CONSOLE_URL"].rstrip("/")
    ports = Ports.parse(environment_base(environ))
    env_file = Files.of(ports, environ).env
    written = read_export_lines(env_file.read_text(encoding="utf-8")) if env_file.exists() else {}
    return written.get("CONSOLE_URL") or ports.url("console")


def main(arguments: list[str]) -> int:
    """Exit status: 0 if the job answered 2xx, 1 if not, 2 for wrong usage."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m local.scheduler JOB   (make run-job JOB=…)", file=sys.stderr)
        return 2
    try:
        url = console_url()
    except PortError as error:
        print(error, file=sys.stderr)
        return 1
    request = urllib.request.Request(f"{url}/jobs/{quote(arguments[0], safe='')}/run", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            outcome = json.load(response)
    except urllib.error.HTTPError as error:
        answer = error.read().decode(errors="replace")
        print(json.loads(answer)["error"]["message"] if error.code == 404 else f"{error}: {answer}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"no console at {url}: {error}. Is the stack up (make up)?", file=sys.stderr)
        return 1
    status = outcome["status"] or "no answer"
    print(f"{outcome['job']}: {status} in {outcome['elapsedMs']} ms")
    if outcome["body"]:
        print(outcome["body"])
    return 0 if outcome["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
