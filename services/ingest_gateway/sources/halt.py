"""When the work on a source must end: the process stops, or another process has the source now."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from shared.errors import FarelarkError


class HaltedError(FarelarkError):
    """The work on this source ends here; what it has given away is safe."""

    def __init__(self) -> None:
        super().__init__("the work on this source ends here")


class Halt:
    """A signal that ends whatever waits for a source, at once and for good."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._limits: set[asyncio.Timeout] = set()
        self._parts: set[Halt] = set()

    @property
    def called(self) -> bool:
        """Whether the work must end."""
        return self._event.is_set()

    def call(self) -> None:
        """End the work."""
        if self.called:
            return
        self._event.set()
        for limit in self._limits:
            limit.reschedule(asyncio.get_running_loop().time())
        for part in self._parts:
            part.call()

    @contextmanager
    def part(self) -> "Iterator[Halt]":
        """A halt for a part of the work, which may end before the whole and ends with it at the latest."""
        part = Halt()
        if self.called:
            part.call()
        self._parts.add(part)
        try:
            yield part
        finally:
            self._parts.discard(part)

    def check(self) -> None:
        """Go on only if it has not been called.

        Raises:
            HaltedError: it has.
        """
        if self.called:
            raise HaltedError

    @asynccontextmanager
    async def ending(self) -> AsyncIterator[None]:
        """Abandon what the block waits for when it is called.

        Raises:
            HaltedError: it was called before the block was through.
        """
        self.check()
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._limits.add(limit)
                yield
        except TimeoutError:
            if limit.expired():
                raise HaltedError from None
            raise
        finally:
            self._limits.discard(limit)

    async def pause(self, seconds: float) -> None:
        """Wait for so long.

        Raises:
            HaltedError: it was called meanwhile.
        """
        async with self.ending():
            await asyncio.sleep(seconds)

    async def wait(self) -> None:
        """Wait until it is called."""
        await self._event.wait()
