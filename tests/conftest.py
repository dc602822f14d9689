"""Fixtures of all tests: real servers, private to each process that runs tests."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback

from fleet.servers.children import children_in
from fleet.servers.errors import ProgramsMissingError
from fleet.servers.programs import install_missing
from tests.private_servers import Servers, start_servers

DATABASES = ("accounts", "shard0", "shard1", "shard2", "shard3")
MOST_PROCESSES = 8  # each has servers of its own


def pytest_configure() -> None:
    """Log errors plainly: a picture of all local variables, the default, holds up an event loop for seconds."""
    *steps, _ = structlog.get_config()["processors"]
    structlog.configure(processors=[*steps, ConsoleRenderer(exception_formatter=plain_traceback)])


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For whole folders more than there are processors, since tests wait for servers a third of their time.

    Files that are named are done sooner in this process alone.
    """
    if not any(Path(argument).is_dir() for argument in config.args):
        return 0
    return min((os.cpu_count() or 1) * 3 // 2, MOST_PROCESSES)


@pytest.fixture(scope="session")
def server_programs() -> bool:
    """The servers' programs are there, installed if they were missing and we may; if not, CI fails and a desk skips."""
    try:
        install_missing(print)
    except ProgramsMissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    return True


@pytest.fixture(scope="session")
def servers(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A private RabbitMQ, Redis and PostgreSQL with empty databases, for the whole run."""
    assert server_programs
    with children_in(tmp_path_factory.mktemp("servers"), print) as children:
        servers = start_servers(children, DATABASES, print)
        asyncio.run(spare_the_disk(servers.postgres.url("postgres")))
        yield servers


async def spare_the_disk(url: str) -> None:
    """Let PostgreSQL not wait for the disk: what these servers hold may go when the machine does."""
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER SYSTEM SET fsync = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
