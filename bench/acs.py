"""The thin client of ACS against Microsoft's SDK: what importing each adds to a cold start, in fresh processes, and
commands one after the other.

What a function app of the kit has imported anyway is imported before: `functions.turn` and aiohttp. The commands go to
a server in this process that takes everything, so its cost is in both figures.
"""

import asyncio
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable

from aiohttp import web

from bench.callbacks import ROOT
from bench.table import Figure, ratio, show

ROUNDS = 7
COMMANDS = 200
KEY = "a2l0LWxvY2FsLWtleS0wMDAwMDAwMDAwMDAwMDAwMDE="
TIMED = (
    "import time, functions.turn, aiohttp; began = time.perf_counter(); {code}; "
    "print((time.perf_counter() - began) * 1e3)"
)
IMPORTS = {
    "functions.acs_client": "import functions.acs_client",
    "azure.communication.callautomation": "import azure.communication.callautomation",
    "azure.communication.callautomation.aio": "import azure.communication.callautomation.aio",
}


def _import(code: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return float(done.stdout)


async def _timed(send: Callable[[], Awaitable[object]]) -> float:
    """Microseconds of CPU and waiting for each command."""
    began = time.perf_counter()
    for _ in range(COMMANDS):
        await send()
    return (time.perf_counter() - began) / COMMANDS * 1e6


async def _commands() -> list[tuple[float, float]]:
    from azure.communication.callautomation import TextSource
    from azure.communication.callautomation.aio import CallAutomationClient
    from azure.core.credentials import AzureKeyCredential

    from functions.acs_client import AcsClient

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    ours = AcsClient(url, b64decode(KEY))
    body = {
        "playSources": [{"kind": "text", "text": {"text": "Welcome"}}],
        "playTo": [],
        "interruptCallMediaOperation": False,
        "playOptions": {"loop": False},
        "operationContext": "0.1",
    }
    pairs = []
    async with CallAutomationClient(url, AzureKeyCredential(KEY)) as client:
        call, source = client.get_call_connection("c1"), TextSource(text="Welcome")
        for _ in range(ROUNDS + 1):
            mine = await _timed(lambda: ours.send("play_media", body, connection="c1"))
            theirs = await _timed(lambda: call.play_media(source, operation_context="0.1"))
            pairs.append((mine, theirs))
    await ours.close()
    await runner.cleanup()
    return pairs[1:]


def run() -> None:
    """Print the tables."""
    for code in IMPORTS.values():
        _import(code)
    rounds = [[_import(code) for code in IMPORTS.values()] for _ in range(ROUNDS)]
    figures = [Figure([each[index] for each in rounds]) for index in range(len(IMPORTS))]
    rows = [
        [name, str(figure), f"{ratio(figure, figures[0]).median:.2f}"]
        for name, figure in zip(IMPORTS, figures, strict=True)
    ]
    show(
        "Import of a client of ACS, after what is there anyway",
        ["modules", "ms, median (range)", "ratio"],
        rows,
        f"{ROUNDS} rounds.",
    )
    pairs = asyncio.run(_commands())
    mine, theirs = Figure([a for a, _ in pairs]), Figure([b for _, b in pairs])
    rows = [
        ["functions.acs_client", str(mine), "1.00"],
        ["SDK, asynchronous", str(theirs), f"{ratio(theirs, mine).median:.2f}"],
    ]
    show(":play, one after the other", ["client", "µs, median (range)", "ratio"], rows, f"{COMMANDS} commands a round.")
