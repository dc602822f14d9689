"""Where an invented fleet on this machine is."""

from fleet.addresses import Addresses, Service

LOCAL = Addresses(
    pid=1,
    api="http://127.0.0.1:8000",
    amqp="amqp://127.0.0.1:1/",
    amqp_management="http://127.0.0.1:2",
    amqp_tick_interval=0.1,
    redis="redis://127.0.0.1:3",
    accounts="postgresql://127.0.0.1:4/accounts",
    shards=["postgresql://127.0.0.1:4/shard0"],
    push_log="pushes.jsonl",
    services=[Service("notifier", 7, "http://127.0.0.1:5")],
    operations=Service("operations", 8, "http://127.0.0.1:6"),
    ops_token="ops_token",
)
