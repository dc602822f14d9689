"""RabbitMQ's definitions: all of the topology, and nobody's password."""

import base64
import hashlib
import json

from fleet.topology.definitions import definitions, password_hash
from shared.broker_users import users
from shared.topology import EXCHANGES, WORK_QUEUES, policies

PASSWORDS = {user.name: f"password of {user.name}" for user in users()}


def test_every_queue_exchange_binding_and_policy_is_defined_in_the_default_virtual_host() -> None:
    defined = definitions({})
    assert defined["vhosts"] == [{"name": "/"}]
    assert [queue["name"] for queue in defined["queues"]] == [name for q in WORK_QUEUES for name in q.all_names]
    assert [exchange["name"] for exchange in defined["exchanges"]] == [exchange.name for exchange in EXCHANGES]
    assert [(each["source"], each["routing_key"], each["destination"]) for each in defined["bindings"]] == [
        (exchange.name, routing_key, queue) for exchange in EXCHANGES for routing_key, queue in exchange.bindings
    ]
    assert {policy["name"]: policy["definition"] for policy in defined["policies"]} == {
        policy.name: policy.definition for policy in policies()
    }
    for kind in ("queues", "exchanges", "bindings", "policies"):
        assert {each["vhost"] for each in defined[kind]} == {"/"}


def test_nobody_is_let_in_without_a_password() -> None:
    assert (definitions({})["users"], definitions({})["permissions"]) == ([], [])
    some = definitions({"keda": "secret"})
    assert [user["name"] for user in some["users"]] == ["keda"]
    assert [permission["user"] for permission in some["permissions"]] == ["keda"]


def test_every_user_has_the_rights_of_the_topology() -> None:
    defined = definitions(PASSWORDS)
    rights = {each["user"]: (each["configure"], each["write"], each["read"]) for each in defined["permissions"]}
    assert rights == {user.name: (user.configure, user.write, user.read) for user in users()}
    assert {user["name"]: tuple(user["tags"]) for user in defined["users"]} == {
        user.name: user.tags for user in users()
    }


def test_no_password_can_be_read_in_it() -> None:
    assert "password of" not in json.dumps(definitions(PASSWORDS))


def test_equal_passwords_have_different_hashes() -> None:
    hashes = {user["password_hash"] for user in definitions(dict.fromkeys(PASSWORDS, "same"))["users"]}
    assert len(hashes) == len(PASSWORDS)


def test_a_hash_is_its_salt_and_the_digest_of_salt_and_password() -> None:
    """As RabbitMQ's documentation has it; a real one checks it in the integration tests."""
    salt = bytes.fromhex("908dc60a")
    hashed = base64.b64decode(password_hash("test12", salt))
    assert (hashed[:4], hashed[4:]) == (salt, hashlib.sha256(salt + b"test12").digest())
    assert password_hash("test12", salt) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
