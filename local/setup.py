"""Set up a fresh machine, or see in an instant that nothing is to do. Standard library only: it runs before all else.

Needed and not installed here: Python 3.11, Node 20, Java 17. Set up: the virtual environment, the npm packages, a
Chromium, the emulators. Everything that the steps print is in .local/logs/setup.log.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local import emulator_files
from local.emulator_files import FIREBASE, ROOT, EmulatorMissingError

MIN_NODE = 20
MIN_JAVA = 17
CHROMIUM_VARIABLE = "CHROMIUM"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SOURCES = ("functions", "signaling", "local")

VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements-dev.txt"
LOCAL = ROOT / ".local"
LOG = LOCAL / "logs" / "setup.log"
VERSIONS = LOCAL / "versions.json"

_LINE_CHARACTERS = 60
_TAIL_LINES = 25
_REFRESH_S = 0.2
_HEARTBEAT_S = 15.0


class SetupError(RuntimeError):
    """Something is missing that can't be installed from here; the message says what to do."""


def main() -> int:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    started_s = time.monotonic()
    # Two commands at once must not install into each other.
    with (LOCAL / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            check_node()
            check_java()
            done = [step() for step in (python_packages, npm_packages, chromium, emulators)]
        except (SetupError, EmulatorMissingError) as error:
            print(f"set-up: {error}", file=sys.stderr)
            return 1
    if any(done):
        print(f"set up in {time.monotonic() - started_s:.0f} s")
    return 0


# What must be there


def check_node() -> None:
    """Raises SetupError unless Node and npm are there and new enough."""
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        raise SetupError(f"Node {MIN_NODE} or newer, with npm, is needed: https://nodejs.org")
    version = _version(found, "--version")
    if version < MIN_NODE:
        raise SetupError(f"Node {MIN_NODE} or newer is needed; {found} is {version}")


def check_java() -> None:
    """Raises SetupError unless Java is there and new enough."""
    hint = "Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk"
    found = shutil.which(emulator_files.java())
    version = _version(found, "-version") if found else 0
    # macOS has a `java` that only says where to get one: version 0.
    if version < MIN_JAVA:
        raise SetupError(f"Java {MIN_JAVA} or newer is needed, found {version or 'none'} ({hint})")


def _version(program: str, option: str) -> int:
    """The major version that a program prints; kept as long as the file is the same, since asking takes its time."""
    path = Path(program).resolve()
    key = f"{path} {path.stat().st_mtime_ns}"
    known: dict[str, int] = json.loads(VERSIONS.read_text()) if VERSIONS.exists() else {}
    if key not in known:
        answer = subprocess.run([program, option], capture_output=True, text=True, check=False)
        match = re.search(r'v(\d+)\.|version "(\d+)', answer.stdout + answer.stderr)
        known[key] = int(match[1] or match[2]) if match else 0
        VERSIONS.write_text(json.dumps(known))
    return known[key]


# The steps. Each answers whether there was anything to do.


def python_packages() -> bool:
    """The virtual environment, with exactly the versions of requirements-dev.txt or newer builds of the same."""
    stamp = VENV / "set-up"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if VENV_PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return False
    if not VENV_PYTHON.exists() or _run_quietly([str(VENV_PYTHON), "-m", "pip", "--version"]):
        _make_environment()
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"]
    _step("Python packages", [*pip, "-r", str(REQUIREMENTS)])
    # pip compiles what it installs; the cold starts that are measured need the same of our own.
    _step("bytecode", [str(VENV_PYTHON), "-m", "compileall", "-q", *(str(ROOT / name) for name in SOURCES)])
    stamp.write_text(wanted)
    return True


def _make_environment() -> None:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = str(base) if base.exists() else sys.executable
    if _run_quietly([python, "-c", "import ensurepip"]):
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        _install_system_package(package, f"Python's venv module is missing: apt-get install {package}")
    _step("virtual environment", [python, "-m", "venv", "--clear", str(VENV)])


def npm_packages() -> bool:
    """The npm packages, of package-lock.json's versions."""
    stamp = ROOT / "node_modules" / ".set-up"
    wanted = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    current = _npm_is_current()
    if not current:
        _step("npm packages", ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=http"])
    stamp.write_text(wanted)
    return not current


def _npm_is_current() -> bool:
    """Whether what npm says it installed (it writes that last) is all that the lock asks for, whoever had it do so."""
    installed_file = ROOT / "node_modules" / ".package-lock.json"
    if not installed_file.exists():
        return False
    wanted = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    installed = json.loads(installed_file.read_bytes())["packages"]
    # Optional packages are those of other systems.
    return all(
        installed.get(name, {}).get("version") == package.get("version")
        for name, package in wanted.items()
        if name and not package.get("optional") and not package.get("devOptional")
    )


def chromium() -> bool:
    """A Chromium on the PATH, or named in CHROMIUM: the tests drive it."""
    if find_chromium():
        return False
    message = (
        "a Chromium is needed for the tests. One of these gets it:\n"
        "  apt-get install chromium      (Debian; as root)\n"
        "  brew install --cask google-chrome\n"
        f"or name the program in {CHROMIUM_VARIABLE}"
    )
    _install_system_package("chromium", message)
    if not find_chromium():
        raise SetupError(message)
    return True


def find_chromium() -> str | None:
    """The path of the Chromium to use. Raises SetupError if CHROMIUM names nothing."""
    named = os.environ.get(CHROMIUM_VARIABLE)
    if named:
        if not shutil.which(named):
            raise SetupError(f"{CHROMIUM_VARIABLE}={named}: no such program")
        return shutil.which(named)
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    return found or (CHROMIUM_MAC if Path(CHROMIUM_MAC).exists() else None)


def emulators() -> bool:
    """The Firestore and Pub/Sub emulators: found, or downloaded by firebase-tools. Auth is part of firebase-tools."""
    done = False
    finders: dict[str, Callable[[], Path]] = {
        "firestore": emulator_files.firestore_jar,
        "pubsub": emulator_files.pubsub_jar,
    }
    for name, find in finders.items():
        try:
            find()
        except EmulatorMissingError as missing:
            done = True
            try:
                _step(f"{name} emulator", [str(FIREBASE), f"setup:emulators:{name}"])
            except SetupError as error:
                raise SetupError(f"{error}\n{missing}") from error
            find()
    return done


def _install_system_package(package: str, message: str) -> None:
    """apt-get install, as root or with sudo. Raises SetupError with the message where there is neither."""
    apt = shutil.which("apt-get")
    if not apt:
        raise SetupError(message)
    become_root: list[str] = []
    if os.geteuid() != 0:
        sudo = shutil.which("sudo")
        # With a terminal sudo may ask for the password, before the step's own line.
        if not sudo or subprocess.run([sudo, *([] if sys.stdin.isatty() else ["-n"]), "true"], check=False).returncode:
            raise SetupError(message)
        become_root = [sudo]
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    _step("package lists", [*become_root, *environment, apt, "update"], may_fail=True)
    try:
        _step(package, [*become_root, *environment, apt, "install", "-y", "--no-install-recommends", package])
    except SetupError as error:
        raise SetupError(f"{error}\n{message}") from error


# Running a step


def _run_quietly(command: Sequence[str]) -> bool:
    """Whether the command fails."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode != 0
    except OSError:
        return True


def _step(name: str, command: Sequence[str], *, may_fail: bool = False) -> None:
    """Run one command of the set-up with its progress on one line. Raises SetupError with the end of its output."""
    output: list[str] = []
    started_s = time.monotonic()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                output.append(line.strip())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        _show_progress(name, process, output, started_s)
        reader.join()
    elapsed = f"{time.monotonic() - started_s:6.1f} s"
    clear = "\r\033[K" if sys.stdout.isatty() else ""
    if process.returncode and not may_fail:
        tail = "\n".join(output[-_TAIL_LINES:])
        print(f"{clear}✗ {name:<22}{elapsed}", flush=True)
        raise SetupError(f"{name}: `{' '.join(command)}` failed\n{tail}\nAll of it is in {LOG.relative_to(ROOT)}")
    print(f"{clear}✓ {name:<22}{elapsed}", flush=True)


def _show_progress(name: str, process: subprocess.Popen[str], output: list[str], started_s: float) -> None:
    """One line that is rewritten on a terminal; elsewhere, such as in CI, one now and then."""
    terminal = sys.stdout.isatty()
    interval_s = _REFRESH_S if terminal else _HEARTBEAT_S
    if not terminal:
        print(f"· {name} …", flush=True)
    while True:
        try:
            process.wait(interval_s)
            return
        except subprocess.TimeoutExpired:
            elapsed = f"{time.monotonic() - started_s:6.1f} s"
            last = (output[-1] if output else "")[:_LINE_CHARACTERS]
            line = f"· {name:<22}{elapsed}  {last}"
            print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
