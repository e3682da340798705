"""All settings, read once from the environment. Local defaults work with no .env.

Every process of Konnect reads its ports, project, secrets and prices here and nowhere else. `check_deployed` is the
guard between the local stack and the cloud: deployed code refuses what only the local stack may use.
"""

import os
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LOCAL_PORT_BASE = 8400
GOOGLE_ISSUER = "https://accounts.google.com"
GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs"
GOOGLE_SHEETS_URL = "https://sheets.googleapis.com"
MINUTE_S = 60.0


class ConfigError(RuntimeError):
    """The environment is contradictory or unsafe: the process must not start."""


class Settings(BaseModel):
    """Settings of one process. Each field is the environment variable of the same name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # Where we are
    google_cloud_project: str = "demo-konnect"
    k_service: str = ""
    region: str = "asia-south1"
    port_base: int = LOCAL_PORT_BASE

    # Emulators: empty in the cloud
    firestore_emulator_host: str = ""
    firebase_auth_emulator_host: str = ""
    pubsub_emulator_host: str = ""
    cloud_tasks_emulator_host: str = ""

    # Cloud Tasks
    tasks_queue: str = "tasks"
    tasks_url: str = ""
    """Base URL of the `tasks` function; a task's path is appended. Also the audience of its token."""
    tasks_service_account: str = "tasks@demo-konnect.iam.gserviceaccount.com"
    oidc_issuer: str = GOOGLE_ISSUER
    oidc_certs_url: str = GOOGLE_CERTS_URL

    # Realtime
    realtime_topic: str = "realtime"
    emit_timeout_s: float = 0.5

    # Razorpay
    razorpay_url: str = "https://api.razorpay.com"
    razorpay_key_id: str = ""
    razorpay_key_secret: str = ""
    razorpay_webhook_secret: str = ""
    razorpay_timeout_s: float = 10.0

    # Google Sheets
    sheets_url: str = GOOGLE_SHEETS_URL
    sheets_timeout_s: float = 30.0

    # Mail, by SMTP; without a host it waits
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_tls: Literal["starttls", "implicit", "none"] = "starttls"
    smtp_timeout_s: float = 10.0
    mail_from: str = ""
    """The sender: "Konnect <no-reply@…>"."""

    # HTTP
    cors_origins: str = "http://localhost:3000,http://localhost:5173"
    log_level: str = "INFO"

    # Time. Real minutes have 60 seconds; only the local stack may shorten one (the demo, the tests).
    minute_s: float = Field(default=MINUTE_S, gt=0)

    @model_validator(mode="after")
    def check_deployed(self) -> Self:
        """Refuse, when deployed (K_SERVICE is set), all that only the local stack may use."""
        if not self.k_service:
            return self
        wrong = [
            name.upper()
            for name in (
                "firestore_emulator_host",
                "firebase_auth_emulator_host",
                "pubsub_emulator_host",
                "cloud_tasks_emulator_host",
            )
            if getattr(self, name)
        ]
        if self.oidc_issuer != GOOGLE_ISSUER:
            wrong.append("OIDC_ISSUER")
        if self.oidc_certs_url != GOOGLE_CERTS_URL:
            wrong.append("OIDC_CERTS_URL")
        if self.sheets_url != GOOGLE_SHEETS_URL:
            wrong.append("SHEETS_URL")
        if self.minute_s != MINUTE_S:
            wrong.append("MINUTE_S")
        if self.smtp_tls == "none":
            wrong.append("SMTP_TLS=none")
        if wrong:
            raise ValueError(f"not allowed in a deployed service (K_SERVICE is set): {', '.join(wrong)}")
        missing = [
            name.upper()
            for name in ("tasks_url", "razorpay_key_id", "razorpay_key_secret", "razorpay_webhook_secret")
            if not getattr(self, name)
        ]
        if self.smtp_host and not self.mail_from:
            missing.append("MAIL_FROM")
        if missing:
            raise ValueError(f"missing in a deployed service: {', '.join(missing)}")
        return self

    @property
    def cors_origin_list(self) -> list[str]:
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    def seconds(self, real_s: float) -> float:
        """A duration of the product (60 s of a minute, 30 s of grace) as this process counts it."""
        return real_s * self.minute_s / MINUTE_S


def load(environ: dict[str, str] | None = None) -> Settings:
    """Read the settings of `environ` (by default the process's). Raises ConfigError, naming each variable."""
    source = os.environ if environ is None else environ
    known: dict[str, Any] = {
        name: source[name.upper()] for name in Settings.model_fields if source.get(name.upper(), "") != ""
    }
    try:
        return Settings.model_validate(known)
    except ValueError as error:
        raise ConfigError(str(error)) from error


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return load()
