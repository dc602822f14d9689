"""Files of fares that appear in a folder: each is read once, to its end, in pieces."""

import gzip
import json
import os
from codecs import BOM_UTF8
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from services.ingest_gateway.sources.files.folder_work import FolderWork
from services.ingest_gateway.sources.halt import Halt, HaltedError
from services.ingest_gateway.sources.settings import FolderSettings
from services.ingest_gateway.sources.source_cycle import SourceCycle
from shared.fare_lanes import Lane
from shared.messages.fares import FARES_SCHEMA
from shared.sweeps import SweepEnding
from tests.unit.keeping_intake import KeepingIntake

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HEADER = "origin,destination,departure_date,return_date,carrier,flight_number,departure_time,currency,price,observed_at"
LINE = "JFK,LHR,2026-12-24,,BA,178,18:30,USD,429.50,2026-11-23T11:59:00Z"
DOCUMENT = {
    "origin": "JFK",
    "destination": "LHR",
    "departure_date": "2026-12-24",
    "carrier": "BA",
    "flight_number": "178",
    "departure_time": "18:30",
    "currency": "USD",
    "price": 42_950,
    "observed_at": "2026-11-23T11:59:00Z",
}
FARE = {
    "origin": "JFK",
    "destination": "LHR",
    "departure_date": date(2026, 12, 24),
    "return_date": None,
    "carrier": "BA",
    "flight_number": "178",
    "departure_time": time(18, 30),
    "cabin": "economy",
    "stops": 0,
    "currency": "USD",
    "price": 42_950,
    "observed_at": datetime(2026, 11, 23, 11, 59, tzinfo=UTC),
    "source": "drops",
}


