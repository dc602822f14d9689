"""Files of fares, each read into one table of texts under the names of the fare contract.

What a text means is decided in `mapping`; here a file is opened, decompressed and cut into fields. In every format a
price is a decimal number such as 109.99, as sources quote it, and not yet in minor units.
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
from pyarrow import csv, parquet

from shared.errors import FarelarkError
from shared.fare_texts.columns import NAMES, MisnamedColumnsError, under_our_names

GZIP_MAGIC: Final = b"\x1f\x8b"
MEND: Final = "see whether its name says its format, and in CSV look for a quote without its twin"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class UnreadableFileError(FarelarkError):
    """A file cannot be replayed; the message names it and says what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True, slots=True)
class Texts:
    """A file's rows as texts, null where the file says nothing, and how many lines are no rows."""

    rows: pa.Table
    broken_lines: int


def read_texts(path: Path) -> Texts:
    """Read one file; `.csv`, `.ndjson` and `.jsonl` may be gzipped.

    Raises:
        UnreadableFileError: the file as a whole cannot be read.
    """
    if not path.exists():
        raise UnreadableFileError(path, "there is no such file")
    reader = READERS.get(Path(path.name.removesuffix(".gz")).suffix)
    if reader is None:
        raise UnreadableFileError(path, f"the name must end in one of {', '.join(READERS)}, or one of them .gz")
    try:
        return reader(path)
    except OSError as error:  # among them a gzip file with a wrong checksum
        raise UnreadableFileError(path, f"cannot be read ({error.strerror or error})") from error
    except (EOFError, zlib.error) as error:
        raise UnreadableFileError(path, "the gzip file is cut short or damaged; fetch it again") from error
    except MisnamedColumnsError as error:
        raise UnreadableFileError(path, str(error)) from error
    except pa.ArrowException as error:
        raise UnreadableFileError(path, f"cannot be parsed ({error}); {MEND}") from error


def _read_csv(path: Path) -> Texts:
    broken_lines = 0

    def skip(row: csv.InvalidRow) -> str:
        nonlocal broken_lines
        broken_lines += row.text.count("\n") + 1  # a stray quote swallows the lines up to the next quote
        return "skip"

    table = csv.read_csv(
        pa.BufferReader(_utf8(path)),
        read_options=csv.ReadOptions(use_threads=False),  # the count needs no lock
        parse_options=csv.ParseOptions(invalid_row_handler=skip),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for names in NAMES.values() for name in names},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    return Texts(under_our_names(table), broken_lines)


def _read_ndjson(path: Path) -> Texts:
    # Numbers stay as they are written, so that no price passes through a float.
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=str)
    rows, broken_lines = [], 0
    for line in filter(None, map(bytes.strip, _utf8(path).split(b"\n"))):
        try:
            rows.append(decoder.decode(line))
        except (msgspec.DecodeError, RecursionError):
            broken_lines += 1
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names}
    return Texts(under_our_names(pa.table(columns)), broken_lines)


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _read_parquet(path: Path) -> Texts:
    return Texts(under_our_names(parquet.read_table(path)), 0)


READERS: Final[dict[str, Callable[[Path], Texts]]] = {
    ".csv": _read_csv,
    ".ndjson": _read_ndjson,
    ".jsonl": _read_ndjson,
    ".parquet": _read_parquet,
}


def _utf8(path: Path) -> bytes:
    """The file's bytes, decompressed and known to be UTF-8."""
    data = path.read_bytes()
    if data.startswith(GZIP_MAGIC):
        data = gzip.decompress(data)
    if not data.strip():
        raise UnreadableFileError(path, "the file is empty")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFileError(path, f"line {line} is not UTF-8; convert the file with iconv") from error
    return data.removeprefix(BYTE_ORDER_MARK)
