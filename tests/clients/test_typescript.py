"""The TypeScript types: generated, checked by tsc with a program of their own, which then runs against the stack."""

import json
import os
import subprocess
from pathlib import Path

from local.clients import SocketClients
from tests import people

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"


def run(*command: str, **env: str) -> str:
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_typed_example_compiles_and_chats_for_a_minute(stack_env: dict[str, str]) -> None:
    build = CLIENT / "generated" / "build"
    run("node", str(CLIENT / "generate.mjs"))
    run("node_modules/.bin/tsc", "-p", str(CLIENT), "--noEmit", "false", "--outDir", str(build))
    meera, asha = people.user(stack_env, rupees=5000), people.expert(stack_env, pricePerMin=20)
    with SocketClients(stack_env) as sockets:
        sockets.connect("asha", stack_env["SIGNALING_1_URL"], auth={"token": asha.token, "userType": "expert"})
        sockets.call("asha", "register", {"userType": "expert", "name": asha.name})
        said = run(
            "node", str(build / "example.js"), API_URL=stack_env["API_URL"], TOKEN=meera.token, EXPERT_ID=asha.uid
        )
    shown = [json.loads(line) for line in said.splitlines()]
    assert shown[0] == {"balance": 5000}
    assert shown[1] == {"charged": 20}
    assert shown[2] == {"status": "completed", "endReason": "user-ended"}
