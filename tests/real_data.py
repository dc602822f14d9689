"""Where the real input lies that tests may use: it is no part of the repository, and tests without it skip."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FARELARK_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_file(name: str) -> Path:
    """A file of the data by its path below `DATA`; skips the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent: FARELARK_TEST_DATA names the folder of real data")
    return path
