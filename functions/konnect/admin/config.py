"""The platform's configuration as admins see and change it: versioned, checked, audited."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from konnect import audit, platform
from konnect.context import Context
from konnect.errors import Conflict
from konnect.http.validation import bad_request
from konnect.platform import PlatformConfig
from konnect.rates import service as rates
from konnect.store import Doc, Tx


def current(ctx: Context) -> dict[str, Any]:
    """Every value, defaults included, with version, updatedAt and updatedBy. Read from the document, not the cache."""
    return _view(ctx.db.get("config", "platform") or {})


def change(
    ctx: Context, fields: dict[str, Any], *, by: str, reason: str | None, version: int | None, now: datetime
) -> dict[str, Any]:
    """Change values; every instance follows within a minute (platform.CACHE_S). A change to what is already so makes no
    version. `version`: the one that the admin saw, None for whichever it is.

    Raises BadRequest, Conflict (VERSION_CONFLICT).
    """

    def work(tx: Tx) -> dict[str, Any]:
        stored = tx.get("config", "platform") or {}
        before = _view(stored)
        if stored.get("updatedAt") == now and stored.get("updatedBy") == by:
            # This very change, after a commit that was in doubt.
            return before
        if version is not None and version != before["version"]:
            raise Conflict(
                f"the configuration is at version {before['version']} by now",
                code="VERSION_CONFLICT",
                details=[{"version": before["version"]}],
            )
        changed = {name: value for name, value in fields.items() if before.get(name) != value}
        if not changed:
            return before
        try:
            config = platform.change(tx, changed, updatedAt=now, updatedBy=by)
        except ValidationError as error:
            raise bad_request(error, where="body") from error
        rates.changed(tx, config, by=by, now=now)
        after = _view(tx.get("config", "platform") or {})
        audit.write(
            tx,
            actor=by,
            action="config.change",
            target="config/platform",
            before={name: before.get(name) for name in changed} | {"version": before["version"]},
            after={name: after[name] for name in changed} | {"version": after["version"]},
            reason=reason,
            now=now,
        )
        return after

    result = ctx.run(work)
    platform.forget(ctx.db)
    return result


def _view(stored: Doc) -> dict[str, Any]:
    return {
        **PlatformConfig.model_validate(stored).model_dump(),
        "version": stored.get("version", 0),
        "updatedAt": stored.get("updatedAt"),
        "updatedBy": stored.get("updatedBy"),
    }
