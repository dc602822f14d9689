"""What can go wrong, classed by what a consumer must do about it.

FarelarkError
├── ConfigurationError   a setting is missing or makes no sense: stop, and say which
├── UnreadableError      the message can never be read: dead letter
├── TransientError       this message failed now and may work later: retry queue
├── UnavailableError     a server of ours cannot be reached: keep the work in hand and try again
└── MapMovedError        a bucket is on another shard than thought: park its part and read the map again
"""


class FarelarkError(Exception):
    """Any error that Farelark raises on purpose."""


class ConfigurationError(FarelarkError):
    """A setting is missing or makes no sense."""


class UnreadableError(FarelarkError):
    """The message can never be read.

    Args:
        reason: a short snake_case word to count by, such as `not_utf8`.
        detail: what exactly was wrong, for the person who looks at the dead letter.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class TransientError(FarelarkError):
    """The message failed for a reason that may have passed when it is tried again.

    Args:
        reason: a short snake_case word to count by.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class UnavailableError(FarelarkError):
    """A server of ours cannot be reached now.

    Args:
        server: which one, such as `redis` or `shard2`; never its address, which may hold a password.
    """

    def __init__(self, server: str, detail: str = "") -> None:
        super().__init__(f"{server} is unavailable" + (f": {detail}" if detail else ""))
        self.server = server


class MapMovedError(FarelarkError):
    """The shard no longer holds, or does not yet hold, a bucket that this process looks for in it."""

    def __init__(self, server: str) -> None:
        super().__init__(f"{server} does not hold a bucket that an old map, or one that is being changed, puts there")
        self.server = server
