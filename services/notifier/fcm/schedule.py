"""The fleet's schedule of pushes: one instant in Redis, at which the next permit falls due.

Whoever needs permits moves the instant on by as many intervals, at most by 20 ms, and waits until the part that it has
booked begins. So permits come evenly, and what was not used is never caught up with. The rate climbs with the time that
is booked and falls as fast with the time that nobody books: it follows what is really sent, by a ramp.

A script of our own: `limits`, which guards the API, counts events in windows. It can neither space nor ramp.
"""

from dataclasses import dataclass
from typing import Final

from shared.redis_connections import open_redis, reaching_redis

KEY: Final = "pushes:schedule"
SLICE_S: Final = 0.02
FIRST_SHARE: Final = 0.1  # of the full rate, at the foot of the ramp
LEAST_SHARE: Final = 0.01  # however often FCM asks us to slow down
SLOW_DOWN_EVERY_S: Final = 5  # the answers that ask for it come by the hundred

# Times are in microseconds since 1970 by Redis' own clock, rates in permits a second. A schedule that is gone begins
# anew at the foot of the ramp.
_BOOK: Final = """
local wanted, full, ramp = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slice, first_share, given_now = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = given_now or clock[1] * 1e6 + clock[2]
local foot = math.max(1, full * first_share)
local slope = (full - foot) / math.max(ramp, 1)
if ramp == 0 then foot = full end

local due, rate = unpack(redis.call('HMGET', KEYS[1], 'due', 'rate'))
due, rate = tonumber(due) or 0, math.min(full, tonumber(rate) or foot)
if due > now + 60e6 then due = now end -- the clock was set back
if due < now then
  if rate > foot then rate = math.max(foot, rate - slope * (now - due) / 1e6) end
  due = now
end
local permits = math.min(wanted, math.max(1, math.floor(rate * slice)))
local lasts = permits / rate
redis.call('HSET', KEYS[1], 'due', string.format('%.0f', math.ceil(due + lasts * 1e6)),
  'rate', string.format('%.6f', math.min(full, rate + slope * lasts)))
redis.call('PEXPIRE', KEYS[1], 1000 * math.max(60, 2 * ramp))
return {permits, string.format('%.0f', due), string.format('%.0f', due - now), string.format('%.6f', rate)}
"""
_SLOW_DOWN: Final = """
local full, least_share = tonumber(ARGV[1]), tonumber(ARGV[2])
local every, given_now = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = given_now or clock[1] * 1e6 + clock[2]
local slowed, rate = unpack(redis.call('HMGET', KEYS[1], 'slowed', 'rate'))
if not rate or now - (tonumber(slowed) or 0) < every * 1e6 then return 0 end
redis.call('HSET', KEYS[1], 'slowed', string.format('%.0f', now),
  'rate', string.format('%.6f', math.max(1, full * least_share, rate / 2)))
return 1
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """Permits that a notifier has booked.

    Attributes:
        begins_at: when the first of them falls due, in microseconds since 1970 by Redis' clock.
        begins_in: seconds from the booking until then.
        rate: permits a second.
    """

    permits: int
    begins_at: int
    begins_in: float
    rate: float


class PushSchedule:
    """Books permits on the schedule that all notifiers share.

    Args:
        redis_url: where the schedule is.
        full_rate: permits a second at the top of the ramp.
        ramp_s: seconds of full use from the foot of the ramp to its top; 0 is no ramp.
    """

    def __init__(self, redis_url: str, full_rate: int, ramp_s: int) -> None:
        self._full_rate = full_rate
        self._ramp_s = ramp_s
        self._redis = open_redis(redis_url)
        self._book = self._redis.register_script(_BOOK)
        self._slow_down = self._redis.register_script(_SLOW_DOWN)

    async def book(self, wanted: int, now_us: int | None = None) -> Slice:
        """Book up to so many permits, at most a slice of the schedule and at least one.

        Args:
            wanted: at least 1.
            now_us: stands in for Redis' clock, in tests.

        Raises:
            UnavailableError: Redis cannot be reached; nothing may be sent.
        """
        arguments = [wanted, self._full_rate, self._ramp_s, SLICE_S, FIRST_SHARE, now_us or ""]
        async with reaching_redis():
            permits, begins_at, begins_in_us, rate = await self._book(keys=[KEY], args=arguments)
        return Slice(permits, int(begins_at), int(begins_in_us) / 1e6, float(rate))

    async def slow_down(self, now_us: int | None = None) -> bool:
        """Halve the rate, from which it climbs again; False if that has just been done.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        arguments = [self._full_rate, LEAST_SHARE, SLOW_DOWN_EVERY_S, now_us or ""]
        async with reaching_redis():
            return bool(await self._slow_down(keys=[KEY], args=arguments))

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
