"""What is told together, and on which devices."""

from uuid import UUID

from services.notifier.digest import Digest
from services.notifier.gateway import Device
from services.notifier.states import Record, State
from services.notifier.telling.telling import tellings
from shared.topology import Lane
from tests.unit.notices import DEPARTURE, TRAVELLER, expiry, firing

PHONE, TABLET = (
    Device(UUID(int=number), TRAVELLER, "android", "en", "UTC", f"address {number}", "token") for number in (1, 2)
)
CHEAP, CHEAPER, OTHER = firing(1, 1), firing(1, 2, price=8_000), firing(2, previous=9_100)


def record(id_: UUID, *reached: Device) -> Record:
    return Record(id_, DEPARTURE, State.SENDING, reached=frozenset(device.id for device in reached))


def test_each_notice_is_told_by_itself() -> None:
    told = tellings([CHEAP, OTHER], Lane.STANDARD)
    assert [(one.told, one.of, one.told_with) for one in told] == [
        (CHEAP, (CHEAP.id,), None),
        (OTHER, (OTHER.id,), None),
    ]


def test_a_travellers_firings_are_told_together_in_a_digest_and_the_end_of_an_alert_by_itself() -> None:
    digest, ended = tellings([CHEAP, expiry(3), OTHER, CHEAPER], Lane.DIGEST)
    assert isinstance(digest.told, Digest)
    assert digest.told.id == digest.told_with == CHEAPER.id
    assert (digest.user_id, digest.of) == (TRAVELLER, (CHEAP.id, OTHER.id, CHEAPER.id))
    assert (ended.told, ended.told_with) == (expiry(3), None)


def test_a_device_that_has_it_is_not_told_again() -> None:
    (alone,) = tellings([CHEAP], Lane.STANDARD)
    assert alone.devices([PHONE, TABLET], {CHEAP.id: record(CHEAP.id, PHONE)}) == [TABLET]


def test_a_device_that_has_only_a_part_of_a_digest_is_told_all_of_it() -> None:
    (digest,) = tellings([CHEAP, OTHER], Lane.DIGEST)
    records = {CHEAP.id: record(CHEAP.id, PHONE, TABLET), OTHER.id: record(OTHER.id, TABLET)}
    assert digest.devices([PHONE, TABLET], records) == [PHONE]
