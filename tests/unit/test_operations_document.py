"""The example in docs/operations.md is a snapshot with every field that there is."""

import re

import msgspec

from fleet.addresses import REPOSITORY
from fleet.status.snapshot import Snapshot


def test_the_documented_status_has_every_field_and_no_other() -> None:
    text = (REPOSITORY / "docs" / "operations.md").read_text()
    health, status = (msgspec.json.decode(example) for example in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    snapshot = msgspec.convert(status, Snapshot)
    assert msgspec.to_builtins(snapshot).keys() == status.keys()
    for documented, made in (
        (status["stages"][0]["queues"][0], snapshot.work[0]),
        (status["servers"][0], snapshot.servers[0]),
        (status["processes"][0], snapshot.processes[0]),
        (status["cycle"], snapshot.cycle),
    ):
        assert msgspec.to_builtins(made) == documented
    assert health.keys() == {"status", "findings", "servers"}
