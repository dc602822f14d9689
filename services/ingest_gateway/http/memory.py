"""The memory that bodies may take together while they are read, so that large ones cannot end the process."""

from types import TracebackType
from typing import Final, Self

from shared.errors import UnavailableError

MOST_BYTES: Final = 256 * 1024 * 1024


class Memory:
    """So many bytes, shared by all requests in hand."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.free = most_bytes


class Share:
    """What one request holds of it; it is given back at the end of the block."""

    __slots__ = ("_held", "_memory")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._held = 0

    def take(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            UnavailableError: they are not there now.
        """
        if size > self._memory.free:
            raise UnavailableError("gateway", "too many large bodies at once")
        self._memory.free -= size
        self._held += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._memory.free += self._held
