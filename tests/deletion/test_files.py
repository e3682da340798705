"""A deleted account's files: gone with it, and so is what still comes by a URL that was out."""

from datetime import timedelta

import pytest
import requests

from konnect import auth
from konnect.auth import Principal
from konnect.deletion import service, tasks
from tests.support import START, kept_tasks
from tests.uploads.conftest import PDF, Desk, desk

__all__ = ["desk"]

EXPIRES = START + timedelta(hours=1)


def test_gone_with_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "delete_account", lambda uid, **_: None)
    desk.session(status="completed")
    desk.uploaded("meera", "photo")
    desk.by_sdk("resumes/meera/cv.pdf")
    others = desk.uploaded("asha")
    late = desk.begin("meera").json()
    # Not for one whose account stays.
    tasks.erase_files(desk.ctx, {"uid": "asha"}, START)
    who = Principal("meera", "meera@konnect.test", True, "Meera", "user", EXPIRES, False, START, START)
    service.request(desk.ctx, who, now=START)
    service.run(desk.ctx, "meera", now=START)
    assert desk.paths() == [others["path"]]
    assert requests.put(late["url"], data=PDF, headers=late["headers"], timeout=60).status_code == 200
    [task] = kept_tasks(desk.ctx).keyed("erase-files")
    assert task.at == START + timedelta(minutes=desk.ctx.settings.upload_url_minutes + 1)
    for _ in range(2):
        tasks.erase_files(desk.ctx, task.payload, START)
        assert desk.paths() == [others["path"]]
    assert [desk.ctx.db.get("uploads", upload["id"]) is None for upload in (late, others)] == [True, False]
