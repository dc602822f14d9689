"""The app developer's page: what it says to type is typed, word for word."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.addresses import REPOSITORY
from tests.e2e.commands import environment
from tests.e2e.running_fleet import RunningFleet

pytestmark = pytest.mark.timeout(200)

PAGE = (REPOSITORY / "docs" / "api.md").read_text()
CALLS = 10
TYPING_SECONDS = 120


def typed() -> str:
    """What the page says to type, as one script that ends at the first failure."""
    return "set -e\n" + "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


def test_the_page_leads_from_registering_to_the_first_push_in_ten_calls(fleet: RunningFleet, tmp_path: Path) -> None:
    command = tmp_path / "farelark"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m fleet "$@"\n')
    command.chmod(0o755)

    done = subprocess.run(  # noqa: S603  # what our own page says
        ["/bin/bash", "-c", typed()],
        cwd=tmp_path,
        env=environment(FARELARK_DATA=str(fleet.folder)),
        capture_output=True,
        text=True,
        timeout=TYPING_SECONDS,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{fleet.log_tails()}"
    assert re.findall(r"^\*\*(\d+)\. ", PAGE, re.MULTILINE) == [str(number) for number in range(1, CALLS + 1)]
    (push,) = fleet.pushes()
    *_, why, receipts = (json.loads(line) for line in done.stdout.split("\n") if line.startswith("{"))
    assert push["notification_id"] == why["id"]
    assert why["cause"]["fare"]["price"] == {"amount": 19_900, "currency": "EUR"}
    assert receipts == {"applied": 1, "ignored": 0, "refused": []}
