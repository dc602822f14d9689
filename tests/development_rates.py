"""The exchange rates that a fleet begins with unless told otherwise."""

from shared.money import Rates
from shared.settings import DEFAULT_RATES_FILE

RATES = Rates.load(DEFAULT_RATES_FILE)
