"""Envelope encryption, with KMS's own client against its sandbox."""

from collections.abc import Iterator

import pytest
import requests

from konnect import clock, encryption
from konnect.config import load
from konnect.context import Context
from konnect.encryption import Unreadable
from konnect.errors import Unavailable
from konnect.store import Query
from local.environment import KMS_KEY
from local.sandboxes import background
from local.sandboxes.kms import KmsSandbox
from tests.support import at_once, new_context

ABOUT = "users/asha/birth"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[KmsSandbox]:
    with background(made := KmsSandbox(0)):
        yield made


@pytest.fixture
def ctx(sandbox: KmsSandbox) -> Context:
    return new_context(load().model_copy(update={"kms_url": sandbox.url, "kms_key": KMS_KEY}))


def restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new process, which has no keys."""
    monkeypatch.setattr(encryption, "_keys", {})
    monkeypatch.setattr(encryption, "_newest", {})


def test_what_is_sealed_is_read_again_by_any_process(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = encryption.seal(ctx, "1990-02-03 06:15 पुणे", ABOUT)
    assert "1990" not in sealed
    assert sealed != encryption.seal(ctx, "1990-02-03 06:15 पुणे", ABOUT)
    restarted(monkeypatch)
    assert encryption.unseal(ctx, sealed, ABOUT) == "1990-02-03 06:15 पुणे"
    [key] = Query(("encryptionKeys",)).run(ctx.db)
    assert encryption._keys[ctx.db.project, 1] not in key["wrapped"]


def test_nothing_else_is_read(ctx: Context) -> None:
    sealed = encryption.seal(ctx, "765432123456789", ABOUT)
    head, _, body = sealed.rpartition(".")
    changed = body[:20] + ("A" if body[20] != "A" else "B") + body[21:]
    for wrong in (f"{head}.{changed}", f"{head}.", f"v1.7.{body}", f"v2.1.{body}", "765432123456789", ""):
        with pytest.raises(Unreadable):
            encryption.unseal(ctx, wrong, ABOUT)
    with pytest.raises(Unreadable):
        encryption.unseal(ctx, sealed, "users/meera/birth")


def test_rotation_of_both_keys_leaves_old_data_readable(
    ctx: Context, sandbox: KmsSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = encryption.seal(ctx, "old", ABOUT)
    hashed = encryption.digest(ctx, "+919800000001", "phone")
    requests.post(f"{sandbox.url}/sandbox/rotate", timeout=60).raise_for_status()
    assert encryption.rotate(ctx, {}, clock.now()) == {"key": 2}
    restarted(monkeypatch)
    second = encryption.seal(ctx, "new", ABOUT)
    assert [one.split(".")[1] for one in (first, second)] == ["1", "2"]
    assert [encryption.unseal(ctx, one, ABOUT) for one in (first, second)] == ["old", "new"]
    assert encryption.digest(ctx, "+919800000001", "phone") == hashed
    assert encryption.digest(ctx, "+919800000001", "mail") != hashed
    assert encryption.digest(ctx, "+919800000002", "phone") != hashed


def test_twenty_first_uses_at_once_take_one_key(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = at_once(20, lambda index: encryption.seal(ctx, str(index), ABOUT))
    assert len(Query(("encryptionKeys",)).run(ctx.db)) == 1
    restarted(monkeypatch)
    assert [encryption.unseal(ctx, str(one), ABOUT) for one in sealed] == [str(index) for index in range(20)]


def test_kms_out_of_reach_loses_nothing(ctx: Context, sandbox: KmsSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = encryption.seal(ctx, "kept", ABOUT)
    restarted(monkeypatch)
    away = new_context(ctx.settings.model_copy(update={"kms_url": "http://127.0.0.1:9", "kms_timeout_s": 0.5}))
    with pytest.raises(Unavailable):
        encryption.seal(away, "x", ABOUT)
    assert Query(("encryptionKeys",)).run(away.db) == []
    requests.post(f"{sandbox.url}/sandbox/faults", json={"status": 403}, timeout=60).raise_for_status()
    with pytest.raises(Unavailable):
        encryption.unseal(ctx, sealed, ABOUT)
    assert encryption.unseal(ctx, sealed, ABOUT) == "kept"
