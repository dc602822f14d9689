"""Run a history worker: `python -m services.history_worker`."""

from services.history_worker.app import serve
from services.history_worker.settings import Settings
from shared.service import run

run("history_worker", Settings, serve)
