"""Every pod is told what it needs, by names that it knows, and no secret that it does not need."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.ingest_gateway.sources.settings import read_sources
from shared.broker_users import users
from shared.settings import load
from tests.integration.deploy.kubernetes_manifests import Manifests
from tests.integration.deploy.kubernetes_settings import (
    SETTINGS,
    config_files,
    environment,
    known,
    required,
    secret_files,
    secret_text,
)

# Made and rotated by hand, as docs/kubernetes.md says.
MADE_BY_HAND = {"jwt-keys"}
# Needed by what an overlay adds.
OF_A_COMPONENT = {"production": {"source_secrets"}}


def test_every_setting_is_one_that_the_service_has(manifests: Manifests) -> None:
    for pod in manifests.ours():
        told = [*config_files(manifests, pod), *(name.lower() for name in environment(pod))]
        assert set(told) <= known(pod.component), pod.name


def test_a_pod_has_the_secrets_that_it_cannot_do_without_and_no_others(manifests: Manifests) -> None:
    for pod in manifests.ours():
        secrets, config = secret_files(manifests, pod).keys(), config_files(manifests, pod).keys()
        added = OF_A_COMPONENT.get(manifests.overlay, set()) & known(pod.component)
        assert secrets == (required(pod.component) | added) - config, pod.name


def test_a_pod_can_read_its_settings(manifests: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pod in manifests.ours():
        folder = tmp_path / pod.name
        folder.mkdir()
        for name, text in (config_files(manifests, pod) | secret_files(manifests, pod)).items():
            (folder / name).write_text(text)
        with monkeypatch.context() as patched:
            for name, value in environment(pod).items():
                patched.setenv(name, value)
            for settings in SETTINGS[pod.component]:
                load(settings, secrets=folder)


def test_files_that_settings_name_are_mounted(manifests: Manifests) -> None:
    for pod in manifests.ours():
        folders = {mount["mountPath"]: pod.volume(mount["name"]) for mount in pod.container["volumeMounts"]}
        config = config_files(manifests, pod)
        if keys := config.get("jwt_keys"):
            assert folders[keys]["secret"]["secretName"] == "jwt-keys"
        if key := config.get("firebase_credentials"):
            folder, _, name = key.rpartition("/")
            assert name in secret_text(manifests, folders[folder]["secret"]["secretName"])


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_the_gateway_can_poll_the_sources_of_the_example(manifests: Manifests, tmp_path: Path) -> None:
    pod = manifests.pod("ingest-gateway")
    folder, _, name = config_files(manifests, pod)["sources_file"].rpartition("/")
    volumes = {mount["mountPath"]: pod.volume(mount["name"]) for mount in pod.container["volumeMounts"]}
    file = tmp_path / name
    file.write_text(manifests.of("ConfigMap")[volumes[folder]["configMap"]["name"]]["data"][name])
    assert read_sources(file, json.loads(secret_files(manifests, pod)["source_secrets"]))


def test_a_notifier_has_one_way_to_devices(manifests: Manifests) -> None:
    way = {"dev": "push_log", "production": "firebase_credentials"}[manifests.overlay]
    for name in ("notifier-urgent", "notifier-standard", "notifier-digest"):
        told = config_files(manifests, manifests.pod(name)).keys()
        assert told & {"push_log", "firebase_credentials"} == {way}


def test_every_secret_and_config_map_that_is_named_is_there(manifests: Manifests) -> None:
    there = manifests.of("Secret").keys() | manifests.of("ConfigMap").keys() | MADE_BY_HAND
    for pod in manifests.pods():
        for volume in pod.spec["volumes"]:
            sources = volume.get("projected", {"sources": [volume]})["sources"]
            for source in sources:
                for kind in source.keys() & {"secret", "configMap"}:
                    assert {source[kind].get("name"), source[kind].get("secretName")} & there, pod.name


def test_operations_asks_every_service_under_a_name_that_leads_to_all_its_pods(manifests: Manifests) -> None:
    told = config_files(manifests, manifests.pod("operations"))["ops_targets"]
    targets = dict(target.split("=", 1) for target in told.split(","))
    assert targets.keys() == SETTINGS.keys() - {"operations", "migrations", "partitions"}
    for component, address in targets.items():
        parts = urlsplit(address)
        service = manifests.of("Service")[str(parts.hostname)]["spec"]
        assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)
        assert service["selector"] == {"app.kubernetes.io/component": component}
        assert [port["port"] for port in service["ports"]] == [parts.port]


def test_every_service_comes_to_the_broker_as_its_own_user(manifests: Manifests) -> None:
    for pod in manifests.ours():
        if address := secret_files(manifests, pod).get("rabbitmq_url"):
            assert urlsplit(address).username == pod.component


def test_every_user_of_the_broker_has_a_password_without_a_line_end(manifests: Manifests) -> None:
    """The operators and KEDA take what a secret holds as it is."""
    asked = {each["spec"]["importCredentialsSecret"]["name"] for each in manifests.of("User").values()}
    found = {name: secret_text(manifests, name) for name in asked}
    assert {each["username"] for each in found.values()} == {user.name for user in users()}
    assert all(text and text == text.strip() for each in found.values() for text in each.values())


def test_keda_asks_as_its_own_user(manifests: Manifests) -> None:
    for each in manifests.of("TriggerAuthentication")["queue-lengths"]["spec"]["secretTargetRef"]:
        assert each["name"] == "rabbitmq-user-keda"
        assert each["parameter"] == each["key"]
        assert each["key"] in secret_text(manifests, each["name"])


@pytest.mark.parametrize("manifests", ["dev"], indirect=True)
def test_development_addresses_lead_to_servers_that_are_there(manifests: Manifests) -> None:
    there = manifests.of("Service").keys() | manifests.of("RabbitmqCluster").keys()
    for pod in manifests.ours():
        addresses = [text for name, text in secret_files(manifests, pod).items() if name.endswith(("_url", "_urls"))]
        hosts = {urlsplit(address).hostname for text in addresses for address in text.split(",")}
        assert hosts <= there, pod.name


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_the_example_of_production_holds_no_secret(manifests: Manifests) -> None:
    for name in manifests.of("Secret"):
        texts = [text for key, text in secret_text(manifests, name).items() if key != "username"]
        assert all("REPLACE-ME" in text for text in texts), name
