"""The broker's own command, for what its management API does not offer: alarms."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

from fleet.servers.programs import rabbitmq_server
from tests.private_servers import Servers

# A share of the machine's memory that any node uses more of, and disk space that no machine has free.
_ALARMING: Final = {
    "memory": ("set_vm_memory_high_watermark", "0.000001"),
    "disk": ("set_disk_free_limit", "1000000GB"),
}
_CALM: Final = {
    "memory": ("set_vm_memory_high_watermark", "0.4"),
    "disk": ("set_disk_free_limit", "50MB"),
}


@asynccontextmanager
async def alarm(servers: Servers, of: str) -> AsyncIterator[None]:
    """Have an alarm of the node's `memory` or `disk` in force while the block runs."""
    await raise_alarm(servers.rabbitmq.management_url, of)
    try:
        yield
    finally:
        await rabbitmqctl(servers.rabbitmq.management_url, *_CALM[of])


async def raise_alarm(management_url: str, of: str) -> None:
    """Put an alarm of the node's `memory` or `disk` into force."""
    await rabbitmqctl(management_url, *_ALARMING[of])


async def rabbitmqctl(management_url: str, *arguments: str) -> None:
    """Run the command on the node of this management API."""
    await asyncio.to_thread(_run, await node_of(management_url), arguments)


def _run(node: int, arguments: Sequence[str]) -> None:
    """Run it in the node's environment: its name server, and the home folder with the cookie."""
    variables = [line.partition("=") for line in Path(f"/proc/{node}/environ").read_text().split("\0") if line]
    done = subprocess.run(  # noqa: S603  # the broker's own program
        [rabbitmq_server().with_name("rabbitmqctl"), *arguments],
        env={name: value for name, _, value in variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def node_of(management_url: str) -> int:
    """Return the node's process id, once it has counted itself, as it does every five seconds."""
    async with aiohttp.ClientSession(management_url) as session, asyncio.timeout(15):
        while True:
            (node,) = await (await session.get("/api/nodes")).json()
            if "os_pid" in node:
                return int(node["os_pid"])
            await asyncio.sleep(0.1)
