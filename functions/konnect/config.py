"""All settings, read once from the environment. Local defaults work with no .env.

Every process of Konnect reads its ports, project, secrets and prices here and nowhere else. `check_deployed` is the
guard between the local stack and the cloud: deployed code refuses what only the local stack may use.
"""

import os
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LOCAL_PORT_BASE = 8400
GOOGLE_ISSUER = "https://accounts.google.com"
GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs"
GOOGLE_SHEETS_URL = "https://sheets.googleapis.com"
FCM_URL = "https://fcm.googleapis.com"
GOOGLE_STORAGE_URL = "https://storage.googleapis.com"
FIREBASE_STORAGE_URL = "https://firebasestorage.googleapis.com"
GOOGLE_IAM_CREDENTIALS_URL = "https://iamcredentials.googleapis.com"
GOOGLE_KMS_URL = "https://cloudkms.googleapis.com"
MINUTE_S = 60.0
ONLY_LOCALLY_OTHERWISE: dict[str, Any] = {
    "firestore_emulator_host": "",
    "firebase_auth_emulator_host": "",
    "pubsub_emulator_host": "",
    "cloud_tasks_emulator_host": "",
    "storage_emulator_host": "",
    "oidc_issuer": GOOGLE_ISSUER,
    "oidc_certs_url": GOOGLE_CERTS_URL,
    "sheets_url": GOOGLE_SHEETS_URL,
    "fcm_url": FCM_URL,
    "iam_credentials_url": GOOGLE_IAM_CREDENTIALS_URL,
    "kms_url": GOOGLE_KMS_URL,
    "minute_s": MINUTE_S,
    "rate_limit_factor": 1,
}
"""What a deployed service must not change."""


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
    storage_emulator_host: str = ""
    """With its scheme, as google-cloud-storage reads it."""

    # Cloud Tasks
    tasks_queue: str = "tasks"
    tasks_url: str = ""
    """Base URL of the `tasks` function; a task's path is appended. Also the audience of its token."""
    tasks_service_account: str = "tasks@demo-konnect.iam.gserviceaccount.com"
    oidc_issuer: str = GOOGLE_ISSUER
    oidc_certs_url: str = GOOGLE_CERTS_URL

    # Sign-in with a password (/auth, /api/v1/users), by Firebase Auth
    firebase_api_key: str = ""
    """The project's Web API key. Without one these answer 503; sign-in by Firebase's SDKs needs none here."""

    # Realtime
    realtime_topic: str = "realtime"
    emit_timeout_s: float = 0.5
    messages_per_minute: int = Field(default=30, ge=1)
    """Of one user, by socket and HTTP together."""

    # Razorpay
    razorpay_url: str = "https://api.razorpay.com"
    razorpay_key_id: str = ""
    razorpay_key_secret: str = ""
    razorpay_webhook_secret: str = ""
    razorpay_timeout_s: float = 10.0
    razorpay_plan_pro: str = ""
    """Razorpay's id of the plan ("plan_…"). Without one, or where its price is another, a plan is made once a price."""
    razorpay_plan_premium: str = ""

    # Stripe: courses. Without a key they are paid from the wallet alone, and create-checkout answers 503
    stripe_url: str = "https://api.stripe.com"
    stripe_secret_key: str = ""
    """"sk_live_…", or a restricted key that may write checkout sessions and refunds, and read disputes and events."""
    stripe_webhook_secret: str = ""
    """Of the endpoint POST /api/v1/payments/webhook: "whsec_…"."""
    stripe_timeout_s: float = 10.0

    # RazorpayX: payouts. Without an account number, withdrawals are settled by hand
    razorpayx_account_number: str = ""
    """The account that payouts are paid from: the current account, or RazorpayX Lite's customer identifier."""
    razorpayx_webhook_secret: str = ""
    """Of the webhooks about payouts, which have a dashboard of their own; without one, RAZORPAY_WEBHOOK_SECRET."""
    payout_narration: str = Field(default="Konnect earnings", pattern=r"^[A-Za-z0-9 ]{1,30}$")
    """What the bank statement of a payout's receiver says."""

    # Google Sheets
    sheets_url: str = GOOGLE_SHEETS_URL
    sheets_timeout_s: float = 30.0

    # Cloud Storage
    storage_bucket: str = ""
    """Empty: Firebase's default bucket (`bucket`)."""
    storage_timeout_s: float = 10.0
    iam_credentials_url: str = GOOGLE_IAM_CREDENTIALS_URL
    """Signs the URLs of uploads and downloads: a function has no private key."""
    upload_url_minutes: int = Field(default=15, ge=1, le=60)

    # Cloud KMS: wraps the keys that bank accounts and birth details are encrypted with
    kms_key: str = ""
    """projects/{project}/locations/{region}/keyRings/{ring}/cryptoKeys/{key}."""
    kms_url: str = GOOGLE_KMS_URL
    kms_timeout_s: float = 10.0

    # Mail, by SMTP; without a host it waits
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_tls: Literal["starttls", "implicit", "none"] = "starttls"
    smtp_timeout_s: float = 10.0
    mail_from: str = ""
    """The sender: "Konnect <no-reply@…>"."""

    # Push, by Firebase Cloud Messaging
    fcm_url: str = FCM_URL
    fcm_timeout_s: float = 5.0

    # The frontend that mails and pushes lead to: "https://app.example.com"; without it they have no links
    app_url: str = ""

    # Signaling's GET /metrics
    metrics_networks: str = "127.0.0.0/8,::1/128"
    """Who may read it, separated by commas: a collector beside it. What a proxy forwards is refused in any case."""

    # Calls
    stun_urls: str = "stun:stun.l.google.com:19302"
    """Separated by commas, as `turn_urls` are ("turn:turn.example.com:3478?transport=udp"); "none" for no server."""
    turn_urls: str = "none"
    turn_secret: str = ""
    """coturn's `static-auth-secret`; without it calls have STUN alone."""
    turn_ttl_s: int = Field(default=3600, ge=60, le=24 * 3600)

    # Calls of bookings, by Jitsi. Without an app id: rooms that are open to whoever knows their name (meet.jit.si)
    jitsi_url: str = Field(default="https://meet.jit.si", pattern=r"^https?://[^/?#]+/?$")
    """The server: one's own, or "https://8x8.vc" for 8x8's JaaS."""
    jitsi_app_id: str = ""
    """Prosody's `app_id`, or JaaS's AppID ("vpaas-magic-cookie-…")."""
    jitsi_app_secret: str = ""
    """Prosody's `app_secret`: tokens are signed with it (HS256)."""
    jitsi_private_key: str = ""
    """JaaS's API key in PEM (RS256), its lines separated by line breaks or by \\n."""
    jitsi_key_id: str = ""
    """That key's id as JaaS's console shows it: "{AppID}/{key}"."""
    jitsi_webhook_secret: str = ""
    """Of the webhook POST /api/webhooks/jitsi, in JaaS's format; without it every event is refused."""
    recording_max_mb: int = Field(default=2048, ge=1, le=5120)
    """A larger recording is left where it is."""

    # OpenTelemetry's own variables: spans go to {endpoint}/v1/traces by OTLP/HTTP. Without an endpoint there are none
    otel_exporter_otlp_endpoint: str = Field(default="", pattern=r"^(https?://[^?#]+)?$")
    otel_exporter_otlp_headers: str = ""
    """"name=value,name=value", values percent-encoded: a collector's key."""
    otel_exporter_otlp_timeout: float = Field(default=2.0, gt=0, le=60)
    """Seconds, as Python's SDK counts them. A function's request waits for its spans to be sent."""
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    otel_service_name: str = ""
    """Empty: the service's or function's name (K_SERVICE)."""
    otel_traces_sampler: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ] = "parentbased_always_on"
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)
    otel_sdk_disabled: bool = False

    # HTTP
    cors_origins: str = "http://localhost:3000,http://localhost:5173"
    log_level: str = "INFO"
    trusted_proxies: int = Field(default=1, ge=0, le=5)
    """How many entries stand behind the client's in X-Forwarded-For: Google's load balancer appends the client and
    itself. 0 without one in front of the functions."""

    # Rate limits: requests in 15 minutes (bookings, progress: in one), a user, or an address while nobody is signed in
    rate_limit_general: int = Field(default=100, ge=1)
    rate_limit_auth: int = Field(default=20, ge=1)
    rate_limit_payments: int = Field(default=20, ge=1)
    rate_limit_admin: int = Field(default=500, ge=1)
    rate_limit_bookings: int = Field(default=5, ge=1)
    rate_limit_coupons: int = Field(default=20, ge=1)
    rate_limit_progress: int = Field(default=30, ge=1)
    rate_limit_factor: int = Field(default=1, ge=1)
    """Of them all. Only the local stack may raise it: tests and the bench do in seconds what people do in days."""

    # Time. Real minutes have 60 seconds; only the local stack may shorten one (the demo, the tests).
    minute_s: float = Field(default=MINUTE_S, gt=0)
    absence_s: float = Field(default=60, ge=10, le=600)
    """How long either side of a session by the minute, or of a consult, may be away before that ends it: seconds of a
    real minute. Who comes back in time pays for what the expert has not missed of it."""
    grace_s: float = Field(default=30, ge=10, le=600)
    """How long a session by the minute waits for a deposit once the wallet is empty: seconds of a real minute. Without
    one, the minutes that come due in it are free."""

    @model_validator(mode="after")
    def check_ice_urls(self) -> Self:
        """Refuse what a browser would refuse, in every call: an ICE URL of another scheme."""
        for name, urls in (("stun", self.stun_url_list), ("turn", self.turn_url_list)):
            wrong = [url for url in urls if not url.startswith((f"{name}:", f"{name}s:"))]
            if wrong:
                raise ValueError(f"{name.upper()}_URLS: not a {name}: URL: {', '.join(wrong)}")
        return self

    @model_validator(mode="after")
    def check_metrics_networks(self) -> Self:
        """Refuse what is no network."""
        for one in _listed(self.metrics_networks):
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"METRICS_NETWORKS: not a network: {one}") from None
        return self

    @model_validator(mode="after")
    def check_stripe(self) -> Self:
        """Refuse half a configuration, with which people would pay and nobody would hear of it."""
        if bool(self.stripe_secret_key) != bool(self.stripe_webhook_secret):
            raise ValueError("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET belong together")
        return self

    @model_validator(mode="after")
    def check_jitsi(self) -> Self:
        """Refuse half a configuration, with which every call would open without a token, or with a wrong one."""
        if self.jitsi_app_secret and self.jitsi_private_key:
            raise ValueError("JITSI_APP_SECRET or JITSI_PRIVATE_KEY, not both")
        if bool(self.jitsi_private_key) != bool(self.jitsi_key_id):
            raise ValueError("JITSI_PRIVATE_KEY and JITSI_KEY_ID belong together")
        if bool(self.jitsi_app_id) != bool(self.jitsi_app_secret or self.jitsi_private_key):
            raise ValueError("JITSI_APP_ID belongs to JITSI_APP_SECRET, or to JITSI_PRIVATE_KEY")
        return self

    @model_validator(mode="after")
    def check_deployed(self) -> Self:
        """Refuse, when deployed (K_SERVICE is set), all that only the local stack may use."""
        if not self.k_service:
            return self
        wrong = [name.upper() for name, value in ONLY_LOCALLY_OTHERWISE.items() if getattr(self, name) != value]
        if self.smtp_tls == "none":
            wrong.append("SMTP_TLS=none")
        if not self.jitsi_url.startswith("https:"):
            wrong.append("JITSI_URL without https")
        if not self.stripe_url.startswith("https:"):
            wrong.append("STRIPE_URL without https")
        if wrong:
            raise ValueError(f"not allowed in a deployed service (K_SERVICE is set): {', '.join(wrong)}")
        missing = [
            name.upper()
            for name in ("tasks_url", "razorpay_key_id", "razorpay_key_secret", "razorpay_webhook_secret", "kms_key")
            if not getattr(self, name)
        ]
        if self.smtp_host and not self.mail_from:
            missing.append("MAIL_FROM")
        if missing:
            raise ValueError(f"missing in a deployed service: {', '.join(missing)}")
        return self

    @property
    def payout_webhook_secret(self) -> str:
        return self.razorpayx_webhook_secret or self.razorpay_webhook_secret

    @property
    def cors_origin_list(self) -> list[str]:
        return _listed(self.cors_origins)

    @property
    def stun_url_list(self) -> list[str]:
        return [] if self.stun_urls == "none" else _listed(self.stun_urls)

    @property
    def turn_url_list(self) -> list[str]:
        return [] if self.turn_urls == "none" else _listed(self.turn_urls)

    @property
    def metrics_network_list(self) -> list[str]:
        return _listed(self.metrics_networks)

    @property
    def bucket(self) -> str:
        """The one bucket of all files. Firebase's default for projects before 30 October 2024, {project}.appspot.com,
        has to be named by STORAGE_BUCKET."""
        return self.storage_bucket or f"{self.google_cloud_project}.firebasestorage.app"

    @property
    def storage_url(self) -> str:
        """Where objects are read and written by signed URL: {storage_url}/{bucket}/{path}."""
        return (self.storage_emulator_host or GOOGLE_STORAGE_URL).rstrip("/")

    @property
    def firebase_storage_url(self) -> str:
        """Where storage.rules decide: {firebase_storage_url}/v0/b/{bucket}/o/{escaped path}?alt=media."""
        return (self.storage_emulator_host or FIREBASE_STORAGE_URL).rstrip("/")

    def seconds(self, real_s: float) -> float:
        """A duration of the product (60 s of a minute, 30 s of grace) as this process counts it."""
        return real_s * self.minute_s / MINUTE_S


def _listed(value: str) -> list[str]:
    return [one.strip() for one in value.split(",") if one.strip()]


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
