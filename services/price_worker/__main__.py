"""Run a price worker: `python -m services.price_worker`."""

from services.price_worker.app import serve
from services.price_worker.settings import Settings
from shared.service import run

run("price_worker", Settings, serve)
