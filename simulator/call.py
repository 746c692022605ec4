"""One call from beginning to verdict: a clock, a line, a platform at one end and a caller at the other."""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import httpx

from simulator.callers import ScriptedCaller
from simulator.clock import Clock
from simulator.ledger import Event, Ledger
from simulator.line import Line
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype import SkypeCall
from simulator.platforms.skype_actions import Recording
from simulator.script import Script
from simulator.verdict import judge


@dataclass(frozen=True)
class CallReport:
    """What came of a call: whether it went as its script expects, its events, and its recordings."""

    ok: bool
    events: list[Event]
    recordings: list[Recording]


def http_client() -> httpx.AsyncClient:
    """An HTTP client for calls: it keeps connections, follows no redirect, and takes no proxy from the environment."""
    return httpx.AsyncClient(
        verify=_tls(),
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
    )


@cache
def _tls() -> ssl.SSLContext:
    # Reading the authorities takes longer than a call in virtual time.
    return httpx.create_ssl_context(trust_env=False)


async def place_call(
    script: Script,
    bot_url: str,
    *,
    clock: Clock,
    http: httpx.AsyncClient,
    seed: int | None = None,
    settings: PlatformSettings | None = None,
    sink: Callable[[Event], None] | None = None,
) -> CallReport:
    """Ring the bot at `bot_url` as the script's caller.

    Every id comes from `seed`, which is random when left out and noted in `call.started`. `sink` gets each event as
    it happens. Raises `simulator.speech.SpeechUnavailable` when espeak-ng is not installed.
    """
    settings = settings or PlatformSettings()
    ledger = Ledger(clock, sink)
    line = Line(clock, ledger, settings.max_call_duration_s)
    caller = ScriptedCaller(script)
    seed = secrets.randbits(32) if seed is None else seed
    platform = SkypeCall(script, bot_url, line=line, http=http, seed=seed, settings=settings)
    ends = [clock.start(platform.run()), clock.start(caller.run(line))]
    try:
        await asyncio.gather(*ends)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    return CallReport(judge(caller, ledger, platform.faults), ledger.events, platform.recordings)
