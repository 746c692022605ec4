"""Run the media worker: `python -m media_worker --help`.

Prints `media_worker: ready URL` on stdout once it listens. SIGTERM and SIGINT drain it; exit 0. A second signal
ends it at once. Exit 2 for a setting that is missing or wrong, 1 if it cannot listen.

The event loop is uvloop's where it is installed: a fifth more streams. With more than one process, this one only
starts, watches and stops the others (media_worker/processes.py).
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from dialtone import telemetry
from dialtone.privacy import IdentityFilter
from media_worker.handlers import HANDLERS, Handler, bot_of, handlers_of
from media_worker.processes import CHILD, Processes, cores
from media_worker.server import MediaWorker, freeze
from media_worker.settings import Settings, SettingsError


def main() -> int:
    """Run the worker and return its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Below this the libraries write whole requests, tickets and keys included.
    for library in ("websockets", "azure", "aiohttp"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger("media_worker").addFilter(IdentityFilter())
    child = CHILD in os.environ
    try:
        settings = Settings.load(sys.argv[1:], os.environ)
        handlers = handlers_of(settings.bot) if settings.bot else HANDLERS
        consent = bool(settings.bot) and bot_of(settings.bot).require_consent
    except SettingsError as error:
        print(f"media_worker: {error}", file=sys.stderr)
        return 2
    if settings.ticket_key is None and not settings.audience and not child:
        print(
            "media_worker: warning: DIALTONE_AUTH=loopback: streams of this machine need no ticket",
            file=sys.stderr,
        )
    raise_file_limit()
    try:
        if not child and (count := settings.processes or cores()) > 1:
            with Processes(replace(settings, processes=count), sys.argv[1:]) as processes:
                return processes.run()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(settings, handlers, shared=child, requires_consent=consent))
    except OSError as error:
        print(f"media_worker: cannot listen on {settings.host}:{settings.port}: {error}", file=sys.stderr)
        return 1
    return 0


async def run(
    settings: Settings, handlers: Mapping[str, Handler], *, shared: bool, requires_consent: bool = False
) -> None:
    """Serve until a signal, then drain. Raises OSError if the address cannot be bound."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    try:
        telemetry.start("dialtone-media-worker")
    except ModuleNotFoundError as missing:
        logging.getLogger("media_worker").error(
            "a collector is named, and %s is not installed: install dialtone[telemetry]", missing.name
        )
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    async with MediaWorker(settings, handlers, share_port=shared, requires_consent=requires_consent) as worker:
        freeze()
        print(f"media_worker: ready {worker.url}", flush=True)
        await stop.wait()
        await worker.drain()
    await asyncio.to_thread(telemetry.stop)


def raise_file_limit() -> None:
    """Let connections that are half open not take the files of those that are wanted: the usual limit is 1024."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
