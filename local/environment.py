"""The environment of a stack: what its processes and its clients are told, and where its files are."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.manifest import ROOT
from local.ports import DEFAULT_PORT_BASE, HOST, Ports, address, url

PROJECT = "demo-konnect"
REGION = "asia-south1"
REALTIME_TOPIC = "realtime"
APP_URL = "http://localhost:3000"
BUCKET = f"{PROJECT}.firebasestorage.app"
KMS_KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/konnect/cryptoKeys/data"

# Known to both ends of the sandbox; they open nothing else.
RAZORPAY_KEY_ID = "rzp_test_local"
RAZORPAY_KEY_SECRET = "local-key-secret"
RAZORPAY_WEBHOOK_SECRET = "local-webhook-secret"
RAZORPAYX_ACCOUNT_NUMBER = "7878780080316316"
RAZORPAYX_WEBHOOK_SECRET = "local-payout-webhook-secret"
STRIPE_SECRET_KEY = "sk_test_local"
STRIPE_WEBHOOK_SECRET = "whsec_local"
JITSI_WEBHOOK_SECRET = "local-jitsi-webhook-secret"

# What would lead Google's clients away from the emulators, or our processes into the guard of deployed code.
_FOREIGN = ("GOOGLE_APPLICATION_CREDENTIALS", "GCLOUD_PROJECT", "K_SERVICE", "FUNCTION_TARGET", "FIREBASE_CONFIG")


@dataclass(frozen=True)
class Files:
    """The folder of one stack: `.local/`, or `.local/{PORT_BASE}/` with another base, or LOCAL_DIR."""

    folder: Path

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def env(self) -> Path:
        """`export` lines for a shell, written when everything answers."""
        return self.folder / "env"

    @property
    def ready(self) -> Path:
        """Exists while everything answers."""
        return self.folder / "ready"

    @classmethod
    def of(cls, ports: Ports, environ: Mapping[str, str] = os.environ) -> "Files":
        if environ.get("LOCAL_DIR"):
            return cls(Path(environ["LOCAL_DIR"]).resolve())
        folder = ROOT / ".local"
        return cls(folder if ports.base == DEFAULT_PORT_BASE else folder / str(ports.base))


def client_env(ports: Ports, signaling_count: int = 1) -> dict[str, str]:
    """What a client of the stack needs: URLs, and the variables that Google's and Firebase's clients read."""
    signaling = {
        f"SIGNALING_{number}_URL": url(signaling_port(ports, number)) for number in range(1, signaling_count + 1)
    }
    return {
        "API_URL": url(ports.api),
        "SIGNALING_URL": url(ports.api),
        **signaling,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "FIRESTORE_EMULATOR_HOST": address(ports.firestore),
        "FIREBASE_AUTH_EMULATOR_HOST": address(ports.auth),
        "PUBSUB_EMULATOR_HOST": address(ports.pubsub),
        "CLOUD_TASKS_EMULATOR_HOST": address(ports.tasks),
        "RAZORPAY_URL": url(ports.razorpay),
        "STRIPE_URL": url(ports.stripe),
        "SHEETS_URL": url(ports.sheets),
        "FCM_URL": url(ports.push),
        "STORAGE_EMULATOR_HOST": url(ports.storage),
        "STORAGE_BUCKET": BUCKET,
        "KMS_URL": url(ports.kms),
        "KMS_KEY": KMS_KEY,
        "MAIL_URL": url(ports.mail),
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(ports.smtp),
        "SMTP_TLS": "none",
        "MAIL_FROM": "Konnect <no-reply@konnect.test>",
        "CONSOLE_URL": url(ports.console),
        "EVENTS_URL": url(ports.events),
        "FUNCTIONS_URL": functions_url(ports),
        "PORT_BASE": str(ports.base),
    }


def service_env(ports: Ports, minute_s: float, signaling_count: int = 1) -> dict[str, str]:
    """`client_env` and the settings of deployed code (functions/konnect/config.py) as the local stack sets them."""
    return {
        **client_env(ports, signaling_count),
        "REGION": REGION,
        "TASKS_URL": f"{functions_url(ports)}/tasks",
        "OIDC_ISSUER": issuer_url(ports),
        "OIDC_CERTS_URL": f"{issuer_url(ports)}/certs",
        "REALTIME_TOPIC": REALTIME_TOPIC,
        "APP_URL": APP_URL,
        "IAM_CREDENTIALS_URL": url(ports.storage),
        "FIREBASE_API_KEY": "local",
        "RAZORPAY_KEY_ID": RAZORPAY_KEY_ID,
        "RAZORPAY_KEY_SECRET": RAZORPAY_KEY_SECRET,
        "RAZORPAY_WEBHOOK_SECRET": RAZORPAY_WEBHOOK_SECRET,
        "RAZORPAYX_ACCOUNT_NUMBER": RAZORPAYX_ACCOUNT_NUMBER,
        "RAZORPAYX_WEBHOOK_SECRET": RAZORPAYX_WEBHOOK_SECRET,
        "STRIPE_SECRET_KEY": STRIPE_SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": STRIPE_WEBHOOK_SECRET,
        "JITSI_WEBHOOK_SECRET": JITSI_WEBHOOK_SECRET,
        # Calls on this machine need none, and nothing here may ask an address outside.
        "STUN_URLS": "none",
        "RATE_LIMIT_FACTOR": "1000",
        "MINUTE_S": f"{minute_s:g}",
        "ABSENCE_S": os.environ.get("ABSENCE_S") or "60",
        "GRACE_S": os.environ.get("GRACE_S") or "30",
        # A function that has answered goes on here, and an event that is lost on a busy machine is a riddle.
        "EMIT_TIMEOUT_S": "20",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL") or "DEBUG",
    }


def signaling_env(ports: Ports, minute_s: float, number: int) -> dict[str, str]:
    """The environment of signaling's instance 1 or 2."""
    port = str(signaling_port(ports, number))
    return {**service_env(ports, minute_s), "PORT": port, "SIGNALING_PORT": port, "INSTANCE": f"local-{number}"}


