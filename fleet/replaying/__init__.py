"""Old fares, read from files and made ready to be published once more."""

from fleet.replaying.batches import Batch, batches, stamp
from fleet.replaying.files import UnreadableFileError
from fleet.replaying.history import History, read, shift

__all__ = ["Batch", "History", "UnreadableFileError", "batches", "read", "shift", "stamp"]
