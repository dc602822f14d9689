"""From texts to fares: every row becomes a fare or is set aside for one reason, and both are counted.

Each distinct text of a column is understood once, so a file of millions of rows costs little.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shared.fare_texts import fields
from shared.fare_texts.carriers import carrier
from shared.fare_texts.columns import ASSUMED, REQUIRED
from shared.messages.fares import FARES_SCHEMA

_FIELDS: Final[dict[str, Callable[[str], Any]]] = {
    "origin": fields.airport,
    "destination": fields.airport,
    "departure_date": fields.day,
    "return_date": fields.day,
    "carrier": carrier,
    "flight_number": fields.flight_number,
    "departure_time": fields.clock_time,
    "cabin": fields.cabin,
    "stops": fields.stops,
    "currency": fields.currency,
    "price": fields.price,
    "observed_at": fields.instant,
}
# A fare may do without these; the others must make sense where a file gives them.
_MAY_BE_UNKNOWN: Final = ("carrier", "flight_number", "departure_time")


@dataclass(frozen=True, slots=True)
class MappedTexts:
    """Fares with the columns of `FARES_SCHEMA`; how many rows are none, or say something else, by reason."""

    fares: pa.Table
    set_aside: Counter[str]
    mapped: Counter[str]


def fares_of(texts: pa.Table, source: str) -> MappedTexts:
    """Understand every row of a table with the columns of `columns.TEXTS`; `source` says whence they come."""
    values = {
        name: _distinct(texts[name], understand, FARES_SCHEMA.field(name).type) for name, understand in _FIELDS.items()
    }
    minor_unit = _distinct(texts["currency"], fields.minor_unit, pa.int64())
    values["price"] = _in_minor_units(values["price"], minor_unit)
    reason = _reasons(texts, values)
    good = pc.is_null(reason)
    mapped = _alterations(texts.filter(good), {name: value.filter(good) for name, value in values.items()})
    for name, assumed in ASSUMED.items():
        values[name] = values[name].fill_null(assumed)
    values["source"] = pa.repeat(source, texts.num_rows)
    fares = pa.table([values[name] for name in FARES_SCHEMA.names], schema=FARES_SCHEMA).filter(good)
    return MappedTexts(fares, _counts(reason), mapped)


def _distinct(texts: pa.ChunkedArray, understand: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """What the texts mean, each distinct one understood once; null where missing or without sense."""
    encoded = texts.combine_chunks().dictionary_encode()
    meanings = pa.array(map(understand, encoded.dictionary.to_pylist()), kind)
    return meanings.take(encoded.indices)


def _in_minor_units(ten_thousandths: pa.Array, minor_unit: pa.Array) -> pa.Array:
    """The prices in minor units of their currencies, null where the currency has not that many digits."""
    price = pc.divide(ten_thousandths, minor_unit)
    exact = pc.equal(pc.multiply(price, minor_unit), ten_thousandths)
    return pc.if_else(exact, price, pa.scalar(None, pa.int64()))


def _reasons(texts: pa.Table, values: dict[str, pa.Array]) -> pa.Array:
    """The first reason to set each row aside, null for a fare."""
    cases = {f"{name}_missing": pc.is_null(texts[name]) for name in REQUIRED}
    cases["price_missing"] = pc.or_kleene(cases["price_missing"], pc.equal(values["price"], 0))
    for name, value in values.items():
        if name not in _MAY_BE_UNKNOWN:
            cases[f"{name}_malformed"] = pc.and_(pc.is_valid(texts[name]), pc.is_null(value))
    cases["return_date_before_departure"] = pc.less(values["return_date"], values["departure_date"])
    masks = [pc.fill_null(mask, False) for mask in cases.values()]  # noqa: FBT003  # pyarrow takes it by position
    return pc.case_when(pc.make_struct(*masks), *map(pa.scalar, cases))


def _alterations(texts: pa.Table, values: dict[str, pa.Array]) -> Counter[str]:
    """How many fares say less, or something else, than their rows did."""
    cases = {f"{name}_unknown": pc.is_null(values[name]) for name in _MAY_BE_UNKNOWN}
    cases |= {f"{name}_taken_as_{value}": pc.is_null(values[name]) for name, value in ASSUMED.items()}
    cases["carrier_by_name"] = pc.not_equal(texts["carrier"], values["carrier"])
    cases["first_of_several_flights"] = _distinct(texts["flight_number"], fields.several, pa.bool_())
    return Counter({name: count for name, mask in cases.items() if (count := pc.sum(mask).as_py())})


def _counts(reasons: pa.Array) -> Counter[str]:
    counted = reasons.drop_null().value_counts()
    return Counter(dict(zip(*(column.to_pylist() for column in counted.flatten()), strict=True)))