def links(ports: Ports) -> dict[str, str]:
    """The pages to look at: label to URL."""
    return {
        "API": f"{url(ports.api)}/api",
        "Health": f"{url(ports.api)}/health",
        "Console": url(ports.console),
        "Signaling's metrics": f"{url(ports.signaling)}/metrics",
        "Mail": url(ports.mail),
        "Mail previews": f"{url(ports.mail)}/previews",
        "Razorpay sandbox": url(ports.razorpay),
        "Stripe sandbox": url(ports.stripe),
        "Sheets sandbox": url(ports.sheets),
        "Push sandbox": url(ports.push),
    }


def child_environ(settings: Mapping[str, str]) -> dict[str, str]:
    """A whole environment for a child process: this process's, without what leads away from the emulators."""
    own = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    python_path = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
    return {**own, "PYTHONPATH": python_path, "PYTHONUNBUFFERED": "1", **settings}


def export_lines(values: Mapping[str, str]) -> str:
    """`export NAME=value` a line, quoted for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def read_export_lines(text: str) -> dict[str, str]:
    """The inverse of `export_lines`."""
    words = (shlex.split(line) for line in text.splitlines() if line.strip())
    return dict(word[1].split("=", 1) for word in words)


def functions_url(ports: Ports) -> str:
    """An entry point's address is this, a slash and its name."""
    return f"{url(ports.functions)}/functions"


def issuer_url(ports: Ports) -> str:
    return f"{url(ports.console)}/oidc"


def signaling_port(ports: Ports, number: int) -> int:
    """The port of signaling's instance 1 or 2."""
    return (ports.signaling, ports.signaling2)[number - 1]
