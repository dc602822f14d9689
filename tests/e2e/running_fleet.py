"""A fleet as a person runs it: `up` as a process of its own, the other commands beside it, travellers at its API."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import httpx
from redis import Redis

from fleet import addresses
from fleet.addresses import Addresses, Service
from fleet.chain import open_chain
from tests.e2e.commands import environment, finished

START_SECONDS = 120.0
STOP_SECONDS = 90.0


class Traveller:
    """Somebody who has registered over HTTP, with so many devices."""

    def __init__(self, client: httpx.Client, api: str, devices: int) -> None:
        self._client = client
        self._api = api
        self.headers: dict[str, str] = {}
        self.credentials = {"email": f"{uuid4().hex}@example.org", "password": uuid4().hex}
        grant = self.post("/api/auth/register", self.credentials)
        self.headers["Authorization"] = f"Bearer {grant['access_token']}"
        self.id = str(grant["user_id"])
        self.devices = [self._enter_device() for _ in range(devices)]

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request that must succeed; returns the answer."""
        answer = self._client.post(self._api + path, json=body, headers=self.headers)
        assert answer.is_success, f"POST {path} answered {answer.status_code}: {answer.text}"
        return dict(answer.json())

    def wish(self, **wish: Any) -> str:  # noqa: ANN401  # a JSON body
        """Make an alert; returns its id."""
        return str(self.post("/api/alerts", wish)["id"])

    def _enter_device(self) -> str:
        device = {"token": uuid4().hex, "platform": "android", "locale": "en-GB"}
        return str(self.post("/api/devices", device)["id"])


class Claim(NamedTuple):
    """An alert as its firings have left it; prices in minor units of the reference currency."""

    fire_seq: int
    initial_price: int
    armed_price: int
    state: str
    last_price: int | None
    last_fare: str | None


class RunningFleet:
    """A fleet that `up` has started and that is ready."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], client: httpx.Client) -> None:
        self.folder = folder
        self.process = process
        self.client = client
        self._end = 0

    @property
    def addresses(self) -> Addresses:
        """Where everything is now: pids change when a service is started again."""
        return addresses.read(self.folder)

    def process_of(self, service: str) -> Service:
        """The one process of a service, as it runs now."""
        (process,) = [process for process in self.addresses.processes if process.name == service]
        return process

    def traveller(self, devices: int = 1) -> Traveller:
        """Register somebody."""
        return Traveller(self.client, self.addresses.api, devices)

    def log_in(self, traveller: Traveller) -> dict[str, Any]:
        """Log somebody in who registered before."""
        answer = self.client.post(f"{self.addresses.api}/api/auth/login", json=traveller.credentials)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        """Run a command that must succeed with `--json`; returns its result."""
        done = finished(*arguments, "--json", "--data", self.folder, cwd=self.folder.parent)
        assert done.returncode == 0, f"{arguments}: exit status {done.returncode}\n{done.stderr}\n{self.log_tails()}"
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def replay(self, *arguments: str | Path) -> dict[str, Any]:
        """Replay files; returns the counts."""
        return self.run("replay", *arguments)

    def drain(self, seconds: float = 120) -> None:
        """Wait until the chain is at rest."""
        asyncio.run(_drain(self.addresses, seconds))

    def status(self) -> dict[str, Any]:
        """Queues, processes and the ledger."""
        return self.run("status")

    def pushes(self) -> list[dict[str, Any]]:
        """The lines of the push log, in order."""
        log = Path(self.addresses.push_log)
        return [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []

    def alert_rows(self) -> list[dict[str, Any]]:
        """Every alert as it stands in its shard."""
        return [dict(row) for row in self.on_shards("SELECT * FROM alerts ORDER BY id")]

    def on_shards(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement on each shard; returns the rows of all."""
        rows = asyncio.run(_on_each(self.addresses.shards, statement, *arguments))
        return [row for shard in rows for row in shard]

    def on_accounts(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement on the accounts database; returns the rows."""
        return asyncio.run(_on(self.addresses.accounts, statement, *arguments))

    def claims(self) -> dict[str, Claim]:
        """What has become of every alert, by its id."""
        return {str(row["id"]): Claim(*(row[name] for name in Claim._fields)) for row in self.alert_rows()}

    def clear(self) -> None:
        """Forget fares, their history, alerts, notifications and pushes; the chain must be at rest."""
        at = self.addresses
        with Redis.from_url(at.redis) as redis:
            redis.flushdb()
        self.on_shards("TRUNCATE alerts, arriving_alerts, departed_alerts, price_history, counted_messages")
        self.on_accounts("TRUNCATE notifications")
        Path(at.push_log).unlink(missing_ok=True)

    def kill(self) -> None:
        """End `up` as a crash does, with no time to stop anything."""
        self._end = -signal.SIGKILL
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Stop it as a person does, unless it was killed; it must end in good order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS)
        assert status == self._end, f"up ended with status {status}\n{self.log_tails()}"

    def log_tails(self, lines: int = 15) -> str:
        """The last lines of every log, for a failure's message."""
        logs = [up_log(self.folder), *sorted((self.folder / "logs").glob("*.log"))]
        return "\n".join(f"--- {log.name}\n" + "\n".join(_tail(log, lines)) for log in logs if log.exists())


def up_log(folder: Path) -> Path:
    """The file with the output of `up`."""
    return folder.with_suffix(".up.log")


@contextmanager
def running_fleet(
    folder: Path, scale: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[RunningFleet]:
    """A fleet that `up` keeps running while the block runs, and that then stops with exit status 0.

    Args:
        folder: its data folder; it is made where it is missing.
        scale: processes of a service, 1 where it is not named.
        settings: further environment of `up` and its services.
    """
    with httpx.Client(timeout=30) as client:
        fleet = RunningFleet(folder, _start(folder, scale or {}, settings or {}), client)
        try:
            _wait_ready(fleet)
            yield fleet
        finally:
            fleet.stop()


@contextmanager
def frozen(process: Service) -> Iterator[None]:
    """Have a process do nothing while the block runs, though it is there."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def _start(folder: Path, scale: Mapping[str, int], settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    options = [f"--scale={service}={count}" for service, count in scale.items()]
    with up_log(folder).open("wb") as log:
        return subprocess.Popen(  # noqa: S603  # our own command line
            [sys.executable, "-m", "fleet", "up", "--data", str(folder), *options],
            cwd=folder.parent,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_ready(fleet: RunningFleet) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not any(line.startswith("ready:") for line in _tail(up_log(fleet.folder), 5)):
        ended = fleet.process.poll()
        assert ended is None, f"up ended with status {ended}\n{fleet.log_tails()}"
        assert time.monotonic() < deadline, f"not ready within {START_SECONDS:g} s\n{fleet.log_tails()}"
        time.sleep(0.05)


def _tail(log: Path, lines: int) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-lines:]


async def _drain(at: Addresses, seconds: float) -> None:
    async with open_chain(at) as chain:
        await chain.drain(seconds)


async def _on_each(urls: Iterable[str], statement: str, *arguments: object) -> list[list[asyncpg.Record]]:
    return [await _on(url, statement, *arguments) for url in urls]


async def _on(url: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()
