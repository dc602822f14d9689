"""The objects for RabbitMQ's operator: what is committed is the topology, and an API server would take each."""

import re
from pathlib import Path

import pytest
import yaml

from fleet.topology.kubernetes import as_yaml, manifests, object_name
from shared.broker_users import users
from shared.topology import EXCHANGES, WORK_QUEUES, policies
from tests.custom_resources import Json, faults

COMMITTED = Path(__file__).parents[2] / "k8s" / "base" / "rabbitmq" / "topology.yaml"
# The longest name that may also be a label's value.
RFC_1123_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
KINDS = ["Binding", "Exchange", "Permission", "Policy", "Queue", "User"]


def of_kind(kind: str) -> list[Json]:
    return [manifest for manifest in manifests() if manifest["kind"] == kind]


def test_what_is_committed_is_what_the_command_prints() -> None:
    assert COMMITTED.read_text() == as_yaml(), (
        "the topology has changed: `./farelark topology kubernetes > k8s/base/rabbitmq/topology.yaml`"
    )


def test_it_says_at_its_top_where_it_comes_from_and_reads_back_as_the_objects() -> None:
    text = as_yaml()
    assert text.startswith("# Made by `./farelark topology kubernetes` ")
    assert list(yaml.safe_load_all(text)) == list(manifests())


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_one_that_the_operator_knows_to_the_last_field(kind: str) -> None:
    assert [fault for manifest in of_kind(kind) for fault in faults(manifest)] == []


def test_a_field_that_the_operator_does_not_know_is_a_fault() -> None:
    """Or the test above could not fail."""
    (first, *_) = of_kind("Queue")
    assert faults(first | {"spec": first["spec"] | {"autodelete": False}})
    assert faults(first | {"spec": {"name": "x"}})


def test_all_of_the_topology_is_there_and_nothing_else() -> None:
    names = {kind: [manifest["spec"].get("name") for manifest in of_kind(kind)] for kind in KINDS}
    assert names["Queue"] == [name for queue in WORK_QUEUES for name in queue.all_names]
    assert names["Exchange"] == [exchange.name for exchange in EXCHANGES]
    assert names["Policy"] == [policy.name for policy in policies()]
    ends = [(binding["spec"]["source"], binding["spec"]["destination"]) for binding in of_kind("Binding")]
    assert ends == [(exchange.name, queue) for exchange in EXCHANGES for _, queue in exchange.bindings]
    assert {manifest["kind"] for manifest in manifests()} == set(KINDS)


def test_every_name_is_an_rfc_1123_label_and_there_once() -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests()]
    assert len(set(names)) == len(names)
    assert [name for kind, name in names if kind != "Binding" and not RFC_1123_LABEL.match(name)] == []


def test_a_queue_outlives_its_object() -> None:
    assert {(queue["spec"]["deletionPolicy"], queue["spec"]["type"]) for queue in of_kind("Queue")} == {
        ("retain", "quorum")
    }


def test_each_user_has_a_password_from_a_secret_and_the_rights_of_the_topology() -> None:
    found = {user["metadata"]["name"]: user["spec"] for user in of_kind("User")}
    rights = {each["spec"]["userReference"]["name"]: each["spec"]["permissions"] for each in of_kind("Permission")}
    for user in users():
        spec = found.pop(object_name(user.name))
        assert spec["importCredentialsSecret"] == {"name": f"rabbitmq-user-{object_name(user.name)}"}
        assert spec.get("tags", []) == list(user.tags)
        assert rights.pop(object_name(user.name)) == {
            "configure": user.configure,
            "write": user.write,
            "read": user.read,
        }
    assert (found, rights) == ({}, {})
