"""A file of fares, read piece by piece, so that one of gigabytes takes no more memory than a small one."""

import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from services.ingest_gateway.sources.files.csv_pieces import read_csv
from services.ingest_gateway.sources.files.ndjson_pieces import read_ndjson
from services.ingest_gateway.sources.files.parquet_pieces import read_parquet
from services.ingest_gateway.sources.files.piece import Piece
from shared.errors import UnreadableError
from shared.fare_texts.columns import MisnamedColumnsError

_READERS: Final[dict[str, Callable[[Path, str], Iterator[Piece]]]] = {
    ".csv": read_csv,
    ".ndjson": read_ndjson,
    ".jsonl": read_ndjson,
    ".parquet": read_parquet,
}


def pieces_of(path: Path, source: str) -> Generator[Piece]:
    """The fares of a file, of which all but Parquet may be gzipped; `source` is what they bear as theirs.

    Raises:
        UnreadableError: the file cannot be read, or not to its end; what it gave before is good.
    """
    reader = _READERS.get(Path(path.name.removesuffix(".gz")).suffix)
    if reader is None:
        raise UnreadableError("unknown_format", f"the name must end in {', '.join(_READERS)} or one of them .gz")
    try:
        yield from reader(path, source)
    except MisnamedColumnsError as error:
        raise UnreadableError("wrong_columns", str(error)) from error
    except pa.ArrowException as error:  # among them what is no UTF-8 below the first line
        raise UnreadableError("malformed", f"{error}; see whether the name says the format") from error
    except UnicodeDecodeError as error:
        raise UnreadableError("not_utf8", "convert it with iconv") from error
    except (EOFError, zlib.error) as error:
        raise UnreadableError("gzip_malformed", "it is cut short or damaged") from error
    except OSError as error:  # among them a gzip file with a wrong checksum
        raise UnreadableError("not_readable", error.strerror or str(error)) from error
