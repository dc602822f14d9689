"""A day's rates as arrays, so that whole columns of prices convert at once."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shared.messages.codes import LETTERS, currency_code
from shared.messages.columns import Findings
from shared.money import Rates

Ints = npt.NDArray[np.int64]


class ReferenceAmounts:
    """Converts prices into minor units of the reference currency, by currency code, rounded half up."""

    def __init__(self, rates: Rates) -> None:
        self._numerator = np.zeros(len(LETTERS) ** 3, dtype=np.int64)
        self._denominator = np.ones(len(LETTERS) ** 3, dtype=np.int64)
        for currency, (numerator, denominator) in rates.factors.items():
            code = currency_code(currency)
            self._numerator[code], self._denominator[code] = numerator, denominator

    def check(self, _: pa.RecordBatch, currency: Ints, findings: Findings) -> None:
        """Note the rows whose currency has no rate; negative codes stand for faults noted before."""
        findings.note("currency_without_rate", ~self.known(np.maximum(currency, 0)))

    def known(self, currency: Ints) -> npt.NDArray[np.bool_]:
        """Which of n currency codes have a rate."""
        return self._numerator[currency] > 0

    def of(self, price: Ints, currency: Ints) -> Ints:
        """The reference amounts of n prices below 2^40 in n currencies; 0 where there is no rate."""
        denominator = self._denominator[currency]
        return (2 * price * self._numerator[currency] + denominator) // (2 * denominator)
