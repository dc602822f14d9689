"""A folder in which files appear: which of them are whole, and where they go once they have been read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

_DONE: Final = "done"
_FAILED: Final = "failed"
_UNFINISHED: Final = (".tmp", ".part")  # names under which others write before they rename

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file was like at a scan; one that is written to changes it."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def now(cls, path: Path) -> "Seen":
        """What it is like now."""
        status = path.stat()
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


class Folder:
    """One folder; its subfolders `done` and `failed` take what has been read.

    Args:
        path: the folder.
        pattern: what the names of its files must fit, as `*.csv`.
    """

    def __init__(self, path: Path, pattern: str) -> None:
        self._path = path
        self._pattern = pattern
        self._before: dict[Path, Seen] = {}
        self._left: dict[Path, Seen] = {}  # read, and could not be moved away

    def whole(self) -> list[Path]:
        """Look at the folder: those files that have not changed since the last look, the oldest first.

        Raises:
            OSError: the folder cannot be looked into.
        """
        next(self._path.iterdir(), None)  # `glob` finds nothing, and says nothing, where it cannot look
        now = {path: Seen.now(path) for path in self._path.glob(self._pattern) if _is_wanted(path)}
        whole = [path for path, seen in now.items() if self._before.get(path) == seen and self._left.get(path) != seen]
        self._before = now
        return sorted(whole, key=lambda path: (now[path].modified_ns, path.name))

    def is_as_seen(self, path: Path) -> bool:
        """Whether a file is still what it was at the last look."""
        return path.exists() and Seen.now(path) == self._before.get(path)

    def done(self, path: Path) -> None:
        """Move a file that has been read."""
        self._move(path, _DONE)

    def failed(self, path: Path, reason: str) -> None:
        """Move a file that cannot be read, and write beside it why."""
        if moved := self._move(path, _FAILED):
            try:
                moved.with_name(f"{moved.name}.reason").write_text(f"{reason}\n")
            except OSError as error:
                log.warning("reason_not_written", path=str(moved), reason=reason, error=error.strerror)

    def _move(self, path: Path, where: str) -> Path | None:
        try:
            target = _free(self._path / where / path.name)
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
        except OSError as error:
            log.error(  # noqa: TRY400  # the error's own words say it all
                "file_left", path=str(path), error=error.strerror, what_to_do=f"move it away, or allow {where}/"
            )
            self._left[path] = self._before[path]
            return None
        return target


def _is_wanted(path: Path) -> bool:
    """An empty file is one that its writer has only opened."""
    hidden = path.name.startswith(".") or path.suffix in _UNFINISHED
    return not hidden and path.is_file() and path.stat().st_size > 0


def _free(path: Path) -> Path:
    """The path, or the same with a number if there is such a file already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
