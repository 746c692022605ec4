"""The simulator's command line: a call or many, a storm, a crowd, or the service."""

import argparse
import asyncio
import json
import re
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, get_args
from urllib.parse import urlsplit

import uvicorn

from dialtone.protocol.canary import PREFIX
from simulator import speech
from simulator.call import place_call
from simulator.canary import ROUTE, Canary, load_canary_key
from simulator.clock import RealClock
from simulator.crowd import Arrivals, Crowd, check_target, load
from simulator.faults import AnyFault, parse_fault
from simulator.house import HouseFailed
from simulator.issuer import IssuerError
from simulator.lab import JOBS, Placed, place_calls
from simulator.ledger import Event, to_line
from simulator.opening import add_options, add_tls_options, open_bot, tls_of
from simulator.phone.ears import SphinxEars
from simulator.phone.frames import MAX_BYTES
from simulator.platform import Recording
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype import Skype
from simulator.script import Script, ScriptError, read_script_file
from simulator.service import Service
from simulator.serving import open_port
from simulator.storm import Storm
from simulator.wire import open_wire

OK, NOT_OK, USAGE = 0, 1, 2
MOST_SECONDS = 24 * 3600


def run(arguments: list[str] | None = None) -> int:
    """Run the command line: 0 when all is well, 1 when a call did not go as its script expects, 2 for bad usage."""
    options = _parser().parse_args(arguments)
    try:
        speech.synthesize("a")
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            ok: bool = runner.run(_COMMANDS[options.command](options))
    except (ScriptError, IssuerError, HouseFailed, speech.SpeechUnavailable, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return NOT_OK
    return OK if ok else NOT_OK


async def _call(options: argparse.Namespace) -> bool:
    script = _with_faults(read_script_file(options.script), options.fault)
    virtual = options.time == "virtual"
    seed = secrets.randbits(32) if options.seed is None else options.seed
    async with open_bot(options) as bot:
        if options.times is None:
            report = await bot.ring(script, seed, virtual=virtual, sink=_write)
            if options.save is not None:
                _save(report.recordings, options.save)
            return report.ok

        def done(placed: Placed) -> None:
            _write(placed.document())
            if options.ledgers is not None:
                text = "".join(map(to_line, placed.report.events))
                (options.ledgers / f"{placed.seed}.jsonl").write_text(text, encoding="utf-8")

        if options.ledgers is not None:
            options.ledgers.mkdir(parents=True, exist_ok=True)
        summary = await place_calls(
            script, bot, times=options.times, seed=seed, jobs=options.jobs, virtual=virtual, done=done
        )
        _write({**summary.document(), "seed": seed})
        return summary.ok == summary.calls


async def _storm(options: argparse.Namespace) -> bool:
    read = [read_script_file(path) for path in options.scripts]
    scripts = [script for script in read if script.is_for(options.platform)]
    for script in read:
        if script not in scripts:
            _write({"kind": "left_out", "script": script.name, "platforms": list(script.platforms)})
    seed = secrets.randbits(32) if options.seed is None else options.seed
    ok = True
    async with open_bot(options) as bot:
        storm = Storm(bot, seed, every=options.every)
        async for cell in storm.blow(scripts):
            _write(cell.document())
            ok = ok and not cell.reasons
        _write({"kind": "storm", "seed": seed, "calls": storm.calls, "ok": ok})
    return ok


async def _load(options: argparse.Namespace) -> bool:
    script = read_script_file(options.script)
    check_target(options.bot, remote=options.remote)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    crowd = Crowd(options.callers, options.arrivals, options.over, seed)
    async with open_bot(options) as bot:
        result = await load(script, bot, crowd, _write)
    _write(result)
    return bool(result["ok"] == result["calls"])


async def _canary(options: argparse.Namespace) -> bool:
    """Place one call that nobody pays for, in real time: its answers take as long as a caller would wait."""
    target = options.target.rstrip("/")
    canary = Canary(load_canary_key(options.key), target)
    async with open_wire(tls_of(options), canary.sign) as wire:
        report = await place_call(
            read_script_file(options.script),
            target + ROUTE,
            clock=RealClock(),
            wire=wire,
            platform=Skype(PlatformSettings(call_prefix=PREFIX)),
            sink=_write,
        )
    return report.ok


async def _serve(options: argparse.Namespace) -> bool:
    with open_port(options.port) as listening:
        async with open_bot(options) as bot:
            config = uvicorn.Config(
                Service(bot, SphinxEars() if SphinxEars.installed() else None),
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="websockets-sansio",
                ws_max_size=MAX_BYTES,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
            print(f"simulator: ready http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
            await uvicorn.Server(config).serve(sockets=[listening])
    return True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


_COMMANDS = {"call": _call, "storm": _storm, "load": _load, "canary": _canary, "serve": _serve}


def _with_faults(script: Script, faults: list[AnyFault]) -> Script:
    return script.model_copy(update={"faults": (*script.faults, *faults)}) if faults else script


def _write(event: Event | dict[str, Any]) -> None:
    sys.stdout.write(to_line(event) if "t" in event else json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _save(recordings: list[Recording], directory: Path) -> None:
    """Write each recording as `<number>-<operation>.<format>`, whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, recording in enumerate(recordings, 1):
        # The operation's id is the bot's, and may hold anything.
        operation = re.sub(r"[^A-Za-z0-9_-]", "_", recording.operation_id)[:64]
        path = directory / f"{number}-{operation}.{recording.format.value}"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(recording.data)
        unfinished.replace(path)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, which other programs show, and nothing of all that would be right."""

    def error(self, message: str) -> NoReturn:
        print(f"simulator: {message}; {self.prog} --help says more", file=sys.stderr)
        sys.exit(USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m simulator", description="A calling platform that rings a bot.")
    commands = parser.add_subparsers(dest="command", required=True)
    call = commands.add_parser("call", help="ring a bot; the ledger goes to standard output as JSON Lines")
    call.add_argument("script", type=Path, metavar="SCRIPT.yaml", help="what the caller does")
    call.add_argument("--time", choices=("real", "virtual"), default="real", help="default: real")
    call.add_argument("--save", type=Path, metavar="DIR", help="write each recording there")
    call.add_argument("--fault", type=_fault, action="append", default=[], metavar="NAME=VALUE@AT", help="one more")
    call.add_argument("--times", type=_count, help="make so many calls; a line for each goes to standard output")
    call.add_argument("--jobs", type=_count, default=JOBS, help="how many of them at once; default: %(default)s")
    call.add_argument("--ledgers", type=Path, metavar="DIR", help="write the ledger of each of them there")
    storm = commands.add_parser("storm", help="every fault at every gap of the calls of some scripts")
    storm.add_argument("scripts", type=Path, nargs="+", metavar="SCRIPT.yaml")
    storm.add_argument("--every", type=_count, default=1, help="make only each so many-th of them; default: all")
    crowd = commands.add_parser("load", help="many callers in real time")
    crowd.add_argument("script", type=Path, metavar="SCRIPT.yaml", help="what each caller does")
    crowd.add_argument("--callers", type=_count, default=100, help="default: %(default)s")
    crowd.add_argument("--arrivals", choices=get_args(Arrivals), default="poisson", help="default: %(default)s")
    crowd.add_argument("--over", type=_seconds, default=60.0, metavar="SECONDS", help="default: %(default)s")
    crowd.add_argument("--remote", action="store_true", help="ring a bot that is not on this machine")
    canary = commands.add_parser("canary", help="place a call that a deployed bot takes for an operator's test")
    canary.add_argument("script", type=Path, metavar="SCRIPT.yaml", help="what the caller does")
    canary.add_argument("--target", type=_url, required=True, metavar="URL", help="address of the functions")
    canary.add_argument("--key", type=Path, required=True, metavar="PEM", help="the canary's private key")
    add_tls_options(canary)
    serve = commands.add_parser("serve", help="ring a bot when asked over HTTP, on this machine only")
    serve.add_argument("--port", type=_port, default=0, help="default: a free one")
    for command in (call, storm, crowd):
        command.add_argument("--seed", type=_seed, help="where all ids come from; default: random, and told")
    for command in (call, storm, crowd, serve):
        add_options(command, _port, _url)
    return parser


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is not an address such as http://127.0.0.1:7071/api/calls")


def _fault(value: str) -> AnyFault:
    try:
        return parse_fault(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seed(value: str) -> int:
    if value.isascii() and value.isdecimal():
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from 0")


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= MOST_SECONDS:
        return seconds
    raise argparse.ArgumentTypeError(f"{value!r} is not a number of seconds, above 0 to {MOST_SECONDS}")


def _count(value: str) -> int:
    if value.isascii() and value.isdecimal() and int(value):
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from 1")


def _port(value: str) -> int:
    if value.isascii() and value.isdecimal() and int(value) < 65536:
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is not a port, 0 to 65535")
