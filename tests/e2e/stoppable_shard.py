"""A shard on a PostgreSQL of its own, so that it can be away while the other databases are there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.servers import postgres
from fleet.servers.children import Children, children_in
from fleet.servers.postgres import Postgres


class StoppableShard:
    """A PostgreSQL of its own for one shard, which comes back where it was."""

    def __init__(self, children: Children, server: Postgres) -> None:
        self._children = children
        self.server = server

    def stop(self) -> None:
        self._children.stop(self.server.name)

    def start(self) -> None:
        port = self.server.port
        self.server = postgres.launch(self._children, self._children.folder / "postgres", ("shard",), port)
        self._children.wait_ready(self.server)


@contextmanager
def shard_of_its_own(folder: Path) -> Iterator[StoppableShard]:
    with children_in(folder, print) as children:
        server = postgres.launch(children, children.folder / "postgres", ("shard",))
        children.wait_ready(server)
        yield StoppableShard(children, server)


@contextmanager
def other_databases(folder: Path, *names: str) -> Iterator[Postgres]:
    """A PostgreSQL with the databases that do not go away."""
    with children_in(folder, print) as children:
        server = postgres.launch(children, children.folder / "postgres", names)
        children.wait_ready(server)
        yield server
