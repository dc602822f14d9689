"""The script that writes only the boards that nobody wrote meanwhile.

It may run twice for one write, when the answer to the first was lost: the second finds its own header, which is a
conflict like any other, and whoever writes reads the board and merges into it again.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

# Returns the positions, from 0, of the boards whose header was not the expected one.
SCRIPT: Final = """
local conflicts = {}
for i = 1, #KEYS do
  if redis.call('GETRANGE', KEYS[i], 0, 7) == ARGV[3 * i - 2] then
    redis.call('SET', KEYS[i], ARGV[3 * i - 1], 'EXAT', ARGV[3 * i])
  else
    conflicts[#conflicts + 1] = i - 1
  end
end
return conflicts
"""


class Write(NamedTuple):
    """A board's new value, valid only if the board still has the header it was read with."""

    key: str
    expected_header: bytes
    value: bytes
    expires_at: int


def arguments(writes: Iterable[Write]) -> list[bytes | int]:
    """What the script takes beside the keys."""
    flat: list[bytes | int] = []
    for write in writes:
        flat += (write.expected_header, write.value, write.expires_at)
    return flat
