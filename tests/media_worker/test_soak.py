"""The soak of `python -m bench soak`, a short one: what is counted comes out even, and nothing is left over."""

from bench.soak import Soaked, soak


async def test_a_minute_of_traffic_comes_out_even() -> None:
    found = await soak(calls=15, seconds=4.5, call_s=1.5)
    assert found.problems == []
    assert found.call_seconds >= 30
    # 45 on a machine that has nothing else to do; how many get through is not what is shown here.
    assert found.calls >= 15
    assert found.uncounted == {"on the way in": 0, "to the handler": 0, "on the way out": 0}
    assert found.left == 0
    assert found.received > 50 * found.calls
    assert found.heard > 0.8 * found.out - 10 * found.calls


def test_what_does_not_come_out_even_is_seen() -> None:
    found = Soaked(sent=10, received=9, dropped_in=1, handled=7, answered=7, out=5, dropped_out=1)
    assert found.uncounted == {"on the way in": 1, "to the handler": 1, "on the way out": 1}
    found.memory = [(float(at), 100 + at * 0.5) for at in range(10)]
    assert round(found.slope) == 30 * 1024
