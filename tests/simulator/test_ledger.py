import json

from simulator.clock import VirtualClock
from simulator.ledger import Event, Ledger, to_line


async def test_events_are_timed_from_the_beginning_of_the_call() -> None:
    clock = VirtualClock()
    seen: list[Event] = []

    async def call() -> None:
        await clock.sleep(5)
        ledger = Ledger(clock, seen.append)
        ledger.add("platform", "beep", seconds=0.25)
        await clock.sleep(1.23456)
        ledger.add("caller", "pressed", key="#")
        assert ledger.events == seen
        assert ledger.of_kind("pressed") == seen[1:]
        assert ledger.since_start(5.1) == 0.1

    await clock.start(call())
    assert seen == [
        {"t": 0.0, "who": "platform", "kind": "beep", "seconds": 0.25},
        {"t": 1.235, "who": "caller", "kind": "pressed", "key": "#"},
    ]


def test_an_event_is_one_line() -> None:
    event: Event = {"t": 1.5, "who": "caller", "kind": "spoke", "text": "Grüße\nan alle"}
    line = to_line(event)
    assert line.count("\n") == 1
    assert "Grüße" in line
    assert json.loads(line) == event
