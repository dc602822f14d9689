"""Ids of alerts lead to the bucket of their first route."""

from uuid import RFC_4122, UUID

import pytest

from services.alerts_api.alerts.ids import first_bucket, new_alert_id
from shared.shard_map import BUCKETS


@pytest.mark.parametrize("bucket", [0, 1, 511, BUCKETS - 1])
def test_an_id_carries_its_bucket(bucket: int) -> None:
    assert first_bucket(new_alert_id(bucket)) == bucket


def test_an_id_is_a_uuid_of_version_8() -> None:
    for _ in range(100):
        alert_id = new_alert_id(700)
        assert (alert_id.variant, alert_id.version) == (RFC_4122, 8)
        assert UUID(str(alert_id)) == alert_id


def test_no_two_ids_are_the_same() -> None:
    assert len({new_alert_id(0) for _ in range(1_000)}) == 1_000


def test_a_foreign_id_leads_to_some_bucket() -> None:
    assert 0 <= first_bucket(UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")) < BUCKETS
