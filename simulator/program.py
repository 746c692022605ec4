"""The simulator's command line: one call, or the service."""

import argparse
import asyncio
import binascii
import re
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from simulator import speech
from simulator.call import CallReport, http_client, place_call
from simulator.clock import RealClock, VirtualClock
from simulator.ledger import Event, to_line
from simulator.platforms.acs import AcsApp, AcsResource
from simulator.platforms.acs_incoming import AcsReport, place_acs_call
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.skype_actions import Recording
from simulator.script import Script, ScriptError, read_script_file
from simulator.service import Service

OK, NOT_OK, USAGE = 0, 1, 2


def run(arguments: list[str] | None = None) -> int:
    """Run the command line: 0 when all is well, 1 when a call did not go as its script expects, 2 for bad usage."""
    options = _parser().parse_args(arguments)
    try:
        speech.synthesize("a")
        if options.command == "serve":
            asyncio.run(_serve(options.bot, options.port))
            return OK
        if options.command == "acs":
            report: CallReport | AcsReport = asyncio.run(
                _acs(read_script_file(options.script), options.events, options.port, options.key, options.seed)
            )
        else:
            report = asyncio.run(_call(read_script_file(options.script), options.bot, options.time, options.seed))
        if options.save is not None:
            _save(report.recordings, options.save)
    except (ScriptError, speech.SpeechUnavailable, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return NOT_OK
    return OK if report.ok else NOT_OK


def _write(event: Event) -> None:
    sys.stdout.write(to_line(event))
    sys.stdout.flush()


async def _call(script: Script, bot: str, time: str, seed: int | None) -> CallReport:
    async with http_client() as http:
        clock = VirtualClock() if time == "virtual" else RealClock()
        return await place_call(script, bot, clock=clock, http=http, seed=seed, sink=_write)


async def _acs(script: Script, events: str, port: int, key: bytes, seed: int | None) -> AcsReport:
    """Serve an ACS resource and place one call on it, in real time: the bot's commands come over a socket."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        async with http_client() as http:
            clock = RealClock()
            resource = AcsResource(http, clock, AcsSettings(access_key=key))
            config = uvicorn.Config(AcsApp(resource), log_level="warning", access_log=False, lifespan="off", ws="none")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                return await place_acs_call(script, events, resource=resource, clock=clock, seed=seed, sink=_write)
            finally:
                server.should_exit = True
                await serving
                await resource.close()


async def _serve(bot: str, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        async with http_client() as http:
            config = uvicorn.Config(
                Service(bot, http),
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
            )
            print(f"simulator: ready http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
            await uvicorn.Server(config).serve(sockets=[listening])


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A calling platform that rings a bot.")
    commands = parser.add_subparsers(dest="command", required=True)
    call = commands.add_parser("call", help="ring a bot once; the ledger goes to standard output as JSON Lines")
    call.add_argument("script", type=Path, metavar="SCRIPT.yaml", help="what the caller does")
    call.add_argument("--time", choices=("real", "virtual"), default="real", help="default: real")
    call.add_argument("--seed", type=_seed, help="where all ids come from; default: random, printed in call.started")
    call.add_argument("--save", type=Path, metavar="DIR", help="write each recording there")
    serve = commands.add_parser("serve", help="ring a bot when asked over HTTP, on this machine only")
    serve.add_argument("--port", type=_port, default=0, help="default: a free one")
    acs = commands.add_parser("acs", help="serve an ACS resource and ring a bot on it once")
    acs.add_argument("script", type=Path, metavar="SCRIPT.yaml", help="what the caller does")
    acs.add_argument("--events", type=_url, required=True, metavar="URL", help="where Event Grid posts to")
    acs.add_argument("--port", type=_port, required=True, help="of the resource: the bot's DIALTONE_ACS_ENDPOINT")
    acs.add_argument("--key", type=_key, required=True, help="access key of the resource, base64")
    acs.add_argument("--seed", type=_seed, help="noted in call.started")
    acs.add_argument("--save", type=Path, metavar="DIR", help="write each recording there")
    for command in (call, serve):
        command.add_argument("--bot", type=_url, required=True, metavar="URL", help="where the bot takes its calls")
    return parser


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is not an address such as http://127.0.0.1:7071/api/calls")


def _key(value: str) -> bytes:
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        raise argparse.ArgumentTypeError("the key is not base64") from None


def _seed(value: str) -> int:
    if value.isascii() and value.isdecimal():
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from 0")


def _port(value: str) -> int:
    if value.isascii() and value.isdecimal() and int(value) < 65536:
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is not a port, 0 to 65535")
