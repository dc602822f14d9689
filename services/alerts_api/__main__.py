"""Runs the alerts API as a process."""

from services.alerts_api.servers import NAME
from services.alerts_api.serving import serve
from services.alerts_api.settings import Settings
from shared.service import run

if __name__ == "__main__":
    run(NAME, Settings, serve)
