"""A snapshot with what is late or wrong by it, as JSON: what `status --json` prints and `GET /queue/status` answers."""

import msgspec

from fleet.status.findings import findings, state
from fleet.status.snapshot import Snapshot


def report(snapshot: Snapshot) -> bytes:
    """One object: `status`, `findings`, and all fields of the snapshot."""
    found = findings(snapshot)
    return msgspec.json.encode({"status": state(found), "findings": found} | msgspec.to_builtins(snapshot))


def health(snapshot: Snapshot) -> bytes:
    """The short form, for machines that only ask whether all is well."""
    found = findings(snapshot)
    servers = {server.name: "up" if server.up else "away" for server in snapshot.servers}
    return msgspec.json.encode({"status": state(found), "findings": found, "servers": servers})
