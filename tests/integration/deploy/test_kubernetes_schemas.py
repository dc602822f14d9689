"""Each overlay renders, and an API server would take every object of it to the last field."""

import copy
from pathlib import Path

import pytest
from kubernetes_validate.utils import ValidationError, validate  # type: ignore[import-untyped]  # it ships no types

from tests.custom_resources import faults
from tests.integration.deploy.kubernetes_manifests import Manifests, Object, render

# The first with the sleep before a stop switched on, and the newest that is known here.
VERSIONS = ("1.30", "1.37")


def is_custom(manifest: Object) -> bool:
    return str(manifest["apiVersion"]).startswith(("keda.sh/", "rabbitmq.com/"))


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(manifests: Manifests, version: str) -> None:
    built_in = [each for each in manifests.objects if not is_custom(each)]
    assert len(built_in) > 30
    for each in built_in:
        validate(each, version, strict=True)


def test_keda_and_the_operators_of_rabbitmq_know_every_field(manifests: Manifests) -> None:
    custom = [each for each in manifests.objects if is_custom(each)]
    assert {"ScaledObject", "TriggerAuthentication", "RabbitmqCluster"} <= {each["kind"] for each in custom}
    assert [(each["metadata"]["name"], fault) for each in custom for fault in faults(each)] == []


def test_a_field_that_nobody_knows_is_refused(manifests: Manifests) -> None:
    """Or the tests above could not fail."""
    deployment = copy.deepcopy(manifests.of("Deployment")["price-worker"])
    deployment["spec"]["template"]["spec"]["gracePeriod"] = 45
    with pytest.raises(ValidationError, match="gracePeriod"):
        validate(deployment, VERSIONS[0], strict=True)
    scaled = copy.deepcopy(manifests.of("ScaledObject")["price-worker"])
    scaled["spec"]["maxReplicas"] = 5
    assert any("maxReplicas" in fault for fault in faults(scaled))


def test_every_object_is_there_once_and_in_the_one_namespace(manifests: Manifests) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests.objects]
    assert len(set(names)) == len(names)
    spaces = {each["metadata"].get("namespace") for each in manifests.objects if each["kind"] != "Namespace"}
    assert spaces == {"farelark"}


def test_a_changed_secret_is_another_secret_so_that_its_pods_are_rolled(manifests: Manifests, tmp_path: Path) -> None:
    """Development secrets are made at random; what stands in the example stays the same."""
    changed = manifests.of("Secret").keys() - render(manifests.overlay, tmp_path).of("Secret").keys()
    names = {name.rpartition("-")[0] for name in changed}
    services = {pod.component.replace("_", "-") for pod in manifests.ours()} - {"partitions"}
    assert names == (services | {"redis", "postgres"} if manifests.overlay == "dev" else set())
