"""A fleet of which no more than its addresses is there, for commands that find them in a data folder."""

import os

from fleet.addresses import Addresses

# Its `up` is this very process, so that the commands take it for a fleet that runs.
WITHOUT_SERVERS = Addresses(
    pid=os.getpid(),
    api="",
    amqp="",
    amqp_management="",
    amqp_tick_interval=1,
    redis="",
    accounts="",
    shards=[],
    push_log="",
    services=[],
)
