"""An accounts database in which no producer has a key yet."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.schema.accounts import producer_keys
from tests.integration.notifying import migrated_accounts
from tests.private_servers import Servers


@pytest.fixture
async def accounts(servers: Servers) -> AsyncIterator[AsyncEngine]:
    """The accounts database, without keys."""
    async with migrated_accounts(servers) as engine:
        async with engine.begin() as connection:
            await connection.execute(delete(producer_keys))
        yield engine
