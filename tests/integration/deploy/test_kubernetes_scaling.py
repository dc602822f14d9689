"""Each service is scaled by the queues that it works on, within what its servers bear and as is documented."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

import pytest

from fleet.addresses import REPOSITORY
from shared.broker_users import ACCESSES
from shared.topology import LANES, WORK_QUEUES, Lane
from tests.integration.deploy import database_connections
from tests.integration.deploy.kubernetes_manifests import Manifests, Object
from tests.integration.deploy.kubernetes_settings import config_files, environment

DOCUMENTATION = REPOSITORY / "docs" / "kubernetes.md"
# Migrations, upkeep, the operations process, commands and psql of those who look after it.
FOR_PEOPLE = 20
MAX_CONNECTIONS = 200

# A cycle of 40 million fares in 30 s, its pushes in 60; what each takes of a core is measured in docs/performance.md.
FARES_A_SECOND = 40_000_000 / 30
FARES_OF_A_POD = 0.7 / 0.93e-6
FARES_OF_REDIS = 1 / 0.26e-6
CHANGES_A_SECOND = 8_000_000 / 30
CHANGES_OF_A_POD = 0.7 / 5.0e-6
PUSHES_A_SECOND = 200_000 / 60
PUSHES_OF_A_POD = 0.7 / 420e-6


def scaled(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    yield from ((name, each["spec"]) for name, each in manifests.of("ScaledObject").items())


def queues(spec: Object) -> list[str]:
    return [trigger["metadata"]["queueName"] for trigger in spec["triggers"]]


def most_pods(manifests: Manifests, name: str) -> int:
    """While a rollout adds one."""
    by_processor = manifests.of("HorizontalPodAutoscaler").get(name)
    most: int = (
        by_processor["spec"]["maxReplicas"]
        if by_processor
        else manifests.of("ScaledObject")[name]["spec"]["maxReplicaCount"]
    )
    return most + 1


def test_each_work_queue_scales_one_service_and_no_other_queue_does(manifests: Manifests) -> None:
    watched = list(chain.from_iterable(queues(spec) for _, spec in scaled(manifests)))
    assert sorted(watched) == sorted(queue.name for queue in WORK_QUEUES)


def test_a_queue_scales_the_pods_that_work_on_it(manifests: Manifests) -> None:
    consumed = {access.service: {queue.name for queue in access.consumes} for access in ACCESSES}
    for name, spec in scaled(manifests):
        assert spec["scaleTargetRef"] == {"name": name}
        pod = manifests.pod(name)
        works_on = consumed[pod.component]
        if lanes := environment(pod).get("LANES"):
            works_on = {LANES[Lane(lane)].name for lane in lanes.split(",")}
        assert set(queues(spec)) == works_on, name


def test_everything_but_operations_is_scaled_and_by_one_only(manifests: Manifests) -> None:
    """Who also had a number of pods would be set back to it by every rollout."""
    targets = [name for name, _ in scaled(manifests)]
    targets += [each["spec"]["scaleTargetRef"]["name"] for each in manifests.of("HorizontalPodAutoscaler").values()]
    deployments = manifests.of("Deployment")
    assert sorted(targets) == sorted(deployments.keys() - {"operations"})
    assert [name for name in targets if "replicas" in deployments[name]["spec"]] == []


def test_what_waits_and_what_is_in_hand_are_asked_for_over_http(manifests: Manifests) -> None:
    (cluster,) = manifests.of("RabbitmqCluster")
    for name, spec in scaled(manifests):
        for trigger in spec["triggers"]:
            told = trigger["metadata"]
            assert (trigger["type"], told["protocol"], told["mode"]) == ("rabbitmq", "http", "QueueLength"), name
            assert told["excludeUnacknowledged"] == "false"
            host = urlsplit(told["host"])
            # From another namespace, and as the user of the authentication: no password stands here.
            assert (host.netloc, host.path) == (f"{cluster}.farelark.svc:15672", "/")
            assert trigger["authenticationRef"]["name"] in manifests.of("TriggerAuthentication")


def test_there_is_always_a_pod_and_without_numbers_never_fewer_than_a_cycle_needs(manifests: Manifests) -> None:
    for name, spec in scaled(manifests):
        least, most, blind = spec["minReplicaCount"], spec["maxReplicaCount"], spec["fallback"]["replicas"]
        assert 1 <= least <= blind <= most, name
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
        assert spec["fallback"]["failureThreshold"] >= 2, "one look that fails is no reason"


def test_pods_come_at_once_and_go_slowly(manifests: Manifests) -> None:
    behaviors = [spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] for _, spec in scaled(manifests)]
    assert [each["scaleUp"]["stabilizationWindowSeconds"] for each in behaviors] == [0] * len(behaviors)
    behaviors += [each["spec"]["behavior"] for each in manifests.of("HorizontalPodAutoscaler").values()]
    for behavior in behaviors:
        assert behavior["scaleDown"] == {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        }


def test_what_serves_requests_is_scaled_by_the_core_that_it_requests(manifests: Manifests) -> None:
    by_processor = manifests.of("HorizontalPodAutoscaler")
    assert by_processor.keys() == {"alerts-api", "ingest-gateway"}
    for each in by_processor.values():
        (metric,) = each["spec"]["metrics"]
        assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_pods_that_are_always_there_carry_a_cycle_of_40_million(manifests: Manifests) -> None:
    """A cycle is over before new pods have begun: scaling is for what comes on top."""
    least = {name: spec["minReplicaCount"] for name, spec in scaled(manifests)}
    assert least["price-worker"] * FARES_OF_A_POD >= FARES_A_SECOND
    assert least["alert-worker"] * CHANGES_OF_A_POD >= CHANGES_A_SECOND
    assert (least["notifier-urgent"] + least["notifier-standard"]) * PUSHES_OF_A_POD >= PUSHES_A_SECOND
    assert all(each["spec"]["minReplicas"] >= 2 for each in manifests.of("HorizontalPodAutoscaler").values())


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_the_most_price_workers_are_what_one_redis_bears(manifests: Manifests) -> None:
    most = manifests.of("ScaledObject")["price-worker"]["spec"]["maxReplicaCount"]
    assert most * FARES_OF_A_POD <= FARES_OF_REDIS


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_the_documentation_has_the_numbers_that_hold(manifests: Manifests) -> None:
    text = DOCUMENTATION.read_text()
    for name, spec in scaled(manifests):
        for trigger in spec["triggers"]:
            told = trigger["metadata"]
            row = next(line for line in text.splitlines() if line.startswith(f"| `{told['queueName']}` |"))
            pods = f"{spec['minReplicaCount']}, {spec['maxReplicaCount']}, {spec['fallback']['replicas']}"
            assert row.endswith(f"| {int(told['value']):,} | {pods} |"), name


def connections(manifests: Manifests, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """All that the pods of all services can open in a database, at the most of each and in a rollout of all."""
    total: Counter[str] = Counter()
    for pod in (pod for pod in manifests.ours() if pod.component in database_connections.COMPONENTS):
        told = config_files(manifests, pod) | {name.lower(): value for name, value in environment(pod).items()}
        pools = database_connections.of(pod.component, told, monkeypatch)
        total += Counter({database: most_pods(manifests, pod.name) * size for database, size in pools.items()})
    return total


def test_all_pods_together_find_a_connection(manifests: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    total = connections(manifests, monkeypatch)
    assert total.keys() == {"accounts", "shard0"}
    for database, size in total.items():
        assert size + FOR_PEOPLE <= MAX_CONNECTIONS, database
    for server in (pod for name in ("accounts", "shard0", "shard1") for pod in manifests.pods() if pod.name == name):
        assert f"max_connections={MAX_CONNECTIONS}" in server.container["args"], server.name


@pytest.mark.parametrize("manifests", ["production"], indirect=True)
def test_the_documentation_says_how_many_connections_databases_must_take(
    manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = connections(manifests, monkeypatch)
    (row,) = re.findall(r"^\| all, with \d+ for people \|.*$", DOCUMENTATION.read_text(), re.MULTILINE)
    assert row == (
        f"| all, with {FOR_PEOPLE} for people |  |  | {total['accounts'] + FOR_PEOPLE} "
        f"| {total['shard0'] + FOR_PEOPLE} |"
    )
