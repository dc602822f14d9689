"""Run the gateway: `python -m services.ingest_gateway`."""

from services.ingest_gateway.app import NAME, serve
from services.ingest_gateway.settings import Settings
from shared.service import run

if __name__ == "__main__":
    run(NAME, Settings, serve)
