"""Fixtures of all tests: real servers, private to the run."""

import os
from collections.abc import Iterator

import pytest

from fleet.servers.children import children_in
from fleet.servers.errors import ProgramsMissingError
from fleet.servers.programs import install_missing
from tests.private_servers import Servers, start_servers

DATABASES = ("accounts", "shard0", "shard1", "shard2", "shard3")


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
        yield start_servers(children, DATABASES, print)
