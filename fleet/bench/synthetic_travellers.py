"""Invented travellers, each with one device and no quiet hours, copied straight into the accounts database."""

import io
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import asyncpg
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

_AT_ONCE: Final = 50_000
_UUID_BYTES: Final = 16
_TOKEN_BYTES: Final = 76  # in hexadecimal about as long as Firebase's
_LOCALES: Final = ("en-GB", "en-US", "de-DE", "es-ES", "fr-FR")
_PLATFORMS: Final = ("android", "ios", "web")
_PLATFORM_SHARES: Final = (0.6, 0.35, 0.05)
_TIME_ZONE: Final = "Europe/Berlin"


class Part(NamedTuple):
    """Some travellers and their devices, as columns in the text form that COPY reads."""

    users: pa.RecordBatch
    devices: pa.RecordBatch


class Travellers:
    """So many travellers, the same ones for the same seed; 16 bytes of memory each."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self._seed = count, seed
        random = np.random.default_rng(seed)
        self._ids = np.frombuffer(random.bytes(_UUID_BYTES * count), dtype=f"V{_UUID_BYTES}")

    def some(self, count: int, random: np.random.Generator) -> pa.Array:
        """The ids of so many, each as likely as the others."""
        return _hexadecimal(self._ids[random.integers(self.count, size=count)])

    def parts(self) -> Iterator[Part]:
        """All of them."""
        for number, start in enumerate(range(0, self.count, _AT_ONCE)):
            yield _part(self._ids[start : start + _AT_ONCE], np.random.default_rng((self._seed, number)))


async def settle(accounts: str, travellers: Travellers, settled: Callable[[int], None]) -> None:
    """Copy travellers and devices into the accounts database, which must not have them yet."""
    async with asyncpg.create_pool(accounts, min_size=1, max_size=1) as pool:
        for users, devices in travellers.parts():
            await copy(pool, "users", users)
            await copy(pool, "devices", devices)
            settled(users.num_rows)


async def copy(pool: asyncpg.Pool, table: str, rows: pa.RecordBatch) -> None:
    """Copy rows, given in COPY's text form, into the columns of the same names."""
    text = io.BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
    text.seek(0)
    await pool.copy_to_table(table, source=text, columns=rows.schema.names, format="csv")


def uuids(count: int, random: np.random.Generator) -> pa.Array:
    """So many random ids in hexadecimal."""
    return _random_bytes(count, _UUID_BYTES, random)


def _part(ids: npt.NDArray[np.void], random: np.random.Generator) -> Part:
    count, users = len(ids), _hexadecimal(ids)
    devices = {
        "id": uuids(count, random),
        "user_id": users,
        "token": _random_bytes(count, _TOKEN_BYTES, random),
        "platform": pa.array(_PLATFORMS).take(pa.array(random.choice(len(_PLATFORMS), count, p=_PLATFORM_SHARES))),
        "locale": pa.array(_LOCALES).take(pa.array(random.integers(len(_LOCALES), size=count))),
        "time_zone": pa.repeat(_TIME_ZONE, count),
    }
    return Part(pa.RecordBatch.from_pydict({"id": users}), pa.RecordBatch.from_pydict(devices))


def _random_bytes(count: int, length: int, random: np.random.Generator) -> pa.Array:
    return _hexadecimal(np.frombuffer(random.bytes(length * count), dtype=f"V{length}"))


def _hexadecimal(values: npt.NDArray[np.void]) -> pa.Array:
    digits = values.tobytes().hex().encode()
    return pa.array(np.frombuffer(digits, dtype=f"S{2 * values.dtype.itemsize}")).cast(pa.string())
