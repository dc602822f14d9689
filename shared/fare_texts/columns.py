"""The columns that fares in texts have, under the names of the fare contract, whatever a file calls them."""

from typing import Final

import pyarrow as pa

from shared.errors import FarelarkError

# Every column that is read, with the names it may have in a file.
NAMES: Final = {
    "origin": ("origin",),
    "destination": ("destination",),
    "departure_date": ("departure_date",),
    "return_date": ("return_date",),
    "carrier": ("carrier",),
    "flight_number": ("flight_number", "flight_no"),
    "departure_time": ("departure_time", "dep_time"),
    "cabin": ("cabin",),
    "stops": ("stops",),
    "currency": ("currency",),
    "price": ("price",),
    "observed_at": ("observed_at", "quoted_at"),
}
REQUIRED: Final = ("origin", "destination", "departure_date", "currency", "price", "observed_at")
ASSUMED: Final = {"cabin": "economy", "stops": 0}  # of a fare that does not say, as of one in JSON
TEXTS: Final = pa.schema([(name, pa.string()) for name in NAMES])


class MisnamedColumnsError(FarelarkError):
    """A table lacks a column that no fare can do without, or has one twice; the message says which."""


def under_our_names(table: pa.Table) -> pa.Table:
    """The columns of `TEXTS`: those that the table has, as texts, and nulls for the others.

    Raises:
        MisnamedColumnsError: one that is required is missing, or one is there twice.
    """
    found = {name: [also for also in names if also in table.column_names] for name, names in NAMES.items()}
    if missing := [" or ".join(NAMES[name]) for name in REQUIRED if not found[name]]:
        has = ", ".join(table.column_names) or "none"
        raise MisnamedColumnsError(f"no column {'; '.join(missing)}; rename those that it has: {has}")
    if twice := [names[0] for names in found.values() if names and table.column_names.count(names[0]) > 1]:
        raise MisnamedColumnsError(f"two columns are named {twice[0]}; rename or remove one")
    nothing = pa.nulls(table.num_rows, pa.string())
    columns = [table[names[0]].cast(pa.string()) if names else nothing for names in found.values()]
    return pa.table(columns, schema=TEXTS)
