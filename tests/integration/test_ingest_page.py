"""The producers' page: what it says to type is typed, word for word, and answered as it says."""

import asyncio
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from fleet.addresses import REPOSITORY
from fleet.servers.ports import LOOPBACK
from services.ingest_gateway.producers.producer import Producer
from shared.fare_lanes import Lane
from tests.integration.listening_door import listening
from tests.open_door import OpenDoor

PAGE = (REPOSITORY / "docs" / "ingest.md").read_text()
KEY = "flk_of_the_page"
TYPING_SECONDS = 60


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


async def test_the_page_leads_to_a_receipt_in_every_form(tmp_path: Path) -> None:
    door = OpenDoor(lambda: datetime.now(UTC))
    door.producers.known[f"Bearer {KEY}"] = Producer("page", "an example", "example", frozenset(Lane), 600_000)
    async with listening(door) as port:
        said = await typed(tmp_path, f"http://{LOOPBACK}:{port}")

    receipts = [json.loads(line) for line in said.splitlines() if line]
    assert receipts[:2] == [json.loads(shown) for shown in blocks("json")]
    assert receipts[2:] == [{"accepted": 3, "set_aside": [], "set_aside_total": 0, "stored": "queue"}]
    assert [batch.lane for batch in door.kept.batches] == [Lane.LIVE, Lane.SWEEP, Lane.SWEEP]
    assert {fare["source"] for fare in door.kept.fares} == {"example"}


async def typed(folder: Path, gateway: str) -> str:
    """What the page's commands say, beside a fleet whose only command makes a key."""
    (folder / "fleet.json").write_text(json.dumps({"gateway": gateway}))
    command = folder / "farelark"
    command.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "keys producers make" ] && echo {KEY}\n')
    command.chmod(0o755)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    typing = await asyncio.create_subprocess_exec(
        "/bin/bash",
        "-c",
        "set -e\n" + "".join(blocks("sh")),
        cwd=folder,
        env={"PATH": path, "FARELARK_DATA": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TYPING_SECONDS):
        said, errors = await typing.communicate()
    assert typing.returncode == 0, errors.decode()
    return said.decode()
