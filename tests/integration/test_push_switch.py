"""Pushes that are stopped and started: nothing leaves meanwhile, and then each leaves once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from fleet.addresses import Addresses
from fleet.commands import app
from fleet.push_switch import start_pushes, stop_pushes
from services.notifier.gateway import Outcome, Push
from services.notifier.push_log import PushLog
from services.notifier.push_switch import PushSwitch
from shared.broker.broker import Broker
from shared.databases import open_engine
from shared.errors import UnavailableError
from shared.health import Health
from shared.messages.notifications import Notice
from shared.schema.accounts import notifications, push_stops
from shared.topology import LANES, Lane
from tests.counted import counted
from tests.integration.conftest import Probe
from tests.integration.notifying import migrated_accounts, recorded, row
from tests.integration.test_notifier_serving import World, hold, known_firing, publish
from tests.private_servers import Servers

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture(autouse=True)
def a_quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifiers follow the switch at once."""
    monkeypatch.setattr("services.notifier.app.FOLLOW_EVERY_S", 0.05)


@pytest.fixture
async def accounts(servers: Servers) -> AsyncIterator[AsyncEngine]:
    """The accounts database, where pushes are not stopped and nothing of other tests is held."""
    async with migrated_accounts(servers) as engine:
        async with engine.begin() as connection:
            await connection.execute(delete(notifications).where(notifications.c.state == "held"))
            await connection.execute(delete(push_stops))
        yield engine
        async with engine.begin() as connection:
            await connection.execute(delete(push_stops))


@pytest.fixture
def url(servers: Servers) -> str:
    return servers.postgres.url("accounts")


@pytest.fixture
def world(servers: Servers, shard_urls: list[str], tmp_path: Path) -> World:
    return World(servers, shard_urls, tmp_path / "pushes.jsonl")


async def stopped(world: World) -> None:
    """Wait until a notifier follows the stop."""
    async with asyncio.timeout(20):
        while not counted("farelark_pushes_stopped") or world.health.missing():  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0.02)


async def waiting(probe: Probe) -> int:
    """How many messages wait in the lanes once nobody takes any; none of them is in anybody's hands then."""
    async with asyncio.timeout(20):
        while True:
            declared = [await probe.channel.declare_queue(lane.name, passive=True) for lane in LANES.values()]
            if not any(queue.declaration_result.consumer_count for queue in declared):
                return sum(queue.declaration_result.message_count or 0 for queue in declared)
            await asyncio.sleep(0.02)


def pushed(world: World) -> Counter[str]:
    """How often each notification is in the push log."""
    return Counter(line["notification_id"] for line in world.lines())


async def publish_all(broker: Broker, notices: Sequence[Notice]) -> None:
    for number, notice in enumerate(notices):
        await publish(broker, list(Lane)[number % len(Lane)], notice)


async def test_stopped_under_load_nothing_leaves_and_after_the_start_each_leaves_once(
    world: World, accounts: AsyncEngine, shard_engines: list[AsyncEngine], broker: Broker, probe: Probe, url: str
) -> None:
    """At any time what is pushed and what waits is all that there is."""
    before, meanwhile = [[await known_firing(accounts, shard_engines) for _ in range(n)] for n in (60, 15)]
    async with world.notifier():
        publishing = asyncio.create_task(publish_all(broker, before))
        await world.pushed(before[0])
        await stop_pushes(url, "ann", "a test")
        await publishing
        await stopped(world)
        left = await waiting(probe)
        sent = pushed(world)
        assert sent.total() + left == len(before)
        await publish_all(broker, meanwhile)
        assert await waiting(probe) == left + len(meanwhile)
        assert pushed(world) == sent

        await start_pushes(url, "bob")
        await world.pushed(*before, *meanwhile)
    assert pushed(world) == Counter(str(notice.id) for notice in (*before, *meanwhile))
    assert await waiting(probe) == 0
    assert await recorded(accounts, *before, *meanwhile) == [("sent", None)] * 75
    assert counted("farelark_pushes_stopped") == 0


