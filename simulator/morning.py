"""A morning at 孵化园: `python -m simulator.morning run` goes on until interrupted, `demo` ends.

Both start an engine on its embedded default and send it the taps of simulated gates over HTTP.
`demo` holds every answer against the passenger's intention, and fails when one is not as it should
be.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from simulator.auditing import audit_server
from simulator.demo import MIX, PASSENGERS, PASSENGERS_MAX, SEED_MAX, format_demo, send_morning
from simulator.live import send_live
from simulator.server_metro import open_metro
from simulator.serving import Keys, NotServed, find_port, prepare, serving
from simulator.world.metro import Metro

PORT: Final = 8080
RATE_MAX: Final = 500
"""Less than the gates simulated here can send, so that none of their taps has to wait."""
INTERRUPTED: Final = 128


def main() -> int:
    """Run the command line; the exit status. However it ends, the server ends first."""
    options = _parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        with tempfile.TemporaryDirectory(prefix="fare-engine-") as scratch:
            return _simulate(options, Path(scratch))
    except KeyboardInterrupt:
        return 0 if options.what == "run" else INTERRUPTED + signal.SIGINT
    except BrokenPipeError:  # The reader has gone, as `head` does: the exit must not flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except NotServed as error:
        print(f"simulated morning: {error}", file=sys.stderr)
        return 1


def _simulate(options: argparse.Namespace, scratch: Path) -> int:
    as_json = options.what == "demo" and options.json
    say = partial(_say, sys.stderr if as_json else sys.stdout)
    data_dir = options.data_dir or scratch / "data"
    keys = prepare(data_dir)
    port = find_port(options.port)
    if port != options.port:
        say(f"port {options.port} is taken: another one is used")
    with (
        serving(data_dir, port, keys, scratch / "server.log") as served,
        open_metro(served) as (metro, key),
    ):
        say(f"fare-engine serves {served.url} (documentation: {served.url}/docs)")
        if keys.gate_key and (options.data_dir or options.what == "run"):
            say(_format_keys(keys, metro, data_dir if options.data_dir else None))
        say(_format_gates(metro))
        if options.what == "run":
            say("taps have the time of now; Ctrl-C ends it")
            asyncio.run(send_live(served.url, key, metro, options.seed, options.rate, say))
            return 0
        say(f"{options.passengers:,} passengers come from 07:00 to 09:00, seed {options.seed}")
        command = " ".join(["python -m simulator.morning", *sys.argv[1:]])
        auditor = audit_server(served.url, served.keys.admin_key, _ignore_progress)
        report = send_morning(
            served.url, key, metro, options.seed, options.passengers, command, auditor
        )
        print(json.dumps(report, ensure_ascii=False) if as_json else format_demo(report))
        return 0 if report["passed"] else 1


def _format_gates(metro: Metro) -> str:
    """What is simulated."""
    lane = metro.stations[metro.lanes[0]]
    others = [station for station in metro.stations if station is not lane]
    gates = sum(len(station.gates) for station in others)
    window_ms = int(metro.window_ms[metro.lanes[0]])
    return (
        f"simulated: {len(lane.gates)} gates at {lane.name}, where a crossing within "
        f"{window_ms / 60_000:g} minutes is free, and {gates} at "
        f"{', '.join(station.name for station in others)}"
    )


def _format_keys(keys: Keys, metro: Metro, kept: Path | None) -> str:
    """The keys of a new directory, to ask the server something oneself."""
    names = {station.station_id: station.name for station in metro.stations}
    spoken_for = ", ".join(names[station] for station in sorted(keys.spoken_for))
    fate = f"of {kept}, shown once" if kept else "good until this ends"
    return (
        f"keys {fate}:\n  gate key   {keys.gate_key}  ({spoken_for})\n  admin key  {keys.admin_key}"
    )


def _say(stream: TextIO, text: str) -> None:
    print(text, file=stream, flush=True)


def _ignore_progress(_what: str, _done: int, _total: int) -> None:
    """A morning's audit is over at once."""


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(INTERRUPTED + number)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator.morning", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    run = commands.add_parser("run", help="go on until interrupted")
    run.add_argument("--rate", type=_rate, default=20.0, help="taps a second")
    demo = commands.add_parser("demo", help="one morning of 2025-03-03, and its report")
    demo.add_argument("--passengers", type=_passengers, default=PASSENGERS)
    demo.add_argument("--json", action="store_true", help="print the report as JSON")
    for command in (run, demo):
        command.add_argument("--port", type=_port, default=PORT, help="0 takes any free one")
        command.add_argument("--seed", type=_seed, default=42)
        command.add_argument(
            "--data-dir", type=Path, help="keep what is recorded; made when it is not there"
        )
    return parser.parse_args()


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= RATE_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0 and at most {RATE_MAX}")
    return value


def _port(text: str) -> int:
    return _between(text, 0, 65_535)


def _seed(text: str) -> int:
    return _between(text, 0, SEED_MAX)


def _passengers(text: str) -> int:
    return _between(text, len(MIX), PASSENGERS_MAX)


def _between(text: str, lowest: int, highest: int) -> int:
    value = int(text)
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"{text} is not between {lowest} and {highest}")
    return value


if __name__ == "__main__":
    sys.exit(main())
