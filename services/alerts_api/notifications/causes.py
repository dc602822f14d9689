"""Why a notification came about: most of it came with the notice, the rule is its alert's."""

from services.alerts_api.alerts.stored import UnknownAlertError, find
from services.alerts_api.notifications.resources import Cause, Rule
from services.alerts_api.notifications.rows import end_of, firing_of
from shared.messages.notifications import Expiry, Notice, Notification
from shared.shards import Shards


class Causes:
    """Tells why alerts fired or ended.

    Args:
        shards: where the alerts are.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def of(self, notice: Notice) -> Cause:
        """The cause of one notice.

        Raises:
            UnavailableError: the shard of its alert's is away.
        """
        if isinstance(notice, Expiry):
            return end_of(notice)
        return firing_of(notice, await self._rule(notice), await self._reference_currency(notice))

    async def _rule(self, firing: Notification) -> Rule | None:
        """The rule of the alert, unless it is gone or another than the one that fired."""
        try:
            stored = await find(self._shards, firing.user_id, firing.alert_id)
        except UnknownAlertError:
            return None
        return stored.request.rule if stored.row["revision"] == firing.revision else None

    async def _reference_currency(self, firing: Notification) -> str:
        shard = (await self._shards.current_map()).shard_of(firing.route)
        async with self._shards.transaction(shard, []) as transaction:
            return transaction.rates.rates.reference
