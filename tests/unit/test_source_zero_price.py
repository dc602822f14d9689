"""Real rows whose price is zero are missing prices, and no bargains."""

import csv
import re
from collections import Counter
from pathlib import Path

from services.ingest_gateway.sources.files.pieces import pieces_of
from tests.real_data import real_file

HEADER = ("quoted_at", "origin", "destination", "departure_date", "return_date", "flight_no", "currency", "price")


def test_rows_that_were_scraped_without_a_price_are_set_aside(tmp_path: Path) -> None:
    with real_file("payloads/edge_cases/gflights_zero_price.csv").open(encoding="utf-8-sig", newline="") as file:
        scraped = list(csv.DictReader(file))
    drop = tmp_path / "drop.csv"
    with drop.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *map(under_our_names, scraped)])

    pieces = list(pieces_of(drop, "gflights"))

    assert [price for piece in pieces for price in piece.rows["price"].to_pylist()] == [3_180_900, 2_680_900]
    assert sum((Counter(piece.set_aside) for piece in pieces), Counter()) == {"price_missing": 2}


def under_our_names(row: dict[str, str]) -> list[str]:
    """A scraped row as files have it, with the digits of its price: `NT$0` is 0, `$31,809` is 31809."""
    found = re.search(r"\$([0-9,]+)", row["price_text"])
    assert found
    columns = ("origin", "destination", "departure_date", "return_date", "outbound_flight_number")
    return [row["scraped_at"][:19], *(row[column] for column in columns), "TWD", found[1].replace(",", "")]
