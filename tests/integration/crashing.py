"""Failpoints that end a handler as a crash would, without ending the tests' process."""

from shared.failpoints import Failpoints


class CrashError(BaseException):
    """The process ends here."""


class Crashing(Failpoints):
    """Raises at one failpoint."""

    def __init__(self, at: str) -> None:
        super().__init__(None)
        self._at = at

    def hit(self, name: str) -> None:
        """End the handler if this is the point.

        Raises:
            CrashError: it is.
        """
        if name == self._at:
            raise CrashError(name)
