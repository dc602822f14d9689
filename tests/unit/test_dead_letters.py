"""What a dead letter says of itself, and what it becomes when it is published again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fleet.dead_letters.letters import Letter
from fleet.dead_letters.selection import Selection, queue_named
from shared.broker.outgoing import Outgoing
from shared.errors import ConfigurationError
from shared.topology import ALERTS_EVALUATE, CHANGES_ALERTS, FARES_INGEST
from tests.unit.dead_letters_in_memory import seen

DIED_AT = datetime(2026, 12, 24, 6, 30, tzinfo=UTC)
OBITUARY = {"reason": "not_utf8", "died_at": DIED_AT.isoformat(), "tries": 2, "redrives": 1}
EXPIRED = {"queue": "fares.ingest.retry.5s", "reason": "expired", "count": 1, "time": DIED_AT}
LIMIT = {"queue": "fares.ingest", "reason": "delivery_limit", "count": 1, "time": DIED_AT}


def letter(**headers: Any) -> Letter:  # noqa: ANN401  # AMQP's
    return Letter.read(FARES_INGEST, seen(b"body", "the-id", **headers))


def test_a_letter_says_what_its_consumer_wrote() -> None:
    one = letter(**OBITUARY)
    assert (one.id, one.reason, one.died_at, one.tries, one.redrives) == ("the-id", "not_utf8", DIED_AT, 2, 1)


def test_a_letter_that_the_broker_buried_says_why_and_not_why_it_was_once_retried() -> None:
    one = letter(reason="board_unreadable", attempt=1, **{"x-death": [LIMIT, EXPIRED]})
    assert (one.reason, one.died_at, one.tries) == ("delivery_limit", DIED_AT, None)


def test_a_letter_that_has_waited_in_a_retry_queue_keeps_its_consumers_word() -> None:
    assert letter(**OBITUARY, **{"x-death": [EXPIRED]}).reason == "not_utf8"


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"reason": 7, "died_at": 7, "tries": "2", "redrives": -1},
        {"reason": "\x1b[2J", "died_at": "yesterday"},
        {"reason": "r" * 65, "died_at": "2026-12-24T06:30:00"},
        {"x-death": "junk"},
        {"x-death": [], "died_at": DIED_AT},
        {"x-death": ["junk"]},
        {"x-death": [{"queue": "fares.ingest"}]},
        {"x-death": [{"queue": "fares.ingest", "reason": b"\xff", "time": "now"}]},
    ],
)
def test_junk_in_the_headers_makes_a_letter_of_unknown_reason(junk: dict[str, Any]) -> None:
    one = letter(**junk)
    assert (one.reason, one.died_at, one.tries, one.redrives) == ("unknown", None, None, 0)


def test_a_message_without_an_id_has_the_one_that_it_gets_when_it_is_published_again() -> None:
    one = Letter.read(FARES_INGEST, seen(b"body"))
    assert one.id == one.again().to_amqp().message_id == Outgoing("", b"body", "text/plain").to_amqp().message_id


def test_a_letter_that_is_published_again_has_all_its_tries_and_what_travels_with_it() -> None:
    travelling = {"cycle": "c1", "route": "NYC-LON"}
    again = letter(**travelling, **OBITUARY, attempt=3, **{"x-death": [EXPIRED], "x-delivery-count": 3}).again()
    assert again == Outgoing(
        "fares.ingest", b"body", "application/json", message_id="the-id", headers={**travelling, "redrives": 1}
    )


@pytest.mark.parametrize(("redriven", "redrives"), [(False, 1), (True, 2)])
def test_only_what_comes_back_by_itself_is_counted(redriven: bool, redrives: int) -> None:
    assert (letter(**OBITUARY).again(redriven=redriven).headers or {})["redrives"] == redrives


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        (Selection(), True),
        (Selection(reason="not_utf8"), True),
        (Selection(reason="no_rows"), False),
        (Selection(id="the-id"), True),
        (Selection(id="the-i"), False),
        (Selection(FARES_INGEST, "not_utf8", "the-id"), True),
        (Selection(FARES_INGEST, "not_utf8", "another"), False),
    ],
)
def test_a_selection_means_what_fits_all_that_it_says(selection: Selection, meant: bool) -> None:
    assert selection.matches(letter(**OBITUARY)) is meant


def test_a_selection_of_one_queue_looks_through_no_other() -> None:
    assert list(Selection(CHANGES_ALERTS).queues) == [CHANGES_ALERTS]
    assert ALERTS_EVALUATE in Selection(reason="not_utf8").queues
    assert Selection().everything
    assert not Selection(id="the-id").everything


@pytest.mark.parametrize("name", ["fares.ingest", "fares.ingest.dead"])
def test_a_queue_is_named_by_itself_or_by_its_dead_letters(name: str) -> None:
    assert queue_named(name) is FARES_INGEST


def test_an_unknown_queue_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no queue 'fares': the queues are fares\.live, fares\.ingest, "):
        queue_named("fares")
