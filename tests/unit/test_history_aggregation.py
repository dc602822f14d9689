"""A batch of changes comes to the rows that the plainest history has of them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.history_worker.aggregation import DailyPrices, daily_prices
from services.history_worker.counting import names_of
from shared.changes_by_shard import Part, parts_by_shard
from shared.counted_changes import digest_of, name_of, names_in
from shared.messages.batches import ARROW, decode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.codes import CABINS
from shared.messages.columns import validate
from shared.shard_map import BUCKETS, ShardMap, bucket_of
from tests.unit.past_changes import NOW, Document, Key, Row, body_of, change, changes, history_of

EPOCH = date(1970, 1, 1)


def part_of(documents: list[Document]) -> Part:
    columns, findings = validate(decode(CHANGES, body_of(documents), ARROW).rows, NOW, timedelta(days=9), check_amounts)
    assert findings.good.all()
    ((_, part),) = parts_by_shard(columns, ShardMap.even(1))
    return part


def rows_of(prices: DailyPrices) -> dict[Key, Row]:
    keys = [
        Key(
            prices.route[i],
            EPOCH + timedelta(int(prices.departure[i])),
            EPOCH + timedelta(int(prices.returning[i])) if prices.returning[i] else None,
            CABINS[prices.cabin[i]],
            prices.currency[i],
            EPOCH + timedelta(int(prices.observed_on[i])),
        )
        for i in range(len(prices.route))
    ]
    columns = (prices.low, prices.high, prices.last, prices.low_reference, prices.last_reference)
    instants = [datetime.fromtimestamp(at / 1000, UTC) for at in prices.last_observed_at.tolist()]
    figures = (*(column.tolist() for column in columns), instants, prices.changes.tolist())
    rows = [Row(*each) for each in zip(*figures, strict=True)]
    assert all(one < other for one, other in pairwise(map(_order, keys))), "rows come in the order of their key"
    return dict(zip(keys, rows, strict=True))


def _order(key: Key) -> tuple[object, ...]:
    return key.route, key.departure, key.back or EPOCH, CABINS.index(key.cabin), key.currency, key.observed_on


@given(st.lists(changes, min_size=1, max_size=30))
def test_a_batch_comes_to_the_rows_of_the_plainest_history(documents: list[Document]) -> None:
    part = part_of(documents)
    assert rows_of(daily_prices(part, np.arange(len(documents)))) == history_of(documents)


@given(st.lists(changes, min_size=2, max_size=20), st.data())
def test_only_the_wanted_changes_are_aggregated(documents: list[Document], data: st.DataObject) -> None:
    wanted = sorted(data.draw(st.sets(st.integers(0, len(documents) - 1), min_size=1)))
    prices = daily_prices(part_of(documents), np.array(wanted))
    assert rows_of(prices) == history_of(documents[position] for position in wanted)


def test_a_message_s_changes_have_a_name_for_each_bucket() -> None:
    documents = [change(100), change(101, destination="CDG"), change(102, origin="EWR"), change(103)]
    digests = [digest_of(b"one"), digest_of(b"other")]
    names = names_of(part_of(documents), np.array([0, 0, 0, 1]), digests)
    london, paris = (bucket_of(route) for route in ("NYC-LON", "NYC-PAR"))
    expected = [name_of(digests[0], london), name_of(digests[0], paris), name_of(digests[0], london)]
    assert [names.names[number] for number in names.of] == [*expected, name_of(digests[1], london)]
    assert names.positions({expected[0]}).tolist() == [0, 2]
    assert names.positions(set()).tolist() == []


def test_the_names_of_a_bucket_lie_between_its_first_and_last() -> None:
    bounds = [bound for bucket in range(BUCKETS) for bound in names_in(bucket)]
    assert bounds == sorted(bounds)
    first, last = names_in(742)
    assert first < name_of(digest_of(b"body"), 742) < last
