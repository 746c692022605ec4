"""Run the media worker: `python -m media_worker --help`.

The event loop is uvloop's where it is installed: a fifth more streams.

Prints `media_worker: ready URL` on stdout once it listens. SIGTERM and SIGINT drain it; exit 0. A second signal
ends it at once. Exit 2 for a setting that is missing or wrong, 1 if it cannot listen.
"""

import asyncio
import logging
import os
import signal
import sys

from media_worker.server import MediaWorker
from media_worker.settings import Settings, SettingsError


def main() -> int:
    """Run the worker and return its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Below this the library writes whole requests, tickets included.
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        settings = Settings.load(sys.argv[1:], os.environ)
    except SettingsError as error:
        print(f"media_worker: {error}", file=sys.stderr)
        return 2
    if settings.ticket_key is None:
        print(
            "media_worker: warning: DIALTONE_AUTH=loopback: streams of this machine need no ticket",
            file=sys.stderr,
        )
    try:
        asyncio.run(run(settings))
    except OSError as error:
        print(f"media_worker: cannot listen on {settings.host}:{settings.port}: {error}", file=sys.stderr)
        return 1
    return 0


async def run(settings: Settings) -> None:
    """Serve until a signal, then drain. Raises OSError if the address cannot be bound."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    async with MediaWorker(settings) as worker:
        print(f"media_worker: ready {worker.url}", flush=True)
        await stop.wait()
        await worker.drain()


if __name__ == "__main__":
    sys.exit(main())
