"""The alert bench waits for its workers as long as they come further, and no longer."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import pytest

from fleet.bench import alerts
from fleet.bench.patience import StuckError
from fleet.chain import Chain, Look
from shared.management import Depth


class Workers:
    """Stands for a chain whose workers have matched so many changes by each look; the last look repeats."""

    def __init__(self, matched: Iterable[int]) -> None:
        self._matched = list(matched)

    async def metrics(self) -> Mapping[str, float]:
        now = self._matched.pop(0) if len(self._matched) > 1 else self._matched[0]
        return {"farelark_changes_matched_total": now, "farelark_claims_total": now / 10}

    async def look(self) -> Look:
        return Look({"changes.alerts": Depth(2, 5)}, {})


@pytest.fixture(autouse=True)
def half_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is half a minute after the one before, as far as the bench can tell."""

    def instants() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += 15.0  # it reads the clock twice a look

    clock = instants()
    monkeypatch.setattr("fleet.bench.alerts.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("fleet.bench.alerts._LOOK_EVERY_S", 0)


async def test_the_looks_around_a_number_of_changes_are_the_last_before_and_the_first_after() -> None:
    before, after = await looks_around([0, 400, 900, 1_200], 1_000)
    assert (before.changes, after.changes, after.claims) == (900, 1_200, 120)


async def test_a_worker_that_does_not_answer_in_time_takes_nothing_back() -> None:
    before, after = await looks_around([0, 400, 0, 1_200], 1_000)
    assert (before.changes, after.changes) == (400, 1_200)


async def test_workers_that_match_no_more_are_given_up_with_what_is_known() -> None:
    with pytest.raises(
        StuckError,
        match=r"matched 400 of 1,000 changes, and no more for 60 s: .*; ready\+in hand: changes\.alerts 2\+5$",
    ):
        await looks_around([0, 400], 1_000)


async def looks_around(matched: Iterable[int], changes: int) -> tuple[alerts.Run, alerts.Run]:
    return await alerts.looks_around(cast("Chain", Workers(matched)), changes)
