"""Programs that single tests need beside the servers of a fleet."""

import os

import pytest

from fleet.servers.errors import ProgramsMissingError
from fleet.servers.programs import install_missing


def require(server: str) -> None:
    """Have a server's programs there, installed if they were missing and we may; if not, CI fails and a desk skips.

    Args:
        server: its name in `fleet.servers.programs`.
    """
    try:
        install_missing(print, [server])
    except ProgramsMissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
