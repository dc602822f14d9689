"""As whom the local fleet's processes come to the broker."""

import pytest

from fleet.backends import Backends


def backends(**passwords: str) -> Backends:
    return Backends(
        amqp="amqp://admin:secret@127.0.0.1:5672/farelark",
        amqp_management="http://admin:secret@127.0.0.1:15672",
        amqp_tick_interval=1,
        amqp_passwords=passwords,
        redis="",
        accounts="",
        shards=[],
    )


def test_a_user_of_the_topology_has_its_own_name_and_password_at_the_same_broker() -> None:
    ours = backends(notifier="n0tify", operations="op/s@")
    assert ours.amqp_of("notifier") == "amqp://notifier:n0tify@127.0.0.1:5672/farelark"
    assert ours.amqp_management_of("operations") == "http://operations:op%2Fs%40@127.0.0.1:15672"


@pytest.mark.parametrize("service", ["price_worker", "operations"])
def test_at_a_broker_of_somebodys_own_everybody_is_the_user_of_its_address(service: str) -> None:
    assert backends().amqp_of(service) == "amqp://admin:secret@127.0.0.1:5672/farelark"
    assert backends().amqp_management_of(service) == "http://admin:secret@127.0.0.1:15672"
