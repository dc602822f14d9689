"""The command to evaluate alerts is read as it was written, and refused in words if it cannot be."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnreadableError
from shared.messages import evaluations
from shared.messages.codes import CABINS
from shared.messages.evaluations import JSON, MAX_EVALUATIONS, Evaluation, Sighting, Unseen
from shared.messages.fare_key import Board, Fare, fare_name

ALERT = UUID(int=1)
PLAIN = b'[{"alert_id":"00000000-0000-0000-0000-000000000001","route":"NYC-LON"}]'
BIGGEST = 2**63 - 1
LONGEST = fare_name(
    Board("JFK", "LHR", date(2026, 12, 24), date(2027, 1, 3)),
    Fare("EZY", "1234A", "18:25", "premium_economy", 7, "EUR"),
)

moments = st.integers(0, 4_000_000_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
keys = st.integers(0, 2**64 - 1)
airports = st.sampled_from(["JFK", "LHR"])
boards = st.builds(Board, airports, airports, st.dates(), st.none() | st.dates())
flights = st.none() | st.from_regex("[0-9]{1,4}[A-Z]?", fullmatch=True)
times = st.none() | st.times().map("{:%H:%M}".format)
carriers = st.none() | st.sampled_from(["BA", "U2", "EZY"])
fares = st.builds(Fare, carriers, flights, times, st.sampled_from(CABINS), st.integers(0, 7), st.just("EUR"))
wanted = st.builds(
    Evaluation,
    alert_id=st.uuids(),
    route=st.sampled_from(["NYC-LON", "BCN-BUD"]),
    unseen=st.none()
    | st.builds(
        Unseen,
        revision=st.integers(0, BIGGEST),
        fire_seq=st.integers(1, BIGGEST),
        fare=st.builds(fare_name, boards, fares),
        reference_price=st.integers(0, BIGGEST),
        armed_price=st.integers(0, BIGGEST),
    ),
    after=st.none() | st.builds(Sighting, board=keys, fare=keys, observed_at=moments),
)


@given(st.lists(wanted, min_size=1, max_size=4))
def test_a_command_survives_the_journey(commands: list[Evaluation]) -> None:
    assert evaluations.decode(evaluations.encode(commands), JSON) == commands


def test_a_plain_command_is_short_and_can_be_written_by_hand() -> None:
    assert evaluations.encode([Evaluation(alert_id=ALERT, route="NYC-LON")]) == PLAIN
    assert evaluations.decode(PLAIN, JSON) == [Evaluation(alert_id=ALERT, route="NYC-LON")]


def test_a_field_of_a_newer_sender_is_skipped() -> None:
    assert evaluations.decode(PLAIN.replace(b"}", b',"colour":"red"}'), JSON) == evaluations.decode(PLAIN, JSON)


def test_the_longest_command_can_be_read() -> None:
    instant = datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC)
    longest = [
        Evaluation(
            alert_id=uuid4(),
            route="NYC-LON",
            unseen=Unseen(
                revision=BIGGEST, fire_seq=BIGGEST, fare=LONGEST, reference_price=BIGGEST, armed_price=BIGGEST
            ),
            after=Sighting(board=2**64 - 1, fare=2**64 - 1, observed_at=instant),
        )
        for _ in range(MAX_EVALUATIONS)
    ]
    assert evaluations.decode(evaluations.encode(longest), JSON) == longest


def body(**fields: object) -> bytes:
    return msgspec.json.encode([{"alert_id": str(ALERT), "route": "NYC-LON"} | fields])


UNSEEN = {"revision": 0, "fire_seq": 1, "fare": LONGEST, "reference_price": 1, "armed_price": 1}
SIGHTING = {"board": 1, "fare": 1, "observed_at": "2026-11-22T12:00:00Z"}


@pytest.mark.parametrize(
    ("message", "content_type", "reason"),
    [
        (PLAIN, None, "wrong_content_type"),
        (PLAIN, "text/plain", "wrong_content_type"),
        (b" " * (256 * 1024 + 1), JSON, "body_too_large"),
        (b"\xff", JSON, "not_utf8"),
        (b"", JSON, "json_malformed"),
        (PLAIN[:-1], JSON, "json_malformed"),
        (b"[" * 100_000, JSON, "json_malformed|wrong_schema"),
        (b"[]", JSON, "wrong_length"),
        (b"[" + b",".join([PLAIN[1:-1]] * (MAX_EVALUATIONS + 1)) + b"]", JSON, "wrong_length"),
        (PLAIN[1:-1], JSON, "wrong_schema"),
        (body(alert_id="7"), JSON, "wrong_schema"),
        (body(route="NYC-LON\n"), JSON, "wrong_schema"),
        (body(route="nyc-lon"), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"revision": -1}), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"fire_seq": 0}), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"armed_price": BIGGEST + 1}), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"reference_price": -1}), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"fare": None}), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"fare": f"{LONGEST}\n"}), JSON, "wrong_schema"),
        (body(unseen=UNSEEN | {"fare": LONGEST.replace("EZY", "easyJet")}), JSON, "wrong_schema"),
        (body(unseen={"revision": 0, "fire_seq": 1, "armed_price": 1}), JSON, "wrong_schema"),
        (body(after=SIGHTING | {"board": 2**64}), JSON, "wrong_schema|json_malformed"),
        (body(after=SIGHTING | {"fare": -1}), JSON, "wrong_schema"),
        (body(after=SIGHTING | {"observed_at": "2026-11-22T12:00:00"}), JSON, "wrong_schema"),
    ],
)
def test_what_is_no_command_is_refused_with_its_reason(message: bytes, content_type: str | None, reason: str) -> None:
    with pytest.raises(UnreadableError, match=rf"^({reason})\b"):
        evaluations.decode(message, content_type)
