"""What is in a dead letter is shown as its worker reads it, and what cannot be read is shown all the same."""

import io
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from fleet.dead_letters.contents import contents_of
from fleet.dead_letters.documents import encoded, letter_as_json
from fleet.dead_letters.letters import Letter
from fleet.dead_letters.showing import printable, show_letter
from shared.broker.browsing import Seen
from shared.messages import batches, evaluations, notifications
from shared.messages.batches import ARROW, JSON, Contract, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.evaluations import Evaluation
from shared.messages.fares import FARES
from shared.messages.notifications import Notice
from shared.topology import (
    ALERTS_EVALUATE,
    CHANGES_ALERTS,
    CHANGES_HISTORY,
    FARES_INGEST,
    FARES_LIVE,
    NOTIFICATIONS_DIGEST,
    WorkQueue,
)
from tests.unit.fares import change, fare, json_of, rows_of
from tests.unit.notices import expiry, firing

EVALUATION = Evaluation(alert_id=UUID(int=5), route="BCN-BUD")
OTHER_VERSION = Contract("farelark.fares", 2, FARES.fields, FARES.document)


def letter(queue: WorkQueue, body: bytes, content_type: str, **headers: Any) -> Letter:  # noqa: ANN401  # AMQP's
    return Letter.read(queue, Seen(body, content_type, "the-id", headers, tag=1))


def shown(one: Letter) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_letter(one, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("queue", "contract", "documents"),
    [
        (FARES_INGEST, FARES, [fare(), fare(return_date="2027-01-03", carrier=None, departure_time=None)]),
        (FARES_LIVE, FARES, [fare()]),
        (CHANGES_HISTORY, CHANGES, [change()]),
        (CHANGES_ALERTS, CHANGES, [change(), change(previous_price=None, previous_reference_price=None)]),
    ],
)
def test_the_documents_of_a_batch_may_be_published_again_as_json(
    queue: WorkQueue, contract: Contract, documents: list[dict[str, Any]]
) -> None:
    rows = rows_of(contract, *documents)
    contents = contents_of(letter(queue, encode(contract, rows), ARROW))
    assert (contents.fault, contents.schema) == (None, f"{contract.name} version 1")
    again = decode(contract, encoded(contents.documents), JSON)
    assert (again.rows, again.set_aside) == (rows, {})


def test_notices_and_commands_are_read_too() -> None:
    notices: list[Notice] = [firing(), expiry(2)]
    contents = contents_of(letter(NOTIFICATIONS_DIGEST, notifications.encode(notices), JSON))
    assert notifications.decode(encoded(contents.documents), JSON).notices == notices
    contents = contents_of(letter(ALERTS_EVALUATE, evaluations.encode([EVALUATION]), JSON))
    assert evaluations.decode(encoded(contents.documents), JSON) == [EVALUATION]


def test_what_is_set_aside_of_a_batch_is_told() -> None:
    contents = contents_of(letter(FARES_INGEST, json_of(fare(), fare(price=1.5)), JSON))
    assert contents.documents is not None
    assert (len(contents.documents), contents.fault) == (1, "set aside: price_malformed 1")


def test_a_batch_of_another_version_says_which_it_is() -> None:
    text = shown(letter(FARES_INGEST, encode(OTHER_VERSION, rows_of(FARES, fare())), ARROW))
    assert "farelark.fares version 2" in text
    assert "unknown_version: version 1 is read" in text


@pytest.mark.parametrize("content_type", [ARROW, JSON, "text/plain"])
@pytest.mark.parametrize("body", [b"", b"\xff\x00junk", b"[" * 100_000, encode(FARES, rows_of(FARES, fare()))[:-40]])
@pytest.mark.parametrize("queue", [FARES_INGEST, NOTIFICATIONS_DIGEST, ALERTS_EVALUATE])
def test_a_body_that_cannot_be_read_is_shown_with_what_is_wrong_and_exported_as_it_came(
    queue: WorkQueue, body: bytes, content_type: str
) -> None:
    one = letter(queue, body, content_type)
    document = letter_as_json(one)
    assert document["fault"]
    assert document["fault"].split(":")[0] in shown(one)
    assert "documents" not in document
    assert body[:16].hex(" ") in shown(one)


def test_a_batch_is_shown_by_its_first_rows() -> None:
    text = shown(letter(FARES_INGEST, encode(FARES, rows_of(FARES, *[fare(price=n) for n in range(1, 41)])), ARROW))
    assert "and 35 more" in text
    assert "18:25" in text
    assert "return_date" not in text
    assert letter_as_json(letter(FARES_INGEST, json_of(fare(), fare(), fare()), JSON), rows=2)["count"] == 3


@pytest.mark.parametrize(
    "one",
    [
        letter(FARES_INGEST, json_of(fare(source="\x1b[2Jgone\x9b2J\u202e")), JSON, reason="no_rows"),
        letter(FARES_INGEST, b"\x1b[2Jgone", "text/plain\x1b[2J", cycle="\x1b[2J\nid forged", reason="no_rows"),
        letter(FARES_INGEST, encode(FARES, rows_of(FARES, fare(source="\x1b[2Jgone"))), ARROW, reason="no_rows"),
    ],
)
def test_nothing_in_a_letter_moves_the_cursor_or_makes_a_line_of_its_own(one: Letter) -> None:
    text = shown(one)
    assert not set("\x1b\x9b\u202e") & set(text)
    assert "\nid forged" not in text


@pytest.mark.parametrize(("text", "escaped"), [("żółw 42", "żółw 42"), ("a\x1bb\nc", r"a\x1bb\nc")])
def test_what_is_printable_stays(text: str, escaped: str) -> None:
    assert printable(text) == escaped


def test_headers_of_any_kind_can_be_written_as_json() -> None:
    odd = {"bytes": b"\xff", "nested": {"list": [1, None, b"x"]}, "set": {1}, "nan": float("nan")}
    assert b'"nested"' in encoded(letter_as_json(letter(FARES_INGEST, b"", batches.JSON, **odd)))
