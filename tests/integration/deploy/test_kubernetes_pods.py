"""What every pod keeps to: least rights, limits, probes, time to drain, and nothing that leads nowhere."""

import re
import tomllib
from collections.abc import Iterator

import pytest

from fleet.addresses import REPOSITORY
from services.alerts_api.settings import Settings as AlertsApiSettings
from services.ingest_gateway.settings import Settings as IngestGatewaySettings
from shared.consumer import DRAIN_DEADLINE_S
from shared.settings import ServiceSettings
from tests.integration.deploy.kubernetes_manifests import Manifests, Object, Pod

OUR_USER = 10_001
# Who serves requests, and where by default.
SERVERS = {
    "alerts_api": AlertsApiSettings.model_fields["api_port"].default,
    "ingest_gateway": IngestGatewaySettings.model_fields["ingest_port"].default,
}
# What is left of the time to stop once work is drained and connections are closed.
SPARE_S = 10.0


def long_running(manifests: Manifests) -> list[Pod]:
    return [pod for pod in manifests.pods() if pod.owner["kind"] in {"Deployment", "StatefulSet"}]


def of_rabbitmq(manifests: Manifests) -> Object:
    spec: Object = manifests.of("RabbitmqCluster")["rabbitmq"]["spec"]["override"]["statefulSet"]["spec"]
    pod: Object = spec["template"]["spec"]
    return pod


