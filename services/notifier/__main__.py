"""`python -m services.notifier` runs one notifier."""

from services.notifier.app import serve
from services.notifier.settings import NotifierSettings
from shared.service import run

if __name__ == "__main__":
    run("notifier", NotifierSettings, serve)
