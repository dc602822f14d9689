"""`./farelark shards` as a person types it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from fleet.addresses import Service
from fleet.commands import app
from fleet.shards.hangup import hang_up
from tests.e2e.commands import finished
from tests.integration.fleet_on_file import WITHOUT_SERVERS
from tests.integration.shard_contents import fill, map_of, of_bucket, run

# By the first map of four shards on shard 2; NYC-LON is in it.
BUCKET = 742


@pytest.fixture
def urls(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> list[str]:
    """The run's shards under the first map, with alerts of one bucket."""
    assert shard_engines
    asyncio.run(fill(shard_urls, [BUCKET]))
    return shard_urls


@pytest.fixture
def data(urls: list[str], tmp_path: Path) -> Path:
    """The data folder of a fleet that stands on these shards and has no process that runs."""
    services = [Service("alert_worker", os.getpid(), ""), Service("notifier", 2**22 + 1, "")]
    replace(WITHOUT_SERVERS, shards=urls, services=services).write(tmp_path)
    return tmp_path


def shards(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["shards", *arguments, "--data", str(data)])


def test_list_shows_every_shard(data: Path) -> None:
    lines = shards(data, "list").stdout.splitlines()
    assert [line.split()[1] for line in lines if "shard" in line][1:] == ["shard0", "shard1", "shard2", "shard3"]
    listed = json.loads(shards(data, "list", "--json").stdout)["shards"]
    assert [(shard["shard"], shard["buckets"], shard["alerts"]) for shard in listed] == [
        (0, 256, 0),
        (1, 256, 0),
        (2, 256, 20),
        (3, 256, 0),
    ]


def test_check_ends_with_status_1_and_says_what_to_do(data: Path, urls: list[str]) -> None:
    well = shards(data, "check")
    assert (well.exit_code, well.stdout) == (0, "all is well\n")

    asyncio.run(run(urls[0], "INSERT INTO bucket_transit (id, bucket, content) VALUES ($1, 742, '{}')", uuid4()))

    told, in_json = shards(data, "check"), shards(data, "check", "--json")
    assert told.exit_code == in_json.exit_code == 1
    (fault,) = json.loads(in_json.stdout)["faults"]
    assert told.stdout == f"{fault}\n"
    assert "`./farelark shards move 742 2` forgets them" in fault


@pytest.mark.parametrize("bucket", [str(BUCKET), "NYC-LON"])
def test_move_takes_a_bucket_or_a_route_in_it(data: Path, urls: list[str], bucket: str) -> None:
    result = shards(data, "move", bucket, "1", "--json")
    moved = json.loads(result.stdout)
    assert {name: moved[name] for name in ("bucket", "from", "to", "alerts")} == {
        "bucket": BUCKET,
        "from": 2,
        "to": 1,
        "alerts": 20,
    }
    assert 0 < moved["blocked_seconds"] < moved["seconds"]
    assert "copied 20 of 20 alerts" in result.stderr
    assert len(asyncio.run(of_bucket(urls[1], BUCKET))) == 20


def test_move_tells_a_person_what_it_has_done(data: Path) -> None:
    assert shards(data, "move", "742", "1").stdout.startswith("bucket 742 is on shard1: 20 alerts came from shard2 in ")


@pytest.mark.parametrize("bucket", ["1024", "-1", "nyc-lon", "JFK-LON", "NYC-LON\n", "NYC", ""])
def test_what_is_no_bucket_is_refused(bucket: str) -> None:
    """An airport stands under its city: `JFK-LON` is no route, and would hash to another bucket."""
    result = CliRunner().invoke(app, ["shards", "move", "--", bucket, "1"])
    assert result.exit_code == 2
    assert "neither a bucket from 0 to 1023 nor a route" in " ".join(result.stderr.replace("│", "").split())


def test_a_refused_move_is_told_in_one_sentence(data: Path) -> None:
    result = finished("shards", "move", "742", "2", "--data", data, cwd=data)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "farelark: shard2 holds bucket 742 already\n")


def test_a_move_that_was_killed_is_finished_by_the_same_command(data: Path, urls: list[str], tmp_path: Path) -> None:
    (tmp_path / "shards.switched_source").write_text("1")
    killed = finished("shards", "move", "742", "1", "--data", data, cwd=data, settings={"FAILPOINTS": str(tmp_path)})
    assert killed.returncode == -signal.SIGKILL
    assert "`./farelark shards move 742 1` finishes it" in shards(data, "check").stdout

    result = shards(data, "move", "742", "1", "--json")

    assert json.loads(result.stdout)["alerts"] == 20
    assert "finishing the move of bucket 742 to shard1 that was cut short" in result.stderr
    assert shards(data, "check").exit_code == 0
    assert [asyncio.run(map_of(url)).version for url in urls] == [2, 2, 2, 2]


@contextmanager
def waiting_process(argument: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with this on its command line that waits to be ended; tests may run where hangups are ignored."""
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); print(flush=True); signal.sigwait([])"
    process = subprocess.Popen([sys.executable, "-c", code, argument], stdout=subprocess.PIPE)  # noqa: S603  # our own
    with process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_only_processes_that_are_what_the_fleet_says_get_the_hangup() -> None:
    """Another process may have got the pid of one that is gone."""
    with waiting_process("services.alert_worker") as worker, waiting_process("services.price_worker") as other:
        hang_up([Service("alert_worker", pid, "") for pid in (worker.pid, other.pid, 2**22 + 1)])
        assert worker.wait(10) == -signal.SIGHUP
        assert other.poll() is None
