"""What the answers of all travel APIs have in common."""

import msgspec
import pytest

from services.ingest_gateway.sources.apis.answers import read_answer, reason_of
from shared.errors import UnreadableError

ANSWER = msgspec.json.Decoder(dict[str, list[msgspec.Raw]])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"data": [{"currency": "GB\xff"}]}', "not_utf8"),  # though it is in a part that is read later
        (b'{"data": ["\xed\xa0\x80"]}', "not_utf8"),
        (b'{"data": [', "answer_malformed"),
        (b'{"data": []}}', "answer_malformed"),
        (b'{"data": ' + b"[" * 100_000, "answer_malformed"),
        (b"<html>maintenance</html>", "answer_malformed"),
        (b"", "answer_malformed"),
    ],
)
def test_a_body_that_cannot_be_read_has_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_answer(ANSWER, body)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("INVALID FORMAT", "invalid_format"),
        ("InvalidRoute", "invalid_route"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("I'm a Teapot", "i_m_a_teapot"),
        ("?!", ""),
        ("far" * 100, "far" * 20),
    ],
)
def test_a_phrase_becomes_a_short_word(phrase: str, reason: str) -> None:
    assert reason_of(phrase) == reason
