"""The service description says what sockets need, and sets nothing that the settings do not know."""

from typing import Any

import pytest
import yaml

from konnect.config import Settings, load
from local.manifest import ROOT

FOLDER = ROOT / "signaling"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    service = yaml.safe_load((FOLDER / "service.yaml").read_text(encoding="utf-8"))
    assert service["kind"] == "Service"
    found: dict[str, Any] = service["spec"]["template"]
    return found


class TestService:
    def test_sockets_stay_on_an_instance_that_is_always_there(self, template: dict[str, Any]) -> None:
        annotations = template["metadata"]["annotations"]
        assert annotations["run.googleapis.com/sessionAffinity"] == "true"
        assert annotations["autoscaling.knative.dev/minScale"] == "1"
        assert annotations["run.googleapis.com/cpu-throttling"] == "false"
        assert template["spec"]["timeoutSeconds"] == 3600
        assert template["spec"]["containerConcurrency"] >= 500

    def test_the_environment_is_one_that_a_deployed_process_accepts(self, template: dict[str, Any]) -> None:
        env = {one["name"]: one.get("value") or "a secret" for one in template["spec"]["containers"][0]["env"]}
        assert {name.lower() for name in env} <= set(Settings.model_fields)
        assert load({**env, "K_SERVICE": "signaling"}).k_service == "signaling"

    def test_the_image_has_what_it_copies(self) -> None:
        lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
        copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
        assert copied
        assert all((ROOT / path).exists() for path in copied)
