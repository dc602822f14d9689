"""The health check of a container: `python -m shared.probe URL` ends with status 1 unless the URL answers with 200.

It stands on the standard library alone, for it starts every few seconds, and goes past any proxy of the environment.
"""

import sys
from typing import Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

_TIMEOUT_S: Final = 3.0


def probe(url: str) -> str | None:
    """What is wrong, None if nothing is; a service that is not ready says itself what it waits for."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT_S):
            return None
    except HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace')}"
    except OSError as error:
        return f"no answer: {error}"


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1]))
