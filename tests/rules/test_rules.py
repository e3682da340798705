"""firestore.rules against the table of who may do what (table.mjs), with full coverage of the rules."""

import os
import subprocess
from pathlib import Path
from uuid import uuid4

HERE = Path(__file__).parent
TIMEOUT_S = 200


def test_rules(stack_env: dict[str, str]) -> None:
    result = subprocess.run(
        ["node", "--test", "--test-reporter=spec", str(HERE / "rules.test.mjs")],
        env={**os.environ, **stack_env, "RULES_PROJECT": f"demo-rules-{uuid4().hex[:8]}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout
