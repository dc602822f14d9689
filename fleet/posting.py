"""Posts fares to the gateway as any producer does: over HTTP, with a key of its own."""

import httpx
import pyarrow as pa

from fleet.addresses import Addresses
from fleet.producer_keys import Rights, passing_key
from shared.errors import FarelarkError, UnavailableError
from shared.fare_lanes import Lane
from shared.messages.batches import ARROW, MAX_ROWS, encode
from shared.messages.fares import FARES


class PostingError(FarelarkError):
    """The gateway refused what it should have accepted."""


async def post_fares(at: Addresses, fares: pa.RecordBatch) -> int:
    """Post fares of one source in one request, with a key for it alone and for the live lane.

    Args:
        at: the fleet.
        fares: rows of the fares' schema, up to 10,000.

    Returns:
        How many were accepted.

    Raises:
        PostingError: the gateway refused the request.
        UnavailableError: the gateway or the accounts database is away.
    """
    source = fares["source"][0].as_py()
    rights = Rights("demo", source, (Lane.LIVE,), MAX_ROWS, expires_at=None)
    async with passing_key(at.accounts, rights) as key, httpx.AsyncClient(timeout=30) as client:
        headers = {"Authorization": f"Bearer {key.text}", "Content-Type": ARROW}
        try:
            answer = await client.post(f"{at.gateway}/v1/fares", content=encode(FARES, fares), headers=headers)
        except httpx.HTTPError as error:
            raise UnavailableError("ingest_gateway", f"{type(error).__name__}: its log may say why") from error
    if not answer.is_success:
        raise PostingError(f"POST /v1/fares answered {answer.status_code}: {answer.text}")
    return int(answer.json()["accepted"])
