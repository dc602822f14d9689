"""When a bench gives up on a fleet: once it has come no further for so long that it never will."""

from dataclasses import dataclass
from typing import Final

from shared.errors import FarelarkError

PATIENCE_S: Final = 60.0


class StuckError(FarelarkError):
    """The fleet comes no further although something is left to do; its logs may say why."""


@dataclass
class Patience:
    """Ends when it has been shown the same state for longer than so many seconds."""

    seconds: float = PATIENCE_S
    _seen: object = None
    _since: float = 0.0

    def ends(self, state: object, at: float) -> bool:
        """Whether nothing has moved for too long.

        Args:
            state: changes whenever something moves.
            at: when it was seen, in seconds of a clock that never goes back.
        """
        if state != self._seen:
            self._seen, self._since = state, at
        return at - self._since > self.seconds
