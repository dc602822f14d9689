"""Run an alert worker: `python -m services.alert_worker`."""

from services.alert_worker.app import serve
from services.alert_worker.settings import Settings
from shared.service import run

run("alert_worker", Settings, serve)
