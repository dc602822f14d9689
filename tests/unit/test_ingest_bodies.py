"""What a body is by its own account, and how it is undone: formats, compression, single documents."""

import gzip
import json
import tracemalloc
from collections.abc import Callable

import msgspec
import pyarrow as pa
import pytest

from services.ingest_gateway.http import splitting
from services.ingest_gateway.http.inflating import MOST_BYTES, inflate
from services.ingest_gateway.http.media import Coding, Format, coding_of, format_of
from services.ingest_gateway.http.memory import Memory, Share
from services.ingest_gateway.http.refusals import TooLargeError, UnsupportedError
from services.ingest_gateway.http.splitting import MOST_FARES, documents_in
from shared.errors import UnavailableError, UnreadableError

MEBIBYTE = 1024 * 1024
COMPRESS: dict[Coding, Callable[[bytes], bytes]] = {
    Coding.GZIP: gzip.compress,
    Coding.ZSTD: lambda body: bytes(pa.compress(body, "zstd", asbytes=True)),
}
every_coding = pytest.mark.parametrize("coding", COMPRESS)


@pytest.mark.parametrize(
    "header", [b"application/json", b"Application/JSON ; charset=UTF-8", b'application/json;charset="utf-8"']
)
def test_a_format_is_told_however_its_header_is_written(header: bytes) -> None:
    assert format_of(header) is Format.JSON


@pytest.mark.parametrize(
    "header",
    [b"", b"text/plain", b"application/json, text/plain", b"application/json; charset=latin-1", b"\xff", b"json"],
)
def test_other_formats_are_refused(header: bytes) -> None:
    with pytest.raises(UnsupportedError, match="application/x-ndjson"):
        format_of(header)


@pytest.mark.parametrize(("header", "coding"), [(b"", "identity"), (b" GZIP", "gzip"), (b"zstd", "zstd")])
def test_a_coding_is_told(header: bytes, coding: str) -> None:
    assert coding_of(header) == coding


@pytest.mark.parametrize("header", [b"br", b"deflate", b"gzip, gzip", b"gzip;q=1", b"\xff"])
def test_other_codings_are_refused(header: bytes) -> None:
    with pytest.raises(UnsupportedError, match="zstd"):
        coding_of(header)


@every_coding
def test_compression_is_undone(coding: Coding) -> None:
    body = b"fares " * 100_000
    assert inflate(COMPRESS[coding](body), coding) == body
    assert inflate(COMPRESS[coding](body) * 2, coding) == body * 2


@every_coding
def test_a_bomb_takes_no_more_memory_than_a_large_body(coding: Coding) -> None:
    bomb = COMPRESS[coding](bytes(8 * MEBIBYTE)) * 100
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            inflate(bomb, coding)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES + 2 * MEBIBYTE
    finally:
        tracemalloc.stop()


@every_coding
@pytest.mark.parametrize("spoil", [lambda body: body[:-5], lambda body: body + b"x", lambda _: b"no such thing"])
def test_what_is_not_as_it_says_is_refused(coding: Coding, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableError, match=f"{coding}_malformed"):
        inflate(spoil(COMPRESS[coding](b"fares")), coding)


@pytest.mark.parametrize(
    ("form", "body", "documents"),
    [
        (Format.JSON, b' {"a": 1} ', [{"a": 1}]),
        (Format.JSON, b'[{"a": 1}, 2]', [{"a": 1}, 2]),
        (Format.NDJSON, b'{"a": 1}\n\n  \r\n {"b": 2}\r\n3', [{"a": 1}, {"b": 2}, 3]),
    ],
)
def test_documents_come_one_by_one(form: Format, body: bytes, documents: list[object]) -> None:
    assert [msgspec.json.decode(document) for document in documents_in(body, form)] == documents


@pytest.mark.parametrize(
    ("form", "body", "reason"),
    [
        (Format.JSON, b"", "json_malformed"),
        (Format.JSON, b"[]", "no_fares"),
        (Format.JSON, b'{"a": 1} {"b": 2}', "json_malformed"),
        (Format.JSON, b'{"a": ', "json_malformed"),
        (Format.JSON, b'[{"a": 1}', "json_malformed"),
        (Format.JSON, b'"fare"', "json_malformed"),
        (Format.JSON, b"[" * 100_000, "json_malformed"),
        (Format.JSON, b'{"a":' * 100_000, "json_malformed"),
        (Format.JSON, b'{"a": "\xff"}', "not_utf8"),
        (Format.JSON, b'["\xff"]', "not_utf8"),
        (Format.JSON, gzip.compress(b"[]", mtime=0), "not_utf8"),
        (Format.NDJSON, b"", "no_fares"),
        (Format.NDJSON, b"\n \n\r\n", "no_fares"),
        (Format.NDJSON, b"\xff", "not_utf8"),
    ],
)
def test_bodies_without_a_document_are_refused(form: Format, body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        documents_in(body, form)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (Format.JSON, json.dumps([0] * (MOST_FARES + 1)).encode()),
        (Format.NDJSON, b"0\n" * (MOST_FARES + 1)),
    ],
)
def test_one_fare_too_many_is_refused(form: Format, body: bytes) -> None:
    with pytest.raises(TooLargeError, match="100000 fares"):
        documents_in(body, form)


def test_an_array_of_millions_is_refused_before_it_takes_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def split(_: bytes) -> list[msgspec.Raw]:
        raise AssertionError("sixteen million objects")

    monkeypatch.setattr(splitting, "split", split)
    with pytest.raises(TooLargeError, match="commas"):
        documents_in(b"[" + b"0," * (16 * MEBIBYTE - 1) + b"0]", Format.JSON)


def test_bodies_share_a_bounded_memory_and_give_it_back() -> None:
    memory = Memory(100)
    with Share(memory) as first:
        first.take(60)
        with Share(memory) as second:
            second.take(30)
            with pytest.raises(UnavailableError, match="too many large bodies"):
                second.take(11)
        assert memory.free == 40
    assert memory.free == 100
