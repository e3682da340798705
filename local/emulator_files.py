"""Where Google's emulators are on this machine. Standard library only: the set-up runs it before any package is there.

Each is looked for in this order: a path from the environment, the installed Google Cloud CLI, firebase-tools' cache.
The set-up then lets firebase-tools download what is missing.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIREBASE = ROOT / "node_modules" / ".bin" / "firebase"
FIRESTORE_PATH_VARIABLE = "FIRESTORE_EMULATOR_JAR"
PUBSUB_PATH_VARIABLE = "PUBSUB_EMULATOR_PATH"
_FIRESTORE_IN_SDK = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
_PUBSUB_IN_SDK = "platform/pubsub-emulator"


class EmulatorMissingError(RuntimeError):
    """An emulator was found nowhere; the message has the commands that get one."""


def firestore_jar() -> Path:
    """The Firestore emulator's jar. Raises EmulatorMissingError."""
    named = _from_environment(FIRESTORE_PATH_VARIABLE)
    if named:
        return named
    sdk = cloud_sdk()
    if sdk and (sdk / _FIRESTORE_IN_SDK).is_file():
        return sdk / _FIRESTORE_IN_SDK
    cached = _newest(firebase_cache().glob("cloud-firestore-emulator-v*.jar"))
    if cached:
        return cached
    raise EmulatorMissingError(_missing_message("Firestore", "firestore", FIRESTORE_PATH_VARIABLE, "its jar"))


def pubsub_jar() -> Path:
    """The Pub/Sub emulator's jar. PUBSUB_EMULATOR_PATH may name it, its folder or its start script.

    Raises EmulatorMissingError.
    """
    named = _from_environment(PUBSUB_PATH_VARIABLE)
    if named:
        jar = _pubsub_jar_of(named)
        if not jar:
            raise EmulatorMissingError(f"{PUBSUB_PATH_VARIABLE}={named} holds no lib/cloud-pubsub-emulator-*-all.jar")
        return jar
    sdk = cloud_sdk()
    installed = _pubsub_jar_of(sdk / _PUBSUB_IN_SDK) if sdk else None
    if installed:
        return installed
    cached = _newest(firebase_cache().glob("pubsub-emulator-*/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"))
    if cached:
        return cached
    raise EmulatorMissingError(_missing_message("Pub/Sub", "pubsub", PUBSUB_PATH_VARIABLE, "its folder"))


def cloud_sdk() -> Path | None:
    """The root of the installed Google Cloud CLI."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    # Asking gcloud takes a second of every start; its own layout answers at once.
    beside = Path(gcloud).resolve().parent.parent
    if (beside / "lib" / "gcloud.py").is_file():
        return beside
    command = [gcloud, "info", "--format=value(installation.sdk_root)"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Path(answer) if answer else None


def firebase_cache() -> Path:
    """Where firebase-tools keeps the emulators that it downloads."""
    return Path(os.environ.get("FIREBASE_EMULATORS_PATH") or Path.home() / ".cache" / "firebase" / "emulators")


def java() -> str:
    """The java program: of JAVA_HOME, else on the PATH."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").is_file():
        return str(Path(home) / "bin" / "java")
    return shutil.which("java") or "java"


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    if not value:
        return None
    if not Path(value).exists():
        raise EmulatorMissingError(f"{variable}={value}: no such file")
    return Path(value)


def _pubsub_jar_of(path: Path) -> Path | None:
    if path.suffix == ".jar":
        return path
    folder = path.parent.parent if path.is_file() else path
    return _newest(folder.glob("lib/cloud-pubsub-emulator-*-all.jar"))


def _newest(paths: Iterable[Path]) -> Path | None:
    """The path with the greatest version number in its name."""
    return max(paths, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], default=None)


def _missing_message(name: str, component: str, variable: str, what: str) -> str:
    return (
        f"the {name} emulator was not found. One of these gets it:\n"
        f"  gcloud components install {'cloud-firestore-emulator' if component == 'firestore' else 'pubsub-emulator'}\n"
        f"  npx firebase setup:emulators:{component}\n"
        f"or name {what} in {variable}"
    )
