"""The ACS channel against Microsoft's SDK: what importing each client adds to a cold start, in fresh processes,
commands one after the other, and whole bots from an event to the command that answers it (bench/acs_peers.py).

What a function app of the kit has imported anyway is imported before: `functions.turn` and aiohttp. The commands go to
a server in this process that takes everything, so its cost is in both figures.
"""

import asyncio
import json
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from bench.acs_peers import AT_ONCE, EVENTS, KEY
from bench.callbacks import ROOT, pinned
from bench.table import Figure, ratio, show

ROUNDS = 7
COMMANDS = 200
BOT_ROUNDS = 5
CALLS = 300
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


@asynccontextmanager
async def _resource() -> AsyncIterator[tuple[str, Counter[str]]]:
    """A server that takes every command: its address, and how often it took each."""
    taken: Counter[str] = Counter()
    statuses = {"answer": 200, "terminate": 204}

    async def take(request: web.Request) -> web.Response:
        name = request.path.rpartition(":")[2]
        taken[name] += 1
        about = {"callConnectionId": "c1", "callConnectionState": "connecting"} if name == "answer" else None
        body = json.dumps(about).encode() if about else b""
        return web.Response(status=statuses.get(name, 202), body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", taken
    finally:
        await runner.cleanup()


async def _commands() -> list[tuple[float, float]]:
    async with _resource() as (url, _):
        return await _sent(url)


async def _sent(url: str) -> list[tuple[float, float]]:
    from azure.communication.callautomation import TextSource
    from azure.communication.callautomation.aio import CallAutomationClient
    from azure.core.credentials import AzureKeyCredential

    from functions.acs_client import AcsClient

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
    return pairs[1:]


async def _bots(names: Sequence[str]) -> list[list[dict[str, float]]]:
    """Rounds of the bots' figures, one process after the other."""
    rounds: list[list[dict[str, float]]] = []
    async with _resource() as (url, taken):
        for _ in range(BOT_ROUNDS):
            rounds.append([])
            for name in names:
                taken.clear()
                process = await asyncio.create_subprocess_exec(
                    *pinned(0, [sys.executable, "-m", "bench.acs_peers", name, url, str(CALLS)]),
                    stdout=asyncio.subprocess.PIPE,
                    cwd=ROOT,
                )
                out, _ = await process.communicate()
                if process.returncode:
                    raise RuntimeError(f"the bot {name} failed")
                if set(taken.values()) != {CALLS + AT_ONCE} or len(taken) != EVENTS - 1:
                    raise RuntimeError(f"{name} sent {dict(taken)} for {CALLS + AT_ONCE} calls")
                rounds[-1].append(json.loads(out))
    return rounds


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
    names = {"dialtone": "Dialtone", "verified": "Dialtone, each token verified"}
    try:
        import flask as _flask  # noqa: F401
    except ImportError:
        print("acs: Flask is not installed, so there is no peer; `pip install flask` to compare with it")
    else:
        names["flask"] = "Flask and the SDK, as in Microsoft's samples; nothing verified"
    measured = asyncio.run(_bots(list(names)))
    figures = [Figure([each[index]["cpu_us"] for each in measured]) for index in range(len(names))]
    rows = []
    for name, figure in zip(names.values(), figures, strict=True):
        over = f"{ratio(figures[-1], figure).median:.2f}" if "flask" in names else "-"
        rows.append([name, str(figure), f"{1e6 / figure.median:,.0f}", over])
    columns = ["bot, state in memory", "CPU, µs an event", "events/s of a core", "ratio"]
    note = (
        f"{BOT_ROUNDS} rounds of {CALLS} calls of {EVENTS} events, {AT_ONCE} at once, in one process, which cannot use "
        "more than a core. Aim: 2."
    )
    show("Event in to first command out", columns, rows, note)
