"""Everybody who talks to the broker may do what they do there, and nothing else."""

import re

import pytest

from shared.broker_users import ACCESSES, Access, User, users
from shared.topology import EXCHANGES, WORK_QUEUES

ALL_QUEUES = [name for queue in WORK_QUEUES for name in queue.all_names]
ALL_EXCHANGES = [exchange.name for exchange in EXCHANGES]
STRANGERS = ["theirs", "amq.topic", "amq.gen-x", "faresXingest", "fares-ingest", "celery", "my.fares", ""]


def test_a_service_may_do_what_it_does_and_nothing_else() -> None:
    gateway, price_worker, *_, alerts_api = ACCESSES
    assert (gateway.read, gateway.write) == ("^()$", "^(live_fares|fares)$")
    assert price_worker.read == r"^(fares\.live|fares\.ingest)$"
    assert price_worker.write == r"^(changes|fares\.live\.redelivery|fares\.ingest\.redelivery)$"
    assert (alerts_api.read, alerts_api.write) == ("^()$", "^(evaluations)$")


@pytest.mark.parametrize("access", ACCESSES, ids=lambda access: access.service)
def test_no_service_may_publish_past_the_exchanges(access: Access) -> None:
    """By the default exchange, `amq.default`, everybody could write into every queue."""
    assert not re.search(access.write, "amq.default")
    assert not [queue for queue in ALL_QUEUES if re.search(access.write, queue)]


def user(name: str) -> User:
    (found,) = (user for user in users() if user.name == name)
    return found


def test_each_service_has_a_user_of_its_name_that_can_make_nothing() -> None:
    for access in ACCESSES:
        assert user(access.service) == User(
            access.service, tags=(), configure="^$", write=access.write, read=access.read
        )
    assert [user.name for user in users()] == [*(access.service for access in ACCESSES), "operations", "keda"]


def test_operations_may_make_all_of_the_topology_and_nothing_else() -> None:
    operations = user("operations")
    assert [name for name in [*ALL_QUEUES, *ALL_EXCHANGES] if not re.search(operations.configure, name)] == []
    assert [name for name in STRANGERS if re.search(operations.configure, name)] == []
    assert "administrator" not in operations.tags


def test_operations_may_bind_every_queue_and_publish_straight_to_it() -> None:
    operations = user("operations")
    wanted = [*ALL_QUEUES, *ALL_EXCHANGES, "amq.default"]
    assert [name for name in wanted if not re.search(operations.write, name)] == []
    assert [name for name in ALL_EXCHANGES if not re.search(operations.read, name)] == []
    assert [name for name in STRANGERS if re.search(operations.write, name)] == []


def test_of_all_queues_operations_takes_only_dead_letters() -> None:
    readable = [queue for queue in ALL_QUEUES if re.search(user("operations").read, queue)]
    assert readable == [queue.dead for queue in WORK_QUEUES]


def test_keda_may_look_at_queues_and_nothing_else() -> None:
    assert user("keda") == User("keda", tags=("management",), configure="^$", write="^$", read="^$")
