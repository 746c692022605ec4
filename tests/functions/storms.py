"""A storm over a bot in a rig, whatever the platform."""

from collections.abc import Sequence

from simulator.lab import Bot
from simulator.script import read_script
from simulator.storm import Storm


async def stood(bot: Bot, script: str, weather: Sequence[str]) -> int:
    """Each fault of the weather at each request of a script's call leaves the call as it is in calm: how many requests.

    A bot that has not heard of the call yet misses no callback, and a storm has none there.
    """
    cells = [cell async for cell in Storm(bot, 7, weather).blow([read_script(script)])]
    assert {(str(cell.fault), *cell.reasons) for cell in cells if cell.reasons} == set()
    requests = {cell.fault.at for cell in cells if cell.fault is not None}
    assert requests == set(range(len(requests)))
    rings = {"no_callback": bot.platform.requests_to_ring}
    at = [f"{fault}@{request}" for fault in weather for request in range(rings.get(fault, 0), len(requests))]
    assert [str(cell.fault) for cell in cells] == ["None", *at]
    return len(requests)
