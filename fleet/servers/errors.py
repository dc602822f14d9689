"""What can go wrong with the servers of a local fleet; each message says what to do about it."""

from collections.abc import Sequence
from pathlib import Path

INSTALLER = Path(__file__).with_name("install.sh")


class ServersError(Exception):
    """Any failure to find, install, start or keep the private servers."""


class FolderInUseError(ServersError):
    """Two fleets must not share a data folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"{folder} is in use by process {holder or 'unknown'}: stop it, or choose another folder")


class ProgramsMissingError(ServersError):
    """Server programs are not installed; the message holds the command that installs them."""

    def __init__(self, packages: Sequence[str]) -> None:
        names = " ".join(packages)
        super().__init__(f"not installed: {names}. Type: sudo sh {INSTALLER} {names}")
        self.packages = packages


class InstallError(ServersError):
    """The system's package manager failed."""


class ChildFailedError(ServersError):
    """A child process ended or did not get ready."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        tail = "\n".join(f"  {line}" for line in last_lines(log))
        super().__init__(f"{name} {what}. The end of its log {log}:\n{tail}")


def last_lines(log: Path, count: int = 15, window: int = 8192) -> list[str]:
    """Return up to `count` lines from the last `window` bytes of a log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - window))
        return file.read().decode(errors="replace").splitlines()[-count:]