def pod_specs(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    yield from ((pod.name, pod.spec) for pod in manifests.pods())
    yield "rabbitmq", of_rabbitmq(manifests)


def containers(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    for name, spec in pod_specs(manifests):
        yield from ((name, container) for container in [*spec.get("initContainers", []), *spec["containers"]])


def test_the_namespace_lets_in_restricted_pods_only(manifests: Manifests) -> None:
    labels = manifests.of("Namespace")["farelark"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nobody_is_root(manifests: Manifests) -> None:
    for name, spec in pod_specs(manifests):
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
    assert {pod.spec["securityContext"]["runAsUser"] for pod in manifests.ours()} == {OUR_USER}


def test_no_container_may_write_to_its_image_or_gain_rights(manifests: Manifests) -> None:
    for name, container in containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_no_pod_gets_at_its_node_or_at_kubernetes(manifests: Manifests) -> None:
    for pod in manifests.pods():
        assert pod.spec["automountServiceAccountToken"] is False, pod.name
        assert pod.spec["enableServiceLinks"] is False, pod.name
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.spec.keys(), pod.name
        assert not any("hostPath" in volume for volume in pod.spec["volumes"]), pod.name


def test_every_container_asks_for_what_it_needs_and_has_an_end(manifests: Manifests) -> None:
    resources = [(pod.name, pod.container["resources"]) for pod in manifests.pods()]
    resources.append(("rabbitmq", manifests.of("RabbitmqCluster")["rabbitmq"]["spec"]["resources"]))
    for name, each in resources:
        assert each["requests"].keys() == each["limits"].keys() == {"cpu", "memory"}, name


def test_every_volume_in_memory_or_on_the_node_is_bounded(manifests: Manifests) -> None:
    for pod in manifests.pods():
        for volume in pod.spec["volumes"]:
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": "none is needed"}), (pod.name, volume["name"])


def test_every_volume_is_mounted_and_every_mount_has_one(manifests: Manifests) -> None:
    for pod in manifests.pods():
        claimed = [each["metadata"]["name"] for each in pod.owner["spec"].get("volumeClaimTemplates", [])]
        volumes = {*claimed, *(volume["name"] for volume in pod.spec["volumes"])}
        assert {mount["name"] for mount in pod.container["volumeMounts"]} == volumes, pod.name


def test_secrets_are_mounted_to_be_read_by_their_group_only(manifests: Manifests) -> None:
    for pod in manifests.pods():
        for mount in pod.container["volumeMounts"]:
            volume = pod.volume(mount["name"]) if mount["name"] != "data" else {}
            if source := volume.get("projected") or volume.get("secret"):
                assert (mount["readOnly"], source["defaultMode"]) == (True, 0o440), (pod.name, mount["name"])
                assert pod.spec["securityContext"]["fsGroup"] == pod.spec["securityContext"]["runAsUser"], pod.name


def test_every_process_is_asked_whether_it_started_lives_and_is_ready(manifests: Manifests) -> None:
    for pod in long_running(manifests):
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= pod.container.keys(), pod.name
        ports = {port["name"] for port in pod.container["ports"]}
        probes = [pod.container[kind] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
        asked = {target["port"] for probe in probes for way in ("httpGet", "tcpSocket") if (target := probe.get(way))}
        assert asked <= ports, pod.name


def test_readiness_is_asked_where_it_is_served(manifests: Manifests) -> None:
    """Servers answer where they serve requests, with the state of what they need; workers beside their work."""
    for pod in (each for each in long_running(manifests) if each in manifests.ours()):
        ready = pod.container["readinessProbe"]["httpGet"]
        assert ready["path"] == "/health/ready"
        assert pod.container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": ready["port"]}
        assert ready["port"] == ("http" if pod.component in SERVERS else "ops"), pod.name


def test_ports_are_those_that_the_services_listen_on(manifests: Manifests) -> None:
    ops = ServiceSettings.model_fields["ops_port"].default
    for pod in manifests.ours():
        for port in pod.container.get("ports", []):
            assert port["containerPort"] == (ops if port["name"] == "ops" else SERVERS[pod.component]), pod.name


def test_whoever_is_told_to_stop_has_the_time_to_drain(manifests: Manifests) -> None:
    for pod in manifests.ours():
        if pod.owner["kind"] == "Deployment":
            before = pod.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            assert pod.spec["terminationGracePeriodSeconds"] >= before + DRAIN_DEADLINE_S + SPARE_S, pod.name


def test_a_server_waits_until_nobody_sends_it_requests_any_more(manifests: Manifests) -> None:
    """Its process takes none from the moment that it is told to stop."""
    for pod in (pod for pod in manifests.ours() if pod.component in SERVERS):
        assert pod.container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5, pod.name


def test_images_of_ours_are_of_this_version_and_others_are_pinned(manifests: Manifests) -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert {pod.container["image"].partition(":")[2] for pod in manifests.ours()} == {version}
    others = {pod.container["image"] for pod in manifests.pods() if pod not in manifests.ours()}
    others.add(manifests.of("RabbitmqCluster")["rabbitmq"]["spec"]["image"])
    assert [image for image in others if not re.search(r":\d+[.\d]*(-management)?\Z", image)] == []


def test_each_service_runs_its_own_image_and_all_else_that_of_the_fleet(manifests: Manifests) -> None:
    of_the_fleet = {"operations", "migrations", "partitions"}
    for pod in manifests.ours():
        image = pod.container["image"].removeprefix("farelark/").partition(":")[0]
        assert image == ("fleet" if pod.component in of_the_fleet else pod.component), pod.name


def test_selectors_match_the_pods_that_they_are_for(manifests: Manifests) -> None:
    for pod in long_running(manifests):
        selector = pod.owner["spec"]["selector"]["matchLabels"]
        assert [each.name for each in long_running(manifests) if selector.items() <= each.labels.items()] == [pod.name]


def test_every_service_leads_to_a_port_of_some_pods(manifests: Manifests) -> None:
    for name, service in manifests.of("Service").items():
        selector = service["spec"]["selector"].items()
        chosen = [pod for pod in long_running(manifests) if selector <= pod.labels.items()]
        assert chosen, name
        for pod in chosen:
            ports = {port["name"] for port in pod.container["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_app_and_producers_come_in_by_hosts_of_their_own_and_see_no_health_or_metrics(manifests: Manifests) -> None:
    rules = [rule for ingress in manifests.of("Ingress").values() for rule in ingress["spec"]["rules"]]
    ways = {
        (rule["host"], path["path"]): path["backend"]["service"]["name"]
        for rule in rules
        for path in rule["http"]["paths"]
    }
    assert ways == {
        ("api.example.com", "/api"): "alerts-api",
        ("api.example.com", "/.well-known/jwks.json"): "alerts-api",
        ("ingest.example.com", "/v1/fares"): "ingest-gateway",
    }


def test_a_drained_node_takes_one_pod_of_a_kind_at_a_time(manifests: Manifests) -> None:
    """Operations, of which there is one, may go with any."""
    budgets = manifests.of("PodDisruptionBudget")
    deployments = manifests.of("Deployment").keys() - {"operations"}
    assert budgets.keys() == {*deployments, "rabbitmq"}
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        selector = budget["spec"]["selector"]["matchLabels"]
        assert selector == {"app.kubernetes.io/name": name}
        assert name == "rabbitmq" or selector.items() <= manifests.pod(name).labels.items()


def test_a_rollout_never_has_fewer_pods_than_before_and_never_two_operations(manifests: Manifests) -> None:
    for name, deployment in manifests.of("Deployment").items():
        strategy = deployment["spec"]["strategy"]
        if name == "operations":
            assert (strategy, deployment["spec"]["replicas"]) == ({"type": "Recreate"}, 1)
        else:
            assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}, name


def test_pods_of_a_kind_are_spread_over_nodes_and_zones(manifests: Manifests) -> None:
    for pod in manifests.ours():
        if pod.owner["kind"] == "Deployment":
            spread = pod.spec["topologySpreadConstraints"]
            assert {each["topologyKey"].rpartition("/")[2] for each in spread} == {"zone", "hostname"}
            for each in spread:
                assert each["labelSelector"]["matchLabels"].items() <= pod.labels.items(), pod.name
                assert {"app.kubernetes.io/name", "pod-template-hash"} == set(each["matchLabelKeys"])


def test_rabbitmq_survives_a_node_in_production(manifests: Manifests) -> None:
    spec = manifests.of("RabbitmqCluster")["rabbitmq"]["spec"]
    assert spec["replicas"] == (3 if manifests.overlay == "production" else 1)
    apart = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [each["topologyKey"] for each in apart] == ["kubernetes.io/hostname"]
    assert "storage" in spec["persistence"]


def test_partitions_are_looked_after_once_a_day_and_by_one(manifests: Manifests) -> None:
    daily = manifests.of("CronJob")["partitions"]["spec"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", daily["schedule"])
    assert (daily["timeZone"], daily["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
    assert manifests.pod("partitions").container["args"] == ["partitions", "--drop"]
    assert manifests.pod("migrations").container["args"] == ["migrate"]
    assert manifests.pod("operations").container["args"] == ["operate"]
