"""The exchange rates that prices are shown at: those in use in the shards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog

from services.alerts_api.http.fields import InvalidFieldError
from shared.conversion import ReferenceAmounts
from shared.errors import UnavailableError
from shared.money import MAX_PRICE, Rates, UnknownCurrencyError
from shared.shards import RatesInUse, Shards

# They change once a day; a search that finds its fares in Redis needs no database.
_LOOK_EVERY: Final = timedelta(minutes=1)

Ints = npt.NDArray[np.int64]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Conversion:
    """Into one currency."""

    currency: str
    amounts: ReferenceAmounts

    @classmethod
    def into(cls, currency: str | None, rates: Rates) -> "Conversion":
        """At these rates; without a currency into the reference currency.

        Raises:
            InvalidFieldError: there is no rate for it.
        """
        wanted = currency or rates.reference
        try:
            return cls(wanted, ReferenceAmounts(rates.into(wanted)))
        except UnknownCurrencyError:
            raise InvalidFieldError("currency", f"we have no rate for {wanted}") from None

    def of(self, price: Ints, currency: Ints) -> Ints:
        """What n prices in n currencies, by their codes, are; 0 where there is no rate, or no amount that we show."""
        amounts = self.amounts.of(price, currency)
        return np.where(amounts <= MAX_PRICE, amounts, 0)


class CurrentRates:
    """Knows the rates as they were at most a minute ago, or when a shard was last there."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._rates: Rates | None = None
        self._look_again_at = datetime.min.replace(tzinfo=UTC)
        self._conversions: dict[str | None, Conversion] = {}

    async def conversion(self, currency: str | None, now: datetime) -> Conversion:
        """Into this currency, or without one into the reference currency.

        Raises:
            UnavailableError: no shard answers, and none has before.
            InvalidFieldError: there is no rate for the currency.
        """
        rates = await self._at(now)
        if currency not in self._conversions:
            self._conversions[currency] = Conversion.into(currency, rates)
        return self._conversions[currency]

    async def _at(self, now: datetime) -> Rates:
        if self._rates is not None and now < self._look_again_at:
            return self._rates
        self._look_again_at = now + _LOOK_EVERY  # meanwhile the others go on with those that are known
        try:
            found = await self._look()
        except UnavailableError as error:
            if self._rates is None:
                raise
            log.warning("rates_kept", date=self._rates.date.isoformat(), reason=str(error))
            return self._rates
        if found != self._rates:
            self._rates, self._conversions = found, {}
        return found

    async def _look(self) -> Rates:
        """The newest rates in use: while others are being loaded the shards differ."""
        return newest(await asyncio.gather(*map(self._of, self._shards.numbers), return_exceptions=True))

    async def _of(self, shard: int) -> RatesInUse:
        async with self._shards.transaction(shard, []) as transaction:
            return transaction.rates


def newest(answers: Sequence[RatesInUse | BaseException]) -> Rates:
    """The newest of the shards' rates; raises what went wrong if none answered, or if it was not their absence."""
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, UnavailableError):
            raise answer
    found = [answer.rates for answer in answers if isinstance(answer, RatesInUse)]
    if not found:
        raise next(answer for answer in answers if isinstance(answer, BaseException))
    return max(found, key=lambda rates: rates.date)
