"""How long it takes to explore a bot: `bots/reception.py`, eight outcomes deep, on one core."""

from time import perf_counter

from bench.table import Figure, show
from bots.reception import bot
from dialtone.dialogs.explorer import explore

ROUNDS = 7
DEPTH = 8
AIM_MS = 10_000


def _round() -> tuple[float, int]:
    """Milliseconds, and how many outcomes were walked."""
    began = perf_counter()
    found = explore(bot, depth=DEPTH)
    return 1000 * (perf_counter() - began), sum(1 for _ in found.edges)


def run() -> None:
    """Print the table."""
    _round()
    rounds = [_round() for _ in range(ROUNDS)]
    figure = Figure([milliseconds for milliseconds, _ in rounds])
    rows = [[f"{rounds[0][1]} outcomes", str(figure), f"{figure.median / AIM_MS:.1%}"]]
    note = f"To a depth of {DEPTH}; each turn is taken twice. Aim: {AIM_MS:,} ms at most."
    show("Exploring bots/reception.py", ["walked", "ms, median (range)", "of the aim"], rows, note)
