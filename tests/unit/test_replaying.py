"""Fares are read from files of every form, cut into batches and moved to the present."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from fleet.replaying import History, UnreadableFileError, batches, read, shift, stamp
from shared.messages.batches import decode, encode
from shared.messages.fares import FARES, FARES_SCHEMA
from tests.real_data import real_file

HEADER = "quoted_at,origin,destination,departure_date,carrier,flight_no,dep_time,currency,price"
GOOD = "2026-03-01T09:00:00Z,BCN,BUD,2026-04-01,W6,2376,09:15,EUR,109.99"


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def history_of(folder: Path, *lines: str) -> History:
    return read([written(folder / "fares.csv", HEADER, *lines)])


def prices(rows: pa.Table | pa.RecordBatch) -> list[int]:
    return [int(price) for price in rows["price"].to_pylist()]


def quoted(instant: str, price: int) -> str:
    return f"{instant},BCN,BUD,2026-04-01,W6,2376,09:15,EUR,{price}"


def test_a_row_becomes_a_fare_of_the_contract(tmp_path: Path) -> None:
    history = history_of(tmp_path, GOOD)

    assert history.fares.schema == FARES_SCHEMA
    assert history.fares.to_pylist() == [
        {
            "origin": "BCN",
            "destination": "BUD",
            "departure_date": date(2026, 4, 1),
            "return_date": None,
            "carrier": "W6",
            "flight_number": "2376",
            "departure_time": datetime(2026, 1, 1, 9, 15, tzinfo=UTC).time(),
            "cabin": "economy",
            "stops": 0,
            "currency": "EUR",
            "price": 10999,
            "observed_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "source": "replay:fares.csv",
        }
    ]
    assert history.set_aside == {}
    assert history.mapped == {"cabin_taken_as_economy": 1, "stops_taken_as_0": 1}


def test_every_format_gives_the_same_fares(tmp_path: Path) -> None:
    plain = written(tmp_path / "fares.csv", HEADER, GOOD)
    zipped = tmp_path / "fares.csv.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    document = (
        '{"quoted_at": "2026-03-01T09:00:00Z", "origin": "BCN", "destination": "BUD", "price": 109.99,'
        ' "departure_date": "2026-04-01", "return_date": null, "carrier": "W6", "flight_number": 2376,'
        ' "departure_time": "09:15", "currency": "EUR", "seen_by": ["a crawler"]}'
    )
    ndjson = written(tmp_path / "fares.ndjson", document)
    table = parquet_path(tmp_path, price=109.99)

    fares = [read([path]).fares.drop_columns("source") for path in (plain, zipped, ndjson, table)]

    assert all(other.equals(fares[0]) for other in fares)


def parquet_path(folder: Path, price: float) -> Path:
    """The good row as a data frame would write it, typed."""
    row = {
        "observed_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "origin": "BCN",
        "destination": "BUD",
        "departure_date": datetime(2026, 4, 1),  # noqa: DTZ001  # data frames keep dates as zoneless instants
        "carrier": "W6",
        "flight_number": 2376,
        "departure_time": datetime(2026, 1, 1, 9, 15, tzinfo=UTC).time(),
        "currency": "EUR",
        "price": price,
    }
    parquet.write_table(pa.Table.from_pylist([row]), folder / "fares.parquet")
    return folder / "fares.parquet"


def test_broken_lines_are_counted_and_the_others_are_read(tmp_path: Path) -> None:
    csv = history_of(tmp_path, "2026-03-01,BCN,BUD", GOOD, GOOD + ",one,too,many", GOOD, 'a "stray, quote,"')
    row = '{"quoted_at":"2026-03-01","origin":"BCN","destination":"BUD","departure_date":"2026-04-01"'
    row += ',"currency":"EUR"'
    deep = "[" * 100_000
    lines = (
        row,
        row + ',"price":"12"}',
        "[1]",
        deep,
        row + ',"carrier":"\\ud800","price":1}',
        "",
        "12",
        "not json",
    )
    ndjson = read([written(tmp_path / "fares.jsonl", *lines)])

    assert (csv.fares.num_rows, csv.set_aside["line_broken"]) == (2, 3)
    assert (ndjson.fares.num_rows, ndjson.set_aside["line_broken"]) == (1, 6)


def test_lines_swallowed_by_a_stray_quote_are_counted_one_by_one(tmp_path: Path) -> None:
    history = history_of(tmp_path, GOOD, '"' + GOOD, GOOD, GOOD)

    assert (history.fares.num_rows, history.set_aside["line_broken"]) == (1, 3)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("fares.csv", b"", "is empty"),
        ("fares.csv", b"\n \n", "is empty"),
        ("fares.csv", HEADER.encode() + b"\n", "no row is a fare"),
        (
            "fares.csv",
            f"{HEADER}\n{GOOD.replace('109.99', '0')}\n".encode(),
            "no row is a fare .price_missing 1.",
        ),
        ("fares.csv", f"{HEADER}\n{GOOD}\n".encode() + b"caf\xe9\n", "line 3 is not UTF-8"),
        (
            "fares.csv",
            b"quoted_at,origin,price\n1,2,3\n",
            "no column destination; departure_date; currency; rename",
        ),
        ("fares.csv", f"{HEADER},price\n{GOOD},1\n".encode(), "two columns are named price"),
        ("fares.csv.gz", gzip.compress(f"{HEADER}\n{GOOD}\n".encode(), mtime=0)[:-12], "cut short or damaged"),
        ("fares.csv.gz", b"\x1f\x8bnonsense", "cannot be read"),
        ("fares.ndjson", b"\xff\xfe\x00", "line 1 is not UTF-8"),
        ("fares.ndjson", b"not json\n", "no column origin"),
        ("fares.parquet", b"PAR1 but no more", "cannot be parsed .*; see whether its name says its format"),
        ("fares.xlsx", b"anything", "must end in one of .csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(UnreadableFileError, match=problem) as refusal:
        read([path])

    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        read([tmp_path / "fares.csv"])


def test_several_files_are_merged_in_order_of_observation(tmp_path: Path) -> None:
    march = written(tmp_path / "a.csv", HEADER, quoted("2026-03-02", 2), quoted("2026-03-01", 1))
    more = written(tmp_path / "b.csv", HEADER, quoted("2026-03-01T12:00:00+02:00", 3), quoted("2026-03-02", 4))

    assert prices(read([march, more]).fares) == [100, 300, 200, 400]


def test_batches_hold_every_fare_once_and_are_cut_between_days(tmp_path: Path) -> None:
    days = ["2026-03-01T08:00:00Z", "2026-03-01T23:59:59Z", "2026-03-01T23:59:59Z", "2026-03-02"]
    history = history_of(tmp_path, *(quoted(day, price) for price, day in enumerate(days, start=1)))

    by_day = [(cut.day.day, prices(cut.fares), cut.last_of_day) for cut in batches(history, 2, by_day=True)]
    together = [prices(cut.fares) for cut in batches(history, 3)]

    assert by_day == [(1, [100, 200], False), (1, [300], True), (2, [400], True)]
    assert together == [[100, 200, 300], [400]]


def test_a_batch_can_be_sent_as_a_message(tmp_path: Path) -> None:
    history = history_of(tmp_path, *(quoted("2026-03-01", price) for price in range(1, 6)))
    last = list(batches(history, 2))[-1]

    assert decode(FARES, encode(FARES, last.fares), "application/vnd.apache.arrow.stream").rows.equals(last.fares)


def test_shifting_moves_flights_by_whole_days_and_leaves_observations(tmp_path: Path) -> None:
    header = HEADER.replace("departure_date", "departure_date,return_date")
    rows = ["2026-03-01T23:00:00Z,BCN,BUD,2026-03-01,2026-03-09,W6,1,09:15,EUR,9"]
    rows += ["2026-03-02T01:00:00Z,BCN,BUD,2026-03-31,,W6,1,09:15,EUR,9"]
    history = read([written(tmp_path / "fares.csv", header, *rows)])

    shifted, days = shift(history, today=date(2027, 3, 1))

    assert days == 365
    assert shifted.fares["departure_date"].to_pylist() == [date(2027, 3, 1), date(2027, 3, 31)]
    assert shifted.fares["return_date"].to_pylist() == [date(2027, 3, 9), None]
    assert shifted.fares["observed_at"] == history.fares["observed_at"]


def test_stamps_keep_the_order_of_observation_within_and_across_batches(tmp_path: Path) -> None:
    instants = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in (0, 5, 5, 6, 9)]
    history = history_of(tmp_path, *(quoted(instant.isoformat(), 1) for instant in instants))
    now = datetime(2026, 11, 22, 10, 30, 0, 123_456, tzinfo=UTC)

    stamped = [stamp(cut, now).fares["observed_at"].to_pylist() for cut in batches(history, 3)]

    last = now.replace(microsecond=123_000)
    expected = [last - timedelta(milliseconds=lag) for lag in (3, 2, 2, 1, 0)]
    assert stamped == [expected[:3], expected[3:]]


@pytest.mark.parametrize(("name", "rows"), [("wizz_dev.csv.gz", 181_833), ("gflights_dev.csv.gz", 101_313)])
def test_every_row_of_the_real_files_is_a_fare(name: str, rows: int) -> None:
    history = read([real_file(f"fares/{name}")])

    assert history.fares.num_rows == rows
    assert not history.set_aside
    assert history.fares["carrier"].null_count == history.mapped["carrier_unknown"]
