"""The platform's configuration: config/platform, with defaults; read at most once a minute an instance."""

import threading
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .money import Rupees, to_paise
from .store import Database, Tx

CACHE_S = 60.0


class PlatformConfig(BaseModel):
    """Numbers an admin may change. Defaults are the product's (specs of Konnect, configuration)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    maxConcurrentMentors: int = Field(default=50, ge=1)  # noqa: N815 - the wire's names
    maxSessionsPerMentor: int = Field(default=1, ge=1, le=10)  # noqa: N815
    defaultPricePerMin: Rupees = 10  # noqa: N815
    platformFeePercent: float = Field(default=20, ge=0, le=100)  # noqa: N815
    maxSessionDurationMins: int = Field(default=120, ge=1)  # noqa: N815

    @property
    def default_price_paise(self) -> int:
        return to_paise(self.defaultPricePerMin)


_cache: dict[str, tuple[float, PlatformConfig]] = {}
_lock = threading.Lock()


def platform_config(db: Database) -> PlatformConfig:
    """The configuration, at most a minute old."""
    with _lock:
        cached = _cache.get(db.project)
    if cached and time.monotonic() - cached[0] < CACHE_S:
        return cached[1]
    config = PlatformConfig.model_validate(db.get("config", "platform") or {})
    with _lock:
        _cache[db.project] = (time.monotonic(), config)
    return config


def forget(db: Database) -> None:
    """Drop what this instance remembers, after the document was changed here."""
    with _lock:
        _cache.pop(db.project, None)


def change(tx: Tx, fields: dict[str, Any], **about: Any) -> PlatformConfig:
    """Write changed fields as the next version; each stays under config/platform/versions/{n}. `about`: who and when.

    Raises ValueError (pydantic's) for a value out of range.
    """
    before = tx.get("config", "platform") or {}
    config = PlatformConfig.model_validate({**before, **fields})
    written = {**config.model_dump(), "version": before.get("version", 0) + 1, **about}
    tx.set(("config", "platform"), written)
    tx.create(("config", "platform", "versions", str(written["version"])), written)
    return config
