"""How many whole calls a unit test can make: `bots/reception.py` through `dialtone.testing`, on one core."""

import asyncio
from time import perf_counter

from bench.table import Figure, show
from bots.reception import bot
from dialtone.testing import dial, hang_up, press, speak

ROUNDS = 7
CALLS_A_ROUND = 200


async def _round() -> float:
    """Calls a minute."""
    began = perf_counter()
    for _ in range(CALLS_A_ROUND):
        await dial(bot, press("2"), speak("Hello, this is Nora."), hang_up())
    return 60 * CALLS_A_ROUND / (perf_counter() - began)


async def _measure() -> list[float]:
    await _round()
    return [await _round() for _ in range(ROUNDS)]


def run() -> None:
    """Print the table."""
    figure = Figure(asyncio.run(_measure()))
    rows = [["a message is left: 3 turns", str(figure), f"{figure.median / 10_000:.1f}"]]
    note = "One core. Each turn goes through its history as text. Aim: 10,000 a minute."
    show("Calls in a unit test", ["call", "calls/min, median (range)", "against the aim"], rows, note)
