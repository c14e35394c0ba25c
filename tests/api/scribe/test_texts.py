"""What the scribe writes is what would have been written without it, whatever became of a tap."""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec

from api.answers import AnswerWriter, write_batch
from api.scribe.process import Scribe
from api.scribe.scribe import find_answers
from api.scribe.slots import CommitOrder
from fare_engine.batch import Submission
from fare_engine.decision import Reason
from fare_engine.ledger.appender import RowAppender
from fare_engine.tap import Tap
from fare_engine.verdict import Verdict
from tests.fare_engine.small_metro import MINUTE_MS, NOON_MS, SmallMetro, create_ledger_file

BATCHES = 40
TAPS = 50


def draw_taps(metro: SmallMetro, chance: random.Random, number: int) -> list[Tap]:
    """A few media tapped anywhere, their clocks a little out of order."""
    taps = []
    for _ in range(TAPS):
        direction = chance.choice(("entry", "exit"))
        gates = {"entry": ("FHY-A-01", "FHY-B-03", "CXL-A-01"), "exit": ("FHY-C-02", "CXL-A-01")}
        minutes = 10 * number + chance.choice((0, 0, 1, 5, 20)) - chance.choice((0, 0, 0, 30))
        token = f"p{chance.randrange(12)}"
        taps.append(metro.tap(chance.choice(gates[direction]), direction, minutes, token=token))
    return taps


def test_rows_and_texts_are_the_same(tmp_path: Path) -> None:
    metro = SmallMetro(tmp_path)
    path = tmp_path / "beside.sqlite3"
    create_ledger_file(path)
    writer = AnswerWriter("Asia/Shanghai", "CNY")
    appender = RowAppender(path)
    scribe = Scribe(appender, AnswerWriter("Asia/Shanghai", "CNY"))
    chance = random.Random(7)
    reasons: Counter[Reason] = Counter()
    for number in range(BATCHES):
        now_ms = NOON_MS + (10 * number + 60) * MINUTE_MS
        drawn = draw_taps(metro, chance, number)
        asked = [
            Submission(drawn[:20], now_ms, lambda _: None, takes_text=True),
            Submission(drawn[20:], now_ms, lambda _: None, takes_text=True),
        ]
        for submission in asked:
            metro.engine.offer(submission)
        batch = metro.engine.take_batch(now_ms)
        assert batch is not None
        rows = metro.ledger.encode_rows(batch.entries)
        assert rows is not None
        submissions, consumed, spans = find_answers(batch)
        assert submissions == asked
        order = msgspec.msgpack.encode(CommitOrder(rows, consumed, spans))
        texts = msgspec.msgpack.decode(scribe.commit(order))
        metro.engine.commit(batch)
        metro.engine.committed(batch)
        for submission, text in zip(asked, texts, strict=True):
            verdicts = [one for one in submission.results if isinstance(one, Verdict)]
            assert text == write_batch(writer.write(verdict) for verdict in verdicts)
            reasons.update(verdict.decision.reason for verdict in verdicts)
    appender.close()
    assert len(reasons) >= 10, reasons
    assert _read_taps(path) == _read_taps(metro.path)
    metro.ledger.close()


def _read_taps(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as ledger:
        return ledger.execute("SELECT * FROM taps ORDER BY row").fetchall()