class World:
    """A watched folder and what has been taken from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.intake = KeepingIntake()
        self.halt = Halt()
        self.cycle = SourceCycle.begin("drops", NOW, self.halt)
        self._work = FolderWork(
            FolderSettings(name="drops", kind="files", folder=folder), self.intake, first_wait_s=0.01
        )

    async def look(self) -> bool:
        return await self._work.waits()

    async def run(self) -> None:
        """Look twice and take what is whole."""
        await self.look()
        if await self.look():
            ended = await self._work.run(self.cycle)
            assert ended.ending is SweepEnding.COMPLETE

    def names(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def as_csv(path: Path) -> None:
    path.write_text(f"{HEADER}\n{LINE}\n")


def as_gzipped_csv(path: Path) -> None:
    path.write_bytes(gzip.compress(f"{HEADER}\n{LINE}\n".encode()))


def as_ndjson(path: Path) -> None:
    path.write_text(f"\n{json.dumps(DOCUMENT)}\n\n")


def as_parquet(path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist([FARE | {"source": "theirs"}], schema=FARES_SCHEMA), path)


def as_parquet_of_decimals(path: Path) -> None:
    rows = [{**DOCUMENT, "price": Decimal("429.50")}]
    parquet.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("fares.csv", as_csv),
        ("fares.csv.gz", as_gzipped_csv),
        ("fares.ndjson", as_ndjson),
        ("fares.jsonl", as_ndjson),
        ("fares.parquet", as_parquet),
        ("decimals.parquet", as_parquet_of_decimals),
    ],
)
async def test_every_format_tells_the_same_fare(world: World, name: str, write: Callable[[Path], None]) -> None:
    write(world.folder / name)
    await world.run()
    assert world.intake.fares == [FARE]
    assert world.intake.ways == {(Lane.SWEEP, "drops-20261123T120000Z")}
    assert world.names() == {f"done/{name}"}
    assert (world.cycle.counts.requests, world.cycle.counts.fares) == (1, 1)


@pytest.mark.parametrize(("name", "write"), [("fares.csv", as_csv), ("fares.ndjson", as_ndjson)])
async def test_a_byte_order_mark_costs_no_fare(world: World, name: str, write: Callable[[Path], None]) -> None:
    file = world.folder / name
    write(file)
    file.write_bytes(BOM_UTF8 + file.read_bytes().lstrip())
    await world.run()
    assert world.intake.fares == [FARE]
    assert world.cycle.counts.set_aside == 0


async def test_a_file_that_grows_is_left_until_it_has_stopped(world: World) -> None:
    file = world.folder / "fares.csv"
    file.write_text(f"{HEADER}\n")
    assert not await world.look()
    append(file, LINE)
    assert not await world.look()
    assert await world.look()


async def test_a_file_that_changes_while_it_is_read_is_read_again(world: World) -> None:
    as_csv(world.folder / "fares.csv")
    world.intake.meanwhile = lambda: append(world.folder / "fares.csv", LINE.replace("178", "180"))
    await world.run()
    assert world.names() == {"fares.csv"}
    world.intake.meanwhile = None
    await world.run()
    assert {fare["flight_number"] for fare in world.intake.fares} == {"178", "180"}
    assert world.names() == {"done/fares.csv"}


def append(file: Path, line: str) -> None:
    with file.open("a") as growing:
        growing.write(f"{line}\n")


async def test_what_is_hidden_unfinished_empty_or_read_already_is_let_alone(world: World) -> None:
    for name in (".fares.csv", "fares.csv.tmp", "fares.csv.part"):
        as_csv(world.folder / name)
    (world.folder / "fares.csv").touch()
    (world.folder / "done").mkdir()
    as_csv(world.folder / "done" / "old.csv")
    before = world.names()
    await world.run()
    assert world.names() == before
    assert not world.intake.fares


async def test_a_second_file_of_one_name_does_not_take_the_place_of_the_first(world: World) -> None:
    for _ in range(2):
        as_csv(world.folder / "fares.csv")
        await world.run()
    assert world.names() == {"done/fares.csv", "done/fares.csv.2"}


async def test_a_file_that_cannot_be_moved_away_is_not_read_again_and_again(world: World) -> None:
    (world.folder / "done").symlink_to("nowhere")
    as_csv(world.folder / "fares.csv")
    for _ in range(2):
        await world.run()
    assert world.names() == {"fares.csv"}
    assert world.intake.fares == [FARE]


async def test_the_oldest_file_is_read_first(world: World) -> None:
    for name, flight, modified in (("a.csv", "2", 2_000), ("b.csv", "1", 1_000)):
        (world.folder / name).write_text(f"{HEADER}\n{LINE.replace('178', flight)}\n")
        os.utime(world.folder / name, (modified, modified))
    await world.run()
    assert [fare["flight_number"] for fare in world.intake.fares] == ["1", "2"]


async def test_rows_that_are_no_fares_are_set_aside_by_reason(world: World) -> None:
    bad = [LINE.replace("429.50", price) for price in ("0", "429.505", "-1", "NaN")]
    (world.folder / "fares.csv").write_text("\n".join([HEADER, LINE, *bad, "one,field", ""]))
    documents = [DOCUMENT, DOCUMENT | {"price": 429.5}, DOCUMENT | {"price": 0}, {"origin": "JFK"}]
    lines = [*map(json.dumps, documents), "no JSON", "\udcff", '{"origin": "' + "J" * 200_000 + '"}']
    (world.folder / "fares.ndjson").write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    await world.run()
    assert world.intake.fares == [FARE, FARE]
    assert world.cycle.set_aside == {
        "price_missing": 2,
        "price_malformed": 4,
        "line_broken": 1,
        "destination_missing": 1,
        "document_malformed": 3,
    }
    assert world.cycle.counts.set_aside == 11
    assert world.names() == {"done/fares.csv", "done/fares.ndjson"}


def truncated(path: Path) -> None:
    as_gzipped_csv(path)
    path.write_bytes(path.read_bytes()[:-12])


def floating(path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist([DOCUMENT | {"price": 429.5}]), path)


def without_price(path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist([{"origin": "JFK"}]), path)


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("fares.csv", lambda path: path.write_text("name,age\nAda,36\n"), "wrong_columns: no column origin"),
        ("fares.csv", lambda path: path.write_bytes(f"{HEADER}\n{LINE}\n".encode("utf-16")), "not_utf8"),
        ("fares.csv.gz", truncated, "not_readable"),
        ("fares.ndjson.gz", truncated, "gzip_malformed: it is cut short"),
        ("fares.parquet", lambda path: path.write_text("PAR1, they say"), "malformed"),
        ("fares.parquet", floating, "inexact_price: price is a float"),
        ("fares.parquet", without_price, "wrong_columns: no column price"),
        ("fares.xlsx", lambda path: path.write_text("x"), "unknown_format: the name must end in .csv"),
    ],
)
async def test_a_file_that_cannot_be_read_lies_with_its_reason(
    world: World, name: str, write: Callable[[Path], None], reason: str
) -> None:
    write(world.folder / name)
    await world.run()
    assert world.names() == {f"failed/{name}", f"failed/{name}.reason"}
    assert (world.folder / "failed" / f"{name}.reason").read_text().startswith(reason)
    assert world.cycle.counts.failed == 1


async def test_a_large_file_is_read_in_pieces(world: World) -> None:
    rows = 20_000
    (world.folder / "fares.csv").write_text("\n".join([HEADER, *[LINE] * rows]))
    parquet.write_table(pa.Table.from_pylist([FARE] * rows, schema=FARES_SCHEMA), world.folder / "fares.parquet")
    await world.run()
    assert len(world.intake.fares) == 2 * rows
    assert world.intake.largest < rows


async def test_an_intake_that_takes_nothing_is_waited_for(world: World) -> None:
    as_csv(world.folder / "fares.csv")
    world.intake.refusals = 1
    await world.run()
    assert world.intake.fares == [FARE]


async def test_a_halt_leaves_the_file_to_be_read_again(world: World) -> None:
    as_csv(world.folder / "fares.csv")
    world.halt.call()
    with pytest.raises(HaltedError):
        await world.run()
    assert world.names() == {"fares.csv"}
    assert not world.intake.fares


async def test_a_halt_while_a_file_is_read_leaves_it_to_be_read_again(world: World) -> None:
    as_csv(world.folder / "fares.csv")
    world.intake.meanwhile = world.halt.call
    with pytest.raises(HaltedError):
        await world.run()
    assert world.names() == {"fares.csv"}


async def test_a_fault_of_ours_over_one_file_does_not_keep_the_others_from_being_read(world: World) -> None:
    faults = [LookupError("a test says so")]

    def fail_once() -> None:
        if faults:
            raise faults.pop()

    for name in ("a.csv", "b.csv"):
        as_csv(world.folder / name)
        os.utime(world.folder / name, (1_000, 1_000))
    world.intake.meanwhile = fail_once
    await world.run()
    assert world.names() == {"failed/a.csv", "failed/a.csv.reason", "done/b.csv"}
    assert (world.folder / "failed" / "a.csv.reason").read_text().startswith("unexpected LookupError")
    assert world.intake.fares == [FARE]


async def test_a_folder_that_is_gone_is_looked_for_again(world: World) -> None:
    as_csv(world.folder / "fares.csv")
    gone = world.folder.rename(world.folder.with_name("elsewhere"))
    await world.run()
    assert not world.intake.fares
    gone.rename(world.folder)
    await world.run()
    assert world.intake.fares == [FARE]
