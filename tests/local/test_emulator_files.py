from pathlib import Path

import pytest

from local import emulator_files
from local.emulator_files import EmulatorMissingError, firestore_jar, pubsub_jar


class Machine:
    """A machine with nothing on it, to which emulators are added."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.environ = monkeypatch
        monkeypatch.setenv("PATH", str(root / "bin"))
        monkeypatch.setenv("HOME", str(root / "home"))
        for variable in ("FIRESTORE_EMULATOR_JAR", "PUBSUB_EMULATOR_PATH", "FIREBASE_EMULATORS_PATH"):
            monkeypatch.delenv(variable, raising=False)

    def file(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def cached(self) -> tuple[Path, Path]:
        cache = "home/.cache/firebase/emulators"
        self.file(f"{cache}/cloud-firestore-emulator-v1.9.0.jar")
        self.file(f"{cache}/pubsub-emulator-0.8.2/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.2-all.jar")
        return (
            self.file(f"{cache}/cloud-firestore-emulator-v1.22.0.jar"),
            self.file(f"{cache}/pubsub-emulator-0.8.37/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.37-all.jar"),
        )

    def installed(self) -> tuple[Path, Path]:
        self.file("sdk/lib/gcloud.py")
        self.file("sdk/bin/gcloud", "#!/bin/sh\nexit 1\n", 0o755)
        (self.root / "bin").mkdir(exist_ok=True)
        (self.root / "bin" / "gcloud").symlink_to("../sdk/bin/gcloud")
        return (
            self.file("sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"),
            self.file("sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar"),
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_nothing_found_names_the_commands(machine: Machine):
    with pytest.raises(EmulatorMissingError) as firestore:
        firestore_jar()
    for part in ("gcloud components install", "npx firebase setup:emulators:firestore", "FIRESTORE_EMULATOR_JAR"):
        assert part in str(firestore.value)
    with pytest.raises(EmulatorMissingError) as pubsub:
        pubsub_jar()
    for part in ("gcloud components install", "npx firebase setup:emulators:pubsub", "PUBSUB_EMULATOR_PATH"):
        assert part in str(pubsub.value)


def test_order(machine: Machine):
    cached = machine.cached()
    assert (firestore_jar(), pubsub_jar()) == cached
    installed = machine.installed()
    assert (firestore_jar().resolve(), pubsub_jar().resolve()) == installed
    named = machine.file("own/firestore.jar"), machine.file("own/lib/cloud-pubsub-emulator-1.0.0-all.jar")
    machine.environ.setenv("FIRESTORE_EMULATOR_JAR", str(named[0]))
    machine.environ.setenv("PUBSUB_EMULATOR_PATH", str(machine.root / "own"))
    assert (firestore_jar(), pubsub_jar()) == named


def test_cloud_cli_elsewhere_is_asked(machine: Machine):
    jar = machine.installed()[0]
    (machine.root / "bin" / "gcloud").unlink()
    machine.file("bin/gcloud", f"#!/bin/sh\necho {machine.root}/sdk\n", 0o755)
    assert emulator_files.cloud_sdk() == machine.root / "sdk"
    assert firestore_jar() == jar


@pytest.mark.parametrize("path", ["lib/cloud-pubsub-emulator-0.9.0-all.jar", "bin/cloud-pubsub-emulator", ""])
def test_pubsub_path_may_be_jar_script_or_folder(machine: Machine, path: str):
    jar = machine.file("emulator/lib/cloud-pubsub-emulator-0.9.0-all.jar")
    machine.file("emulator/bin/cloud-pubsub-emulator")
    machine.environ.setenv("PUBSUB_EMULATOR_PATH", str(machine.root / "emulator" / path))
    assert pubsub_jar() == jar


def test_path_of_the_environment_must_exist(machine: Machine):
    machine.cached()
    machine.environ.setenv("FIRESTORE_EMULATOR_JAR", "/none.jar")
    with pytest.raises(EmulatorMissingError, match=r"FIRESTORE_EMULATOR_JAR=/none\.jar: no such file"):
        firestore_jar()
