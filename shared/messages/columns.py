"""A batch of fares as numpy columns, validated: the form in which fares are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.messages import codes
from shared.messages.fare_key import FareParts, pack_boards, pack_fares
from shared.messages.integers import integers
from shared.money import MAX_PRICE

MAX_DAYS_AHEAD: Final = 2 * 366
CLOCK_LEEWAY: Final = timedelta(minutes=5)  # an observer's clock may be off by as much
MAX_STOPS: Final = 7
_EPOCH: Final = date(1970, 1, 1)

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FareColumns:
    """Valid fares, one a row: packed keys, price in minor units, instant of observation in ms since 1970."""

    rows: pa.RecordBatch
    board: npt.NDArray[np.uint64]
    fare: npt.NDArray[np.uint64]
    price: Ints
    observed_at: Ints

    @property
    def oldest(self) -> float | None:
        """When the oldest of them was observed, in seconds since 1970."""
        return int(self.observed_at.min()) / 1000 if len(self.observed_at) else None


class Findings:
    """The first fault of each row, by reason."""

    def __init__(self, count: int) -> None:
        self._fault = np.zeros(count, dtype=np.int16)
        self._reasons = [""]

    def note(self, reason: str, bad: Bools) -> None:
        """Mark rows as faulty for this reason unless they already are for another."""
        if bad.any():
            self._reasons.append(reason)
            self._fault[(self._fault == 0) & bad] = len(self._reasons) - 1

    def note_codes(self, column: str, column_codes: Ints) -> None:
        """Mark the rows whose text could not be coded."""
        if column_codes.min(initial=0) >= 0:
            return
        self.note(f"{column}_missing", column_codes == codes.MISSING)
        self.note(f"{column}_malformed", column_codes == codes.MALFORMED)
        self.note(f"{column}_unknown", column_codes == codes.UNKNOWN)

    @property
    def good(self) -> Bools:
        """Which rows have no fault."""
        return self._fault == 0

    def faults(self) -> list[tuple[int, str]]:
        """The rows that are set aside, by position, and why."""
        rows = np.flatnonzero(self._fault)
        return [(row, self._reasons[fault]) for row, fault in zip(rows.tolist(), self._fault[rows], strict=True)]

    def counts(self) -> dict[str, int]:
        """How many rows are set aside for each reason."""
        tally = np.bincount(self._fault, minlength=len(self._reasons))
        return {reason: int(tally[i]) for i, reason in enumerate(self._reasons) if i and tally[i]}


# Notes the faults of rows, given also their currency codes.
Check = Callable[[pa.RecordBatch, Ints, Findings], None]

_CODED: Final[dict[str, Callable[[str], int]]] = {
    "origin": codes.airport_code,
    "destination": codes.airport_code,
    "carrier": codes.carrier_code,
    "flight_number": codes.flight_code,
    "cabin": codes.cabin_code,
    "currency": codes.currency_code,
    "source": codes.source_code,
}
_MAY_BE_UNKNOWN: Final = ("carrier", "flight_number")


def validate(
    rows: pa.RecordBatch, now: datetime, lifetime: timedelta, check_further: Check
) -> tuple[FareColumns, Findings]:
    """Pack the valid rows, and find what is wrong with the others.

    Args:
        rows: a batch with the columns of `FARES_SCHEMA`, and perhaps more.
        now: the present instant, which bounds departures and observations.
        lifetime: an observation older than this says nothing about today's price.
        check_further: what the caller's contract asks beyond this.
    """
    findings = Findings(rows.num_rows)
    coded = {name: _code(rows, name, findings) for name in _CODED}
    departure, returning = _days(rows, "departure_date"), _days(rows, "return_date")
    price, observed_at = integers(rows["price"], 0), integers(rows["observed_at"], codes.MISSING)
    minute, stops = _minutes(rows), integers(rows["stops"], codes.MISSING)
    findings.note("origin_is_destination", coded["origin"] == coded["destination"])
    one_way = rows["return_date"].is_null().to_numpy(zero_copy_only=False)
    _check_dates(findings, departure, returning, one_way, (now.astimezone(UTC).date() - _EPOCH).days)
    _check_amounts(findings, price, stops)
    _check_observation(findings, observed_at, now, lifetime)
    check_further(rows, coded["currency"], findings)
    good = findings.good
    columns = FareColumns(
        rows=rows if good.all() else rows.filter(pa.array(good)),
        board=pack_boards(coded["origin"], coded["destination"], departure, returning)[good],
        fare=pack_fares(
            FareParts(coded["carrier"], coded["flight_number"], minute, coded["cabin"], stops, coded["currency"])
        )[good],
        price=price[good],
        observed_at=observed_at[good],
    )
    return columns, findings


def _code(rows: pa.RecordBatch, name: str, findings: Findings) -> Ints:
    column_codes = codes.code_column(rows[name], _CODED[name])
    if name in _MAY_BE_UNKNOWN:
        column_codes[column_codes == codes.MISSING] = 0
    findings.note_codes(name, column_codes)
    return column_codes


def _days(rows: pa.RecordBatch, name: str) -> Ints:
    return integers(rows[name].view(pa.int32()), 0)


def _minutes(rows: pa.RecordBatch) -> Ints:
    return integers(rows["departure_time"].view(pa.int32()), 24 * 3600) // 60


def _check_dates(findings: Findings, departure: Ints, returning: Ints, one_way: Bools, today: int) -> None:
    findings.note("departure_date_missing", departure == 0)
    findings.note("departure_date_past", departure < today - 1)  # it is still yesterday somewhere
    findings.note("departure_date_too_far", departure > today + MAX_DAYS_AHEAD)
    findings.note("return_date_before_departure", ~one_way & (returning < departure))
    findings.note("return_date_too_far", returning > today + MAX_DAYS_AHEAD)


def _check_amounts(findings: Findings, price: Ints, stops: Ints) -> None:
    findings.note("price_missing", price == 0)  # feeds send 0 for "no price"
    findings.note("price_negative", price < 0)
    findings.note("price_too_large", price > MAX_PRICE)
    findings.note("stops_malformed", (stops < 0) | (stops > MAX_STOPS))


def _check_observation(findings: Findings, observed_at: Ints, now: datetime, lifetime: timedelta) -> None:
    latest = int((now + CLOCK_LEEWAY).timestamp() * 1000)
    earliest = int((now - lifetime).timestamp() * 1000)
    findings.note("observed_at_missing", observed_at == codes.MISSING)
    findings.note("observed_at_future", observed_at > latest)
    findings.note("observed_at_long_ago", observed_at < earliest)
