"""A RabbitMQ of a test's own, which may be killed, frozen and started again where it was."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from fleet.servers import rabbitmq
from fleet.servers.children import Children, children_in
from fleet.servers.ports import free_ports
from fleet.servers.rabbitmq import RabbitMQ
from fleet.servers.records import load_records
from shared.management import open_management


class KillableBroker:
    """One whose ports stay the same."""

    server: RabbitMQ

    def __init__(self, children: Children) -> None:
        self._children = children
        self._ports = free_ports(4)

    async def start(self) -> None:
        """Start it, or start it again, and wait until it serves."""
        with patch.object(rabbitmq, "free_ports", lambda _: self._ports):
            self.server = rabbitmq.launch(self._children, self._children.folder / "rabbitmq")
        await asyncio.to_thread(self._children.wait_ready, self.server)

    @property
    def pid(self) -> int:
        """Of the node as it runs now."""
        (record,) = [each for each in load_records(self._children.folder / "run") if each.name == self.server.name]
        return record.pid

    def kill(self) -> None:
        """End it without a goodbye."""
        os.kill(self.pid, signal.SIGKILL)
        self._children.stop(self.server.name, "epmd")


@asynccontextmanager
async def killable_broker(folder: Path) -> AsyncIterator[KillableBroker]:
    """One that serves, with every queue and exchange."""
    with children_in(folder, print) as children:
        broker = KillableBroker(children)
        await broker.start()
        async with open_management(broker.server.management_url) as management:
            await management.apply_topology()
        yield broker


@asynccontextmanager
async def frozen(pid: int) -> AsyncIterator[None]:
    """Have a process do nothing while the block runs; a busy machine takes a while to stop the last of its threads."""
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            while not _is_frozen(pid):  # noqa: ASYNC110  # the kernel tells the parent alone
                await asyncio.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _is_frozen(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)
