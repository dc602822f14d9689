"""A server that takes connections and never says a word, as one that is frozen."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager


class SilentServer:
    """Its clients connect to the kernel's backlog, and nobody ever reads what they say."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.url = f"postgresql://x:x@127.0.0.1:{listener.getsockname()[1]}/none"

    async def connected(self) -> None:
        """Wait until the listener has a connection in its backlog."""
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener, ready.set)
        await ready.wait()
        loop.remove_reader(self._listener)


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    """Run such a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield SilentServer(listener)
