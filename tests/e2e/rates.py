"""The rates that a fleet uses unless told otherwise, as the model reads them."""

from fleet.addresses import REPOSITORY
from tests.e2e.model import Rates

RATES = Rates(REPOSITORY / "shared" / "rates" / "reference_rates.csv")