async def test_what_is_in_work_when_pushes_are_stopped_is_queued_again_and_no_try_is_counted(
    world: World,
    accounts: AsyncEngine,
    shard_engines: list[AsyncEngine],
    broker: Broker,
    probe: Probe,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its push was just about to leave."""
    notice = await known_firing(accounts, shard_engines)
    about_to_leave, may_leave = asyncio.Event(), asyncio.Event()
    send = PushLog.send

    async def send_later(log: PushLog, pushes: Sequence[Push]) -> Sequence[Outcome]:
        about_to_leave.set()
        await may_leave.wait()
        return await send(log, pushes)

    monkeypatch.setattr(PushLog, "send", send_later)
    async with world.notifier():
        await publish(broker, Lane.STANDARD, notice)
        await about_to_leave.wait()
        await stop_pushes(url, "ann", "a test")
        await stopped(world)
        may_leave.set()
        assert await waiting(probe) == 1
        assert await recorded(accounts, notice) == [("queued", "pushes_stopped")]
        assert (await row(accounts, notice)).tries == 0
        assert world.health.missing() == []
        await start_pushes(url, "bob")
        await world.pushed(notice)
    assert pushed(world).total() == 1
    assert await probe.all(f"{LANES[Lane.STANDARD].name}.dead") == []


async def test_what_is_held_stays_held_while_pushes_are_stopped(
    world: World,
    accounts: AsyncEngine,
    shard_engines: list[AsyncEngine],
    probe: Probe,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in a notifier that starts meanwhile: it is ready all the same, and ends when it is told to."""
    notice = await known_firing(accounts, shard_engines)
    await hold(accounts, notice)
    await stop_pushes(url, "ann", "a test")
    looks = asyncio.Semaphore(0)
    look_of = PushSwitch.look

    async def counted_look(switch: PushSwitch, database: AsyncEngine) -> None:
        await look_of(switch, database)
        looks.release()

    monkeypatch.setattr(PushSwitch, "look", counted_look)
    monkeypatch.setattr("services.notifier.app.RELEASE_EVERY_S", 0.02)
    async with world.notifier():
        await stopped(world)
        for _ in range(5):
            await looks.acquire()
        assert await recorded(accounts, notice) == [("held", "digest")]
        assert await waiting(probe) == 0
    async with world.notifier():
        await start_pushes(url, "bob")
        await world.pushed(notice)


async def test_the_switch_stays_as_it_is_while_the_database_is_away(
    accounts: AsyncEngine, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shut until it is known, and says once what it is."""
    switch, nobody = PushSwitch(Health()), open_engine(NOBODY, application="tests", pool_size=1)
    shut = [switch.shut]
    for database in (nobody, accounts, nobody):
        with pytest.raises(UnavailableError) if database is nobody else nullcontext():
            await switch.look(database)
        shut.append(switch.shut)
    await stop_pushes(url, "ann", "a test")
    for database in (accounts, accounts, nobody):
        with pytest.raises(UnavailableError) if database is nobody else nullcontext():
            await switch.look(database)
        shut.append(switch.shut)
    assert shut == [True, True, False, False, True, True, True]
    assert capsys.readouterr().out.count("pushes_stopped") == 1


class CommandLine:
    """`./farelark pushes` on a fleet of which only the accounts database is there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        Addresses(0, "", "", "", 0, "", url, [], "", []).write(folder)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["pushes", *arguments, "--data", str(self.folder)])

    def json(self, *arguments: str) -> dict[str, Any]:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found


@pytest.fixture
def command_line(tmp_path: Path, url: str, accounts: AsyncEngine) -> CommandLine:
    assert accounts
    return CommandLine(tmp_path, url)


def test_a_stop_says_who_did_it_when_and_why(command_line: CommandLine) -> None:
    assert command_line.json("show") == {"stopped": False}
    before = datetime.now(UTC)
    stop = command_line.json("stop", "--reason", "FCM refuses us", "--by", "ann")
    assert before <= datetime.fromisoformat(stop.pop("since")) <= datetime.now(UTC)
    assert stop == {"stopped": True, "by": "ann", "reason": "FCM refuses us", "changed": True}
    assert "UTC by ann: FCM refuses us" in command_line.run("show").stdout
    assert command_line.json("start") == {"stopped": False, "changed": True}
    assert command_line.run("show").stdout == "pushes go out\n"


def test_a_second_stop_leaves_the_first_one_as_it_is(command_line: CommandLine) -> None:
    first = command_line.json("stop", "--reason", "first", "--by", "ann")
    assert command_line.json("stop", "--reason", "second", "--by", "bob") == first | {"changed": False}
    assert "nothing to do" in command_line.run("stop", "--reason", "third").stdout


def test_a_start_of_what_is_not_stopped_does_nothing(command_line: CommandLine) -> None:
    assert command_line.json("start") == {"stopped": False, "changed": False}
    assert command_line.run("start").stdout == "nothing to do: pushes go out\n"


def test_without_another_name_it_is_the_login_that_stops_pushes(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "carol")
    assert command_line.json("stop", "--reason", "why")["by"] == "carol"


def test_a_stop_without_a_reason_is_refused(command_line: CommandLine) -> None:
    assert command_line.run("stop").exit_code == 2
    assert command_line.run("stop", "--reason", " ").exit_code == 2
    assert command_line.json("show") == {"stopped": False}


def test_a_database_that_is_away_is_said_in_a_sentence_without_its_password(tmp_path: Path) -> None:
    result = CommandLine(tmp_path, NOBODY.replace("nobody", "nobody:secret")).run("show")
    assert result.exit_code == 1
    assert result.output.startswith("farelark: accounts is unavailable")
    assert "secret" not in result.output


async def test_every_stop_is_kept(accounts: AsyncEngine, url: str) -> None:
    for reason in ("first", "second"):
        await stop_pushes(url, "ann", reason)
        await start_pushes(url, "bob")
    async with accounts.connect() as connection:
        kept = (await connection.execute(select(push_stops).order_by(push_stops.c.stopped_at))).all()
    assert [(stop.stopped_by, stop.reason, stop.started_by) for stop in kept] == [
        ("ann", "first", "bob"),
        ("ann", "second", "bob"),
    ]
    assert all(stop.stopped_at <= stop.started_at for stop in kept)
