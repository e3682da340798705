"""`make reconcile` on a database of one's own: what it prints, and its exit code."""

import os
import subprocess
import sys

from konnect.context import Context
from local.environment import child_environ
from tests.support import give


def reconcile(ctx: Context) -> subprocess.CompletedProcess[str]:
    env = {
        "FIRESTORE_EMULATOR_HOST": os.environ["FIRESTORE_EMULATOR_HOST"],
        "GOOGLE_CLOUD_PROJECT": ctx.db.project,
    }
    command = [sys.executable, "-m", "local.reconcile"]
    return subprocess.run(command, env=child_environ(env), capture_output=True, text=True, timeout=120, check=False)


def test_books_that_are_right(ctx: Context) -> None:
    give(ctx, "meera", 12_50)
    done = reconcile(ctx)
    assert done.returncode == 0, done.stderr
    assert "reconcile: ok" in done.stdout
    assert "12.50" in done.stdout


def test_books_that_are_wrong(ctx: Context) -> None:
    give(ctx, "meera", 12_50)
    ctx.db.set(("wallets", "meera"), {"balancePaise": 12_51}, merge=True)
    done = reconcile(ctx)
    assert done.returncode == 1
    assert "wallet:meera: 1251 paise written, 1250 by its movements" in done.stdout
    assert "reconcile: differs" in done.stdout
